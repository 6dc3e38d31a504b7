"""What keeps Pods from starting, confuses the operator about them, or ends those that run."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from crabstick.explain import neighbours, shown
from crabstick.manifests.bundle import Bundle, Pod
from crabstick.manifests.documents import below
from crabstick.manifests.faults import Fault, Finding, Route
from crabstick.manifests.model import Group
from crabstick.manifests.pod_model import Container, Mount, PodSpec
from crabstick.manifests.quantities import exceeds, is_thousandth
from crabstick.manifests.rules.selector import places, selects
from crabstick.manifests.rules.unwanted import unwanted_variables

__all__ = ["budgets", "images", "labels", "lifetime", "mounts", "repeated", "requests"]

_SHARED_MEMORY: Final = "shared-mem"
_RAY_LOGS: Final = "ray-logs"
_BY_KUBERAY: Final = {
    _SHARED_MEMORY: "the operator adds to head and workers alone",
    _RAY_LOGS: "the operator adds to the head alone, and only with an autoscaler",
}
"""Volumes that nobody writes down, and who gets them.

Source: KubeRay 1.7, `ray-operator/controllers/ray/common/pod.go`, `BuildPod`.
"""
_LONGEST_PORT_NAME = 15
_WORD = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
_IMAGE = re.compile(
    rf"(?:[A-Za-z0-9.-]+(?::\d+)?/)?{_WORD}(?:/{_WORD})*(?::\w[\w.-]{{0,127}})?(?:@\w+:[0-9a-f]{{32,}})?"
)
_LONGEST_IMAGE = 500
_BUDGET = "PodDisruptionBudget"
_SELECTED = ("app.kubernetes.io/", "ray.io/")
_SERVE = "ray.io/enable-serve-service"
_OPERATORS: Final = dict.fromkeys(
    ("RAY_ADDRESS", "RAY_CLOUD_INSTANCE_ID", "RAY_CLUSTER_NAME", "RAY_NODE_TYPE_NAME"),
    "the operator sets it: leave it out",
)


def mounts(bundle: Bundle) -> Iterator[Finding]:
    """Each mount is of a volume that its Pod has: else nobody can make such a Pod."""
    for at, pod in enumerate(bundle.pods):
        volumes = _volumes(pod.spec) | pod.claimed | _added(at, bundle)
        for container, route in pod.containers():
            yield from _unknown(container.volume_mounts, (*route, "volumeMounts"), volumes, pod)
    options, head = bundle.cluster.spec.autoscaler_options, bundle.pods[0]
    where = ("spec", "autoscalerOptions", "volumeMounts")
    yield from _unknown(options.volume_mounts, where, _volumes(head.spec) | _added(0, bundle), head)


def _volumes(pod: PodSpec) -> frozenset[str]:
    return frozenset(volume.name for volume in pod.volumes)


def _added(at: int, bundle: Bundle) -> frozenset[str]:
    """What the operator adds to those Pods: the head is the first, then come the workers."""
    if at >= len(bundle.groups):
        return frozenset()
    spec = bundle.cluster.spec
    has_logs = (at == 0 and spec.enable_in_tree_autoscaling) or spec.history_server_options
    return frozenset({_SHARED_MEMORY, _RAY_LOGS} if has_logs else {_SHARED_MEMORY})


def _unknown(
    mounts: Sequence[Mount], route: Route, volumes: frozenset[str], pod: Pod
) -> Iterator[Finding]:
    for at, mount in enumerate(mounts):
        if mount.name and mount.name not in volumes:
            own = sorted(volumes - _BY_KUBERAY.keys())
            words = f"is {mount.name!r}, {_missing(mount.name, own)}"
            yield Fault(words, (*route, at, "name"), pod.owner)


def _missing(name: str, volumes: Sequence[str]) -> str:
    if name in _BY_KUBERAY:
        instead = f"{', '.join(volumes)} or " if volumes else ""
        return f"which {_BY_KUBERAY[name]}: mount {instead}a volume that you add to this Pod"
    advice = neighbours(name, volumes) if volumes else "it has none at all"
    return f"and its Pod has no volume of that name; {advice}"


def repeated(bundle: Bundle) -> Iterator[Finding]:
    """What may be there once is there once: else Kubernetes refuses each Pod, or takes one."""
    for pod in bundle.pods:
        names = [volume.name for volume in pod.spec.volumes]
        yield from _twice(names, (*pod.route, "volumes"), pod)
        for container, route in pod.containers():
            yield from _in_container(container, route, pod)


def _in_container(container: Container, route: Route, pod: Pod) -> Iterator[Finding]:
    ports = [port.name for port in container.ports]
    yield from _twice(ports, (*route, "ports"), pod)
    yield from _twice([each.name for each in container.env], (*route, "env"), pod)
    paths = [mount.mount_path for mount in container.volume_mounts]
    yield from _twice(paths, (*route, "volumeMounts"), pod)
    for at, name in enumerate(ports):
        if len(name) > _LONGEST_PORT_NAME:
            yield Fault(
                f"is {shown(name)}; it must have {_LONGEST_PORT_NAME} letters at most",
                (*route, "ports", at, "name"),
                pod.owner,
            )


def _twice(names: Iterable[str], route: Route, pod: Pod) -> Iterator[Finding]:
    for name, times in Counter(names).items():
        if name and times > 1:
            words = f"holds {name} {times} times: keep one of them"
            yield Fault(words, route, pod.owner)


def images(bundle: Bundle) -> Iterator[Finding]:
    """Each container has one, by a name that can be pulled."""
    for pod in bundle.pods:
        for container, route in pod.containers():
            image, place = container.image, (*route, "image")
            if not image:
                yield Fault("is missing: name the image to run", place, pod.owner)
            elif len(image) > _LONGEST_IMAGE or not _IMAGE.fullmatch(image):
                yield Fault(
                    f"is {shown(image)}, which is no name of an image: write it in small letters, "
                    "such as ghcr.io/you/crabstick:1.0",
                    place,
                    pod.owner,
                )


def requests(bundle: Bundle) -> Iterator[Finding]:
    """No container asks for more than it may use, or for thousandths of bytes."""
    options = bundle.cluster.spec.autoscaler_options
    yield from _requests(options, ("spec", "autoscalerOptions"), "")
    for pod in bundle.pods:
        for container, route in pod.containers():
            yield from _requests(container, route, pod.owner)


def _requests(container: Container, route: Route, owner: str) -> Iterator[Finding]:
    limits, asked = container.resources.limits, container.resources.requests
    for name, amount in asked.items():
        if name in limits and exceeds(amount, limits[name]):
            yield Fault(
                f"is {amount}, above the limit, which is {limits[name]}: Kubernetes refuses the "
                "Pod; lower the first or raise the second",
                (*route, "resources", "requests", name),
                owner,
            )
    for field, amounts in (("limits", limits), ("requests", asked)):
        memory = amounts.get("memory", "")
        if is_thousandth(memory):
            yield Fault(
                f"is {memory}, which is thousandths of bytes: write {memory[:-1]}Mi",
                (*route, "resources", field, "memory"),
                owner,
            )
            return  # the other one is meant in the same way


def labels(bundle: Bundle) -> Iterator[Finding]:
    """What the operator knows its Pods and Services by is left to the operator."""
    for group in bundle.groups:
        yield from _labels(group)
        yield from unwanted_variables(group.ray.env, (*group.ray_route, "env"), _OPERATORS)
    if bundle.cluster.metadata.annotations.get(_SERVE, "").lower() == "true":
        yield Fault(
            "makes a Service that also selects the workers, where nobody listens: leave it out, "
            "and let a Service of yours select ray.io/node-type: head",
            ("metadata", "annotations", _SERVE),
        )


def _labels(group: Group) -> Iterator[Finding]:
    for name in group.spec.template.metadata.labels:
        if name.startswith(_SELECTED):
            yield Fault(
                "is a label that the operator selects Pods by: take another name",
                (*group.route, "template", "metadata", "labels", name),
            )


def lifetime(bundle: Bundle) -> Iterator[Finding]:
    """A changed manifest ends no game."""
    spec = bundle.cluster.spec
    if spec.suspend:
        yield Fault("is true: it ends all Pods and every game; leave it out", ("spec", "suspend"))
    if spec.upgrade_strategy.type == "Recreate":
        yield Fault(
            "is Recreate: the smallest change of the spec would end all Pods and every game; "
            "leave it out",
            ("spec", "upgradeStrategy", "type"),
        )


def budgets(bundle: Bundle) -> Iterator[Finding]:
    """A budget over the head counts Pods, for shares would need to know how many there shall be."""
    for place in places(bundle):
        if place.document.kind != _BUDGET or not selects(place.selector, bundle.pods[0]):
            continue
        least = below(place.document.body, ("spec", "minAvailable"))
        most = below(place.document.body, ("spec", "maxUnavailable"))
        field = "minAvailable" if most is None else "maxUnavailable"
        if most is not None or str(least).endswith("%"):
            yield Fault(
                f"is {least if most is None else most}, which Kubernetes reckons from the owner's "
                "scale, and a RayCluster has none, so the budget fails: write minAvailable: 1 "
                "instead",
                ("spec", field),
                place.title,
            )
