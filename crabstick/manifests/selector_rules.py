"""What selects Pods by labels that none of them has: it does nothing, and nobody refuses it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import Field

from crabstick.manifests.bundle import Bundle, Pod
from crabstick.manifests.documents import Document, below, items
from crabstick.manifests.faults import Fault, Finding, Route
from crabstick.manifests.fields import LABEL_SELECTOR
from crabstick.manifests.pod_model import View
from crabstick.manifests.reading import read
from crabstick.near_miss import nearest

__all__ = ["Place", "also", "places", "selectors"]

_SELECTING: Final[Mapping[str, Route]] = {
    "Deployment": ("spec", "selector"),
    "NetworkPolicy": ("spec", "podSelector"),
    "PodDisruptionBudget": ("spec", "selector"),
    "PodMonitor": ("spec", "selector"),
    "Service": ("spec", "selector"),
    "StatefulSet": ("spec", "selector"),
}
_SIDES = (("ingress", "from"), ("egress", "to"))
_ELSEWHERE = ("namespaceSelector",)
_RAY = "ray.io/"
"""Only Pods of a RayCluster have such labels."""
_CLEANUP = "redis-cleanup"
"""The node type of a job that the operator starts at the very end."""
_ALIKE = 0.85


class _Expression(View):
    """One wish about one label."""

    key: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()


class _Selector(View):
    """Which labels a Pod must have."""

    match_labels: Mapping[str, str] = Field(default_factory=dict)
    match_expressions: tuple[_Expression, ...] = ()

    def wishes(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Each label that must be there, with the values that it may have."""
        for key, value in self.match_labels.items():
            yield key, (value,)
        for each in self.match_expressions:
            if each.operator == "In":
                yield each.key, each.values

    def selects(self, pod: Pod) -> bool:
        """Whether the Pod has them."""
        return all(pod.labels.get(key) in values for key, values in self.wishes())


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A selector, and where it stands."""

    selector: _Selector
    document: Document
    route: Route


def places(bundle: Bundle) -> Iterator[Place]:
    """Every selector of Pods that an object has, those of its rules among them."""
    for document in bundle.documents:
        for route in _routes(document):
            found = below(document.body, route)
            if document.kind == "Service":
                found = {"matchLabels": found}
            meant, _ = read(found, LABEL_SELECTOR, "Kubernetes")  # else it was told already
            selector = _Selector.model_validate(meant or {})
            yield Place(selector=selector, document=document, route=route)


def _routes(document: Document) -> Iterator[Route]:
    """Where they stand; that of a peer only if it means the Pods of the same namespace."""
    route = _SELECTING.get(document.kind)
    if route is not None and isinstance(below(document.body, route), Mapping):
        yield route
    for direction, side in _SIDES if document.kind == "NetworkPolicy" else ():
        for at, rule in enumerate(items(document.body, ("spec", direction))):
            for number, peer in enumerate(items(rule, (side,))):
                if below(peer, ("podSelector",)) and below(peer, _ELSEWHERE) is None:
                    yield ("spec", direction, at, side, number, "podSelector")


def selectors(bundle: Bundle) -> Iterator[Finding]:
    """Each selects a Pod of these manifests, as far as it can be meant to."""
    wrong: dict[tuple[str, str], list[Place]] = {}
    advice: dict[tuple[str, str], str] = {}
    for place in places(bundle):
        if any(place.selector.selects(pod) for pod in bundle.pods):
            continue
        for key, values in place.selector.wishes():
            known = sorted({pod.labels[key] for pod in bundle.pods if key in pod.labels})
            meant = _meant(place, key, values, known)
            if meant:
                wrong.setdefault((key, values[0]), []).append(place)
                advice[key, values[0]] = meant
    for (key, value), (first, *others) in wrong.items():
        yield Fault(
            f"selects no Pod of these manifests: it wants {key}: {value}, and they have "
            f"{advice[key, value]}{also(first.document, (each.document for each in others))}",
            first.route,
            first.document.title,
        )


def also(first: Document, others: Iterable[Document]) -> str:
    """Who else is wrong in the same way."""
    titles = sorted({each.title for each in others} - {first.title})
    return f"; the same goes for {', '.join(titles)}" if titles else ""


def _meant(place: Place, key: str, values: tuple[str, ...], known: list[str]) -> str:
    """The values that there are, if one of them was meant; else it may select other Pods."""
    if not values or not known or set(values) & {*known, _CLEANUP}:
        return ""
    is_peer = len(place.route) > len(_SELECTING[place.document.kind])
    if key.startswith(_RAY) and not is_peer:
        return " or ".join(known)
    return nearest(values[0], known, _ALIKE) or ""
