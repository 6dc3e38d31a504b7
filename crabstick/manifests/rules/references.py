"""What Pods name, and these manifests hold by another name, at another port or somewhere else."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from crabstick.explain import nearest
from crabstick.manifests.bundle import Bundle
from crabstick.manifests.documents import Document, below, items
from crabstick.manifests.faults import Fault, Finding, Remark
from crabstick.manifests.rules.selector import also, places, selector_of, selects
from crabstick.manifests.rules.uses import Use, uses

__all__ = ["head_service", "is_wrong_port", "nameless", "namespaces", "references"]

_ALIKE = 0.85
_HASH = re.compile(r"-[2456789bcdfghkmt]{10}")
"""What kustomize puts behind the name of a ConfigMap."""
_ADDRESS = ("spec", "clusterIP")
_OWN_NAME = ("spec", "headGroupSpec", "headService", "metadata", "name")
_HEAD_SERVICE = "-head-svc"
_HEAD_PORTS: Final = frozenset({"6379", "8265", "10001", "8080"})
"""GCS, dashboard, Ray Client and metrics, unless they are told others."""
_WITHOUT: Final = {
    "ConfigMap": "no such Pod starts without it",
    "Service": "nobody answers there",
    "ServiceAccount": "no such Pod is made without it",
}
_GIVEN: Final = {
    "ConfigMap": frozenset({"kube-root-ca.crt", "openshift-service-ca.crt"}),
    "ServiceAccount": frozenset({"default"}),
}
"""Those that every namespace has."""


def nameless(bundle: Bundle) -> Iterator[Finding]:
    """Who wants a Secret or a ConfigMap says which."""
    for use in uses(bundle):
        if not use.name:
            yield Fault(f"names no {use.kind}: write its name", use.route, use.owner)


def references(bundle: Bundle) -> Iterator[Finding]:
    """Each name that is not here has nothing like it here, and each Service has that port."""
    held = _held(bundle)
    named = [use for use in uses(bundle) if use.kind in held and use.name]
    absent: dict[tuple[str, str], Use] = {}
    for use in named:
        if use.name in held[use.kind]:
            if is_wrong_port(use, bundle):
                yield Fault(
                    f"asks the Service {use.name} at port {use.key}, and it listens at "
                    f"{', '.join(_ports(use, bundle))}",
                    use.route,
                    use.owner,
                )
        elif use.name not in _GIVEN.get(use.kind, ()):
            absent.setdefault((use.kind, use.name), use)
    for (kind, name), first in absent.items():
        unused = held[kind].keys() - {use.name for use in named if use.kind == kind}
        near = _near(name, sorted(unused))
        if near:
            yield Fault(
                f"names the {kind} {name}, which these manifests do not hold, and {_WITHOUT[kind]}"
                f"; {_advice(name, near)}",
                first.route,
                first.owner,
            )
        elif len(bundle.documents) > 1:
            yield Remark(f"{kind} {name} is not in these manifests, and {_WITHOUT[kind]}")


def _held(bundle: Bundle) -> dict[str, dict[str, Document | None]]:
    """By kind and name; None for what the operator makes."""
    held: dict[str, dict[str, Document | None]] = {kind: {} for kind in _WITHOUT}
    for document in bundle.documents:
        if document.kind in held:
            held[document.kind][document.name] = document
    if service := head_service(bundle):
        held["Service"][service] = None
    return held


def head_service(bundle: Bundle) -> str:
    """What the operator calls the Service of the head; empty when the cluster has no name."""
    name, own = bundle.cluster.metadata.name, below(bundle.source.body, _OWN_NAME)
    return str(own or (name and f"{name}{_HEAD_SERVICE}"))


def _near(name: str, unused: Sequence[str]) -> str | None:
    """What was probably meant: a name that kustomize made of it, or one with a slip."""
    for each in unused:
        is_hashed = each.startswith(name) and _HASH.fullmatch(each.removeprefix(name))
        is_of_operator = each.endswith(_HEAD_SERVICE) and name.endswith(_HEAD_SERVICE)
        if is_hashed or is_of_operator or each.endswith(f"-{name}"):
            return each
    return nearest(name, unused, _ALIKE)


def _advice(name: str, near: str) -> str:
    if _HASH.fullmatch(near.removeprefix(name)):
        return (
            f"it is {near} here: write generatorOptions.disableNameSuffixHash: true, for kustomize "
            "renames nothing within a RayCluster"
        )
    return f"did you mean {near}, which nobody names?"


def is_wrong_port(use: Use, bundle: Bundle) -> bool:
    """Whether it asks a Service where that is known not to listen."""
    ports = _ports(use, bundle)
    return bool(use.key and ports and use.key not in ports)


def _ports(use: Use, bundle: Bundle) -> list[str]:
    """Where the Service listens; nothing when that is not known, or it is none."""
    held = _held(bundle)["Service"]
    if use.kind != "Service" or use.name not in held:
        return []
    service = held[use.name]
    if service is None:
        return [*_of_head(bundle)]
    found = [below(each, ("port",)) for each in items(service.body, ("spec", "ports"))]
    ports = [str(port) for port in found if port is not None]
    if below(service.body, _ADDRESS) != "None":
        return ports
    behind = [*_behind(service, bundle)]  # it leads to any port of its Pods
    return sorted({*ports, *behind}, key=int) if behind else []


def _behind(service: Document, bundle: Bundle) -> Iterator[str]:
    """The ports of the Pods that it selects, as far as they are named."""
    selector = selector_of({"matchLabels": below(service.body, ("spec", "selector"))})
    for pod in bundle.pods:
        if selector and selects(selector, pod):
            for container, _ in pod.containers():
                yield from (str(port.container_port) for port in container.ports)


def _of_head(bundle: Bundle) -> Iterator[str]:
    """The ports at which the head hears others."""
    given = bundle.cluster.head.spec.ray_start_params
    named = {str(port.container_port) for port in bundle.cluster.head.ray.ports}
    told = {port for name, port in given.items() if name.endswith("port") and port.isdecimal()}
    yield from sorted({*_HEAD_PORTS, *named, *told, str(bundle.settings.http.port)}, key=int)


def namespaces(bundle: Bundle) -> Iterator[Finding]:
    """What belongs to a Pod is where the Pod is."""
    strays: dict[tuple[str, str], list[Document]] = {}
    for document, homes in _belongings(bundle):
        if homes and document.namespace not in homes:
            strays.setdefault((document.namespace, min(homes)), []).append(document)
    for (place, home), (first, *others) in strays.items():
        words = (
            f"is {place or 'left out'}, and that of its Pods {home or 'left out'}: put all of it "
            f"into one namespace{also(first.title, (each.title for each in others))}"
        )
        if place and home:
            yield Fault(words, ("metadata", "namespace"), first.title)
        else:  # kubectl's own may be the other one
            yield Remark(f"{first.title}, metadata.namespace {words}")


def _belongings(bundle: Bundle) -> Iterator[tuple[Document, set[str]]]:
    """Each object, and the namespaces of the Pods that it is for."""
    for each in places(bundle):
        if each.document.kind != "PodMonitor" and each.selector:
            homes = {pod.namespace for pod in bundle.pods if selects(each.selector, pod)}
            yield each.document, homes
    held = _held(bundle)
    for use in uses(bundle):
        found = held.get(use.kind, {}).get(use.name)
        if found is not None:
            yield found, {use.namespace}
