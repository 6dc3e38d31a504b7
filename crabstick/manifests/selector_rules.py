"""What selects Pods by labels that none of them has: it does nothing, and nobody refuses it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from pydantic import Field

from crabstick.manifests.bundle import Bundle, Pod
from crabstick.manifests.documents import Document, below
from crabstick.manifests.faults import Fault, Finding, Route
from crabstick.manifests.fields import LABEL_SELECTOR
from crabstick.manifests.pod_model import View
from crabstick.manifests.reading import read
from crabstick.near_miss import nearest

__all__ = ["Selector", "also", "places", "selectors"]

_SELECTING: Final[Mapping[str, Route]] = {
    "Deployment": ("spec", "selector"),
    "NetworkPolicy": ("spec", "podSelector"),
    "PodDisruptionBudget": ("spec", "selector"),
    "PodMonitor": ("spec", "selector"),
    "Service": ("spec", "selector"),
    "StatefulSet": ("spec", "selector"),
}
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


class Selector(View):
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


def places(bundle: Bundle) -> Iterator[tuple[Document, Selector]]:
    """Each object that selects Pods, and how."""
    for document in bundle.documents:
        found = below(document.body, _SELECTING.get(document.kind, ("",)))
        if isinstance(found, Mapping):
            value = {"matchLabels": found} if document.kind == "Service" else found
            meant, _ = read(value, LABEL_SELECTOR, "Kubernetes")  # the faults were told already
            yield document, Selector.model_validate(meant or {})


def selectors(bundle: Bundle) -> Iterator[Finding]:
    """Each selects a Pod of these manifests, as far as it can be meant to."""
    wrong: dict[tuple[str, str, str], list[Document]] = {}
    for document, selector in places(bundle):
        if any(selector.selects(pod) for pod in bundle.pods):
            continue
        for key, values in selector.wishes():
            known = sorted({pod.labels[key] for pod in bundle.pods if key in pod.labels})
            meant = _meant(key, values, known)
            if meant:
                wrong.setdefault((key, values[0], meant), []).append(document)
    for (key, value, meant), (first, *others) in wrong.items():
        yield Fault(
            f"selects no Pod of these manifests: it wants {key}: {value}, and they have {meant}"
            f"{also(first, others)}",
            _SELECTING[first.kind],
            first.title,
        )


def also(first: Document, others: Iterable[Document]) -> str:
    """Who else is wrong in the same way."""
    titles = sorted({each.title for each in others} - {first.title})
    return f"; the same goes for {', '.join(titles)}" if titles else ""


def _meant(key: str, values: tuple[str, ...], known: list[str]) -> str:
    """The values that there are, if one of them was meant; else it may select other Pods."""
    if not values or not known or set(values) & {*known, _CLEANUP}:
        return ""
    if key.startswith(_RAY):
        return " or ".join(known)
    return nearest(values[0], known, _ALIKE) or ""
