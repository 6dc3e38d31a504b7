"""What selects Pods by labels that none of them has: it does nothing, and nobody refuses it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from crabstick.explain import nearest
from crabstick.manifests.bundle import Bundle, Pod
from crabstick.manifests.documents import Document, below, items
from crabstick.manifests.faults import Fault, Finding, Route
from crabstick.manifests.fields import LABEL_SELECTOR
from crabstick.manifests.reading import read

__all__ = ["Place", "Selector", "Wish", "also", "places", "selector_of", "selectors", "selects"]

_SELECTING: Final[Mapping[str, Route]] = {
    "Deployment": ("spec", "selector"),
    "NetworkPolicy": ("spec", "podSelector"),
    "PodDisruptionBudget": ("spec", "selector"),
    "PodMonitor": ("spec", "selector"),
    "Service": ("spec", "selector"),
    "StatefulSet": ("spec", "selector"),
}
_PEERS: Final = {"ingress": "from", "egress": "to"}
"""Whom a NetworkPolicy lets in and out."""
_RAY = "ray.io/"
"""Only Pods of a RayCluster have such labels."""
_CLEANUP = "redis-cleanup"
"""The node type of a job that the operator starts at the very end."""
_ALIKE = 0.85


@dataclass(frozen=True, slots=True)
class Wish:
    """What one label must be, or must not; `operator` as Kubernetes calls them."""

    key: str
    operator: str
    values: Sequence[object] = ()

    def is_met(self, labels: Mapping[str, str]) -> bool:
        """Whether these labels are so."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "DoesNotExist":
                return self.key not in labels
            case _:
                return self.key in labels


Selector = Sequence[Wish]
"""All of them must be met."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an object selects Pods, and how."""

    document: Document
    route: Route
    selector: Selector

    @property
    def title(self) -> str:
        """The kind and name of the object."""
        return self.document.title


def places(bundle: Bundle) -> Iterator[Place]:
    """Each place where Pods of the object's own namespace are selected."""
    for document in bundle.documents:
        for route, found in _found(document):
            if isinstance(found, Mapping):
                value = {"matchLabels": found} if document.kind == "Service" else found
                yield Place(document, route, selector_of(value))


def _found(document: Document) -> Iterator[tuple[Route, object]]:
    if document.kind in _SELECTING:
        route = _SELECTING[document.kind]
        yield route, below(document.body, route)
    if document.kind != "NetworkPolicy":
        return
    for rules, side in _PEERS.items():
        for at, rule in enumerate(items(document.body, ("spec", rules))):
            for number, peer in enumerate(items(rule, (side,))):
                if below(peer, ("namespaceSelector",)) is None:
                    route = ("spec", rules, at, side, number, "podSelector")
                    yield route, below(peer, ("podSelector",))


def selector_of(value: object) -> Selector:
    """What `matchLabels` and `matchExpressions` say; their faults are told already."""
    meant, _ = read(value, LABEL_SELECTOR, "Kubernetes")
    return [*_wishes(meant)]


def _wishes(selector: object) -> Iterator[Wish]:
    labels = below(selector, ("matchLabels",))
    for key, value in labels.items() if isinstance(labels, Mapping) else ():
        yield Wish(key, "In", [value])
    for each in items(selector, ("matchExpressions",)):
        key, operator = str(below(each, ("key",))), str(below(each, ("operator",)))
        yield Wish(key, operator, items(each, ("values",)))


def selects(selector: Selector, pod: Pod) -> bool:
    """Whether it selects those Pods."""
    return all(wish.is_met(pod.labels) for wish in selector)


def selectors(bundle: Bundle) -> Iterator[Finding]:
    """Each selects a Pod of these manifests, as far as it can be meant to."""
    wrong: dict[tuple[str, str, str], list[Place]] = {}
    for place in places(bundle):
        if any(selects(place.selector, pod) for pod in bundle.pods):
            continue
        for wish in place.selector:
            if meant := _meant(wish, bundle):
                wrong.setdefault((wish.key, str(wish.values[0]), meant), []).append(place)
    for (key, value, meant), (first, *others) in wrong.items():
        yield Fault(
            f"selects no Pod of these manifests: it wants {key}: {value}, and they have {meant}"
            f"{also(first.title, (each.title for each in others))}",
            first.route,
            first.title,
        )


def also(first: str, others: Iterable[str]) -> str:
    """Whose titles are wrong in the same way."""
    titles = sorted({*others} - {first})
    return f"; the same goes for {', '.join(titles)}" if titles else ""


def _meant(wish: Wish, bundle: Bundle) -> str:
    """The values that there are, if one of them was meant; else it may select other Pods."""
    known = sorted({pod.labels[wish.key] for pod in bundle.pods if wish.key in pod.labels})
    is_open = wish.operator != "In" or not wish.values or not known
    if is_open or set(wish.values) & {*known, _CLEANUP}:
        return ""
    if wish.key.startswith(_RAY):
        return " or ".join(known)
    return nearest(str(wish.values[0]), known, _ALIKE) or ""
