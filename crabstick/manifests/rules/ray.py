"""What Ray needs of a RayCluster to run this program: version, head, autoscaler, authentication."""

import re
from collections.abc import Iterator

from crabstick.explain import shown
from crabstick.manifests.bundle import Bundle, Versions
from crabstick.manifests.faults import Fault, Finding, Remark, Route
from crabstick.manifests.model import Group, WorkerGroup
from crabstick.manifests.quantities import exceeds, is_thousandth

__all__ = ["authentication", "autoscaler", "head", "told_nodes", "told_versions", "versions"]

_SPEC = ("spec",)
_OPTIONS = ("spec", "autoscalerOptions")
_RAY_IMAGE = re.compile(r"(?:.*/)?rayproject/ray(?:-\w+)?(?::([^@]+))?(?:@.+)?")
"""An image of Ray's makers, with its tag: rayproject/ray:2.60.0-py311-cpu; or a mirror's."""
_TAG = re.compile(r"(\d+\.\d+\.\d+)(?:-.*?py(\d)(\d+).*|-.*)?")
_CODE_ELSEWHERE = "PYTHONPATH"
"""Whoever sets it brings code by a volume."""
_LEAST_MEMORY = "1Gi"
_PLACEHOLDER = re.compile(r"registry\.example(\.\w+)?/")


def versions(bundle: Bundle) -> Iterator[Finding]:
    """The version of Ray in rayVersion and in the images."""
    wish, here = bundle.cluster.spec.ray_version, bundle.versions
    route = (*_SPEC, "rayVersion")
    if not wish:
        yield Fault(
            f'is missing, and without it the operator starts nothing: write "{here.ray}"', route
        )
    elif wish != here.ray:
        yield Fault(
            f"is {shown(wish)}, and this crabstick runs on Ray {here.ray}: write that version, "
            "and take an image that has it",
            route,
        )
    yield from _plain(bundle)
    others = [group for group in bundle.groups if not _is_plain(group)]
    images = [(group.ray.image, (*group.ray_route, "image")) for group in others]
    images.append((bundle.cluster.spec.autoscaler_options.image, (*_OPTIONS, "image")))
    for image, where in images:
        yield from _image(image, where, here)
    yield from _one_image(bundle)


def _plain(bundle: Bundle) -> Iterator[Finding]:
    """Nodes with Ray and nothing to play with."""
    plain: dict[str, list[Group]] = {}
    for group in filter(_is_plain, bundle.groups):
        plain.setdefault(group.ray.image, []).append(group)
    for image, (first, *others) in plain.items():
        also = f", also for {' and '.join(map(str, others))}" if others else ""
        yield Fault(
            f"is {image}, which holds Ray and no crabstick: build an image with kuberay/Dockerfile "
            f"and name that one{also}",
            (*first.ray_route, "image"),
        )


def _is_plain(group: Group) -> bool:
    is_ray = _RAY_IMAGE.fullmatch(group.ray.image) is not None
    return is_ray and group.ray.variable(_CODE_ELSEWHERE) is None


def _image(image: str, route: Route, here: Versions) -> Iterator[Finding]:
    match = _RAY_IMAGE.fullmatch(image)
    if match is None or (match[1] is None and "@" in image):
        return
    tag = _TAG.fullmatch(match[1] or "latest")
    if tag is None:
        example = f"{here.ray}-py{here.python.replace('.', '')}"
        words = f"is {image}, which is another Ray tomorrow: write a whole version, such as"
        yield Fault(f"{words} {example}", route)
    elif tag[1] != here.ray:
        yield Fault(f"is {image}, and this crabstick runs on Ray {here.ray}: take that", route)
    elif tag[2] and f"{tag[2]}.{tag[3]}" != here.python:
        yield Fault(
            f"is {image}, with Python {tag[2]}.{tag[3]}, and this is Python {here.python}: "
            "Ray wants the same on both sides",
            route,
        )


def _one_image(bundle: Bundle) -> Iterator[Finding]:
    first = bundle.cluster.head.ray.image
    for group in bundle.cluster.workers:
        image = group.ray.image
        if not first or not image or image == first or _is_plain(group):
            continue
        if _repository(image) == _repository(first):
            yield Fault(
                f"is {image}, and the head's is {first}: give all nodes the same code",
                (*group.ray_route, "image"),
            )
        else:
            yield Remark(
                f"the image of {group} is {image}, and the head's is {first}: whether both hold "
                "the same Ray and the same code was not looked at"
            )
    if _PLACEHOLDER.match(first):
        yield Remark(f"{first} is a placeholder: name the image where your cluster can pull it")


def _repository(image: str) -> str:
    place, _, tag = image.rpartition(":")
    return place if place and "/" not in tag else image


def told_versions(bundle: Bundle) -> str:
    """What is known of Ray's version, and of which image nothing is."""
    image = bundle.cluster.head.ray.image
    match, here = _RAY_IMAGE.fullmatch(image), bundle.versions.ray
    if match and match[1]:
        return f"{here}, as here"
    return f"rayVersion {here}, as here; which Ray the image {image} holds was not looked at"


def head(bundle: Bundle) -> Iterator[Finding]:
    """The head plays no games, and has memory for itself."""
    group = bundle.cluster.head
    cpus, memory = group.cpus, group.ray.resources.limits.get("memory", "")
    if exceeds(_LEAST_MEMORY, memory) and not is_thousandth(memory):
        yield Fault(
            f"is {memory}, and Ray's head needs {_LEAST_MEMORY} at least, or it is killed again "
            "and again: write 1792Mi or more",
            (*group.ray_route, "resources", "limits", "memory"),
        )
    if cpus is None:
        yield Fault(
            'lacks num-cpus, so Ray counts the CPUs of the machine as room for games: write "0"',
            (*group.route, "rayStartParams"),
        )
    elif cpus > 0:
        yield Fault(*_too_many(group, cpus))


def _too_many(group: Group, cpus: int) -> tuple[str, Route]:
    games = f"{cpus} CPU{'s' * (cpus > 1)} for games, which would disturb each other and the bot"
    if "CPU" in group.spec.resources:
        return f'gives the head {games}: write "0"', (*group.route, "resources", "CPU")
    route = (*group.route, "rayStartParams")
    if "num-cpus" in group.spec.ray_start_params:
        return f'gives the head {games}: write "0"', (*route, "num-cpus")
    return f'lacks num-cpus, so the limits give the head {games}: write num-cpus: "0"', route


def autoscaler(bundle: Bundle) -> Iterator[Finding]:
    """There is one, and it is the one that drains nodes before it ends them."""
    spec = bundle.cluster.spec
    if not spec.enable_in_tree_autoscaling:
        yield Fault(
            "is not true, so nothing starts a worker when a game needs one, and nothing ends it: "
            "write true, and autoscalerOptions.version: v2",
            (*_SPEC, "enableInTreeAutoscaling"),
        )
    elif spec.autoscaler_options.version != "v2":
        version = spec.autoscaler_options.version
        yield Fault(
            f"is {version or 'missing'}: write v2 (the old one ends busy workers without a drain, "
            "and only an explicit v2 keeps Kubernetes from restarting dead nodes)",
            (*_OPTIONS, "version"),
        )
    elif bundle.has_settings and not bundle.settings.cluster.autoscaling:
        yield Remark(
            "cluster.autoscaling of the bot's settings is false: challenges that need a new node "
            "are declined, and games are not gathered when many have ended"
        )
    for group in spec.worker_group_specs:
        if group.replicas is not None:
            yield Remark(
                f"replicas of {group.group_name} is the autoscaler's, and `kubectl apply` would "
                "reset it: leave it out"
            )


def authentication(bundle: Bundle) -> Iterator[Finding]:
    """Nobody without a token may use Ray."""
    options, route = bundle.cluster.spec.auth_options, (*_SPEC, "authOptions")
    if options.mode != "token":
        yield Fault(
            f"is {options.mode or 'missing'}, so whoever reaches the head runs any code there: "
            "write token",
            (*route, "mode"),
        )
    if options.enable_kubernetes_auth and options.secret_name:
        yield Fault("has no use with enableK8sTokenAuth: keep one of them", (*route, "secretName"))


def told_nodes(bundle: Bundle) -> str:
    """How many nodes each group may have."""
    counts = [_count(spec) for spec in bundle.cluster.spec.worker_group_specs]
    return f"v2, with {', '.join(counts) or 'no workers'}"


def _count(spec: WorkerGroup) -> str:
    least = spec.min_replicas or 0
    if spec.max_replicas is None:
        return f"{least} or more replicas of {spec.group_name}"
    return f"{least} to {max(spec.max_replicas, 0)} replicas of {spec.group_name}"
