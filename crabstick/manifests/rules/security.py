"""Pods that Kubernetes does not let into a namespace labelled `restricted`, as our docs have it.

Source: the Pod Security Standards of Kubernetes, level "restricted".
"""

from collections.abc import Iterator, Mapping
from typing import Final

from crabstick.explain import and_more
from crabstick.manifests.bundle import Bundle, Pod
from crabstick.manifests.documents import below
from crabstick.manifests.faults import Fault, Finding, Remark, Route
from crabstick.manifests.pod_model import Container, PodSecurity, PodSpec

__all__ = ["admission"]

_LABEL: Final = "pod-security.kubernetes.io/enforce"
_LEVEL: Final = "restricted"
_BINDING: Final = frozenset({"NET_BIND_SERVICE"})
_PROFILES: Final = frozenset({"RuntimeDefault", "Localhost"})
_SECURITY: Final = "securityContext"

_Refusal = tuple[Route, str]
"""Where it stands, and what would be let in."""


def admission(bundle: Bundle) -> Iterator[Finding]:
    """A fault where the namespace is here and refuses the Pods; else good to know."""
    strict = {each.name for each in bundle.documents if _is_strict(each.body)}
    tolerated: list[str] = []
    for pod in bundle.pods:
        for route, wanted in _refusals(bundle, pod):
            if pod.namespace in strict:
                words = f"must be {wanted}: the namespace {pod.namespace} is {_LEVEL}"
                yield Fault(words, route, pod.owner)
            else:
                place = Fault("", route, pod.owner)
                tolerated.append(f"{place}would have to be {wanted}")
    if tolerated:
        first = and_more(tolerated[0], len(tolerated))
        yield Remark(f"a namespace labelled {_LEVEL} refuses them: {first}")


def _is_strict(body: Mapping[str, object]) -> bool:
    label = below(body, ("metadata", "labels", _LABEL))
    return body.get("kind") == "Namespace" and label == _LEVEL


def _refusals(bundle: Bundle, pod: Pod) -> Iterator[_Refusal]:
    yield from _of_pod(pod.spec, pod.route)
    for container, route in pod.containers():
        yield from _of_container(container, route, pod.spec)
    if (
        pod.route == bundle.cluster.head.pod_route
        and bundle.cluster.spec.enable_in_tree_autoscaling
    ):
        options = ("spec", "autoscalerOptions")
        yield from _of_container(bundle.cluster.spec.autoscaler_options, options, pod.spec)


def _of_pod(spec: PodSpec, route: Route) -> Iterator[_Refusal]:
    shared = {"hostNetwork": spec.host_network, "hostPID": spec.host_pid, "hostIPC": spec.host_ipc}
    for name, is_shared in shared.items():
        if is_shared:
            yield (*route, name), "false"
    for at, volume in enumerate(spec.volumes):
        if volume.host_path is not None:
            yield (*route, "volumes", at, "hostPath"), "left out"


def _of_container(container: Container, route: Route, spec: PodSpec) -> Iterator[_Refusal]:
    own, where = container.security_context, (*route, _SECURITY)
    if own.privileged:
        yield (*where, "privileged"), "false"
    if own.allow_privilege_escalation:
        yield (*where, "allowPrivilegeEscalation"), "false"
    if "ALL" not in own.capabilities.drop:
        yield (*where, "capabilities", "drop"), '["ALL"]'
    if {*own.capabilities.add} - _BINDING:
        yield (*where, "capabilities", "add"), "left out"
    for at, port in enumerate(container.ports):
        if port.host_port:
            yield (*route, "ports", at, "hostPort"), "left out"
    yield from _identity(own, spec.security_context, where)


def _identity(own: PodSecurity, pod: PodSecurity, where: Route) -> Iterator[_Refusal]:
    """What a container has of its Pod where it says nothing itself."""
    user = own.run_as_user if own.run_as_user is not None else pod.run_as_user
    if user == 0:
        yield (*where, "runAsUser"), "that of somebody else than root, such as 1000"
    is_nobody = own.run_as_non_root if own.run_as_non_root is not None else pod.run_as_non_root
    if not is_nobody:
        yield (*where, "runAsNonRoot"), "true"
    profile = own.seccomp_profile or pod.seccomp_profile
    if profile is None or profile.type not in _PROFILES:
        yield (*where, "seccompProfile", "type"), "RuntimeDefault"
