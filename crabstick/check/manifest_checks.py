"""Checks what crabstick needs of its bot's RayCluster and no other tool checks.

Import this module late: it loads the schema's library and the reader of YAML.
"""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import version
from pathlib import PurePosixPath
from typing import Final

from crabstick.check.all_checks import Check
from crabstick.check.finding import Finding, mistake, together
from crabstick.check.manifests import Group, Manifests, amount, at
from crabstick.check.network_policies import network
from crabstick.check.ray_flags import RECONNECT, flaws
from crabstick.check.raycluster_schema import KUBERAY, fields
from crabstick.check.secrets import secrets
from crabstick.errors import ConfigError
from crabstick.explain import counted, shown
from crabstick.rules.cluster_view import DEFAULT_ENGINE, Demand, asked, unplaced
from crabstick.settings import TOKEN_VARIABLE

RAY: Final = version("ray")
_PLAIN: Final = re.compile(r"(?:.*/)?rayproject/ray(?:-\w+)?(?::[^@]+)?(?:@.+)?")
"""An image of Ray's makers, or of a mirror: rayproject/ray:2.60.0-py311-cpu."""
_MIB: Final = 2**20
_UNLIMITED: Final = 2**31 - 1
_DRAIN: Final = "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"
_GRACE: Final = "terminationGracePeriodSeconds"
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_RAY_PORTS: Final = frozenset({6379, 8080, 8265, 10001, 44217, 44227, 52365})
Look = Callable[[Manifests], Iterator[Finding]]


def per_group(flaws_of: Callable[[Manifests, Group], Iterable[str]]) -> Look:
    """Checks the head and each group of workers; groups with the same flaw share a sentence."""
    return lambda seen: together(
        ((each, words) for each in (seen.head, *seen.workers) for words in flaws_of(seen, each)),
        ConfigError,
    )


def fixed(*rules: tuple[str, tuple[object, ...], str]) -> Look:
    """Checks fields of the RayCluster: where, the right values, and the advice about others."""

    def look(manifests: Manifests) -> Iterator[Finding]:
        for route, right, advice in rules:
            value = at(manifests.cluster, route)
            if value not in right:
                yield mistake(f"{route} is {'missing' if value is None else shown(value)}{advice}")

    return look


ray: Final = fixed(
    ("spec.rayVersion", (RAY,), f": write '{RAY}', the Ray of this crabstick and its image")
)
autoscaler: Final = fixed(
    ("spec.enableInTreeAutoscaling", (True,), ", so no worker comes for a game: write true"),
    ("spec.autoscalerOptions.version", ("v2",), ": write v2 (v1 ends busy workers undrained)"),
)
authentication: Final = fixed(
    ("spec.authOptions.mode", ("token",), ", so anyone can run any code there: write token")
)
lasting: Final = fixed(
    ("spec.suspend", (None, False), ", which ends every game: leave it out"),
    ("spec.upgradeStrategy.type", (None, "None"), ", so a change ends every game: leave it out"),
)


def pods(manifests: Manifests) -> Iterator[Finding]:
    """Checks that a changed manifest ends no game."""
    yield from lasting(manifests)
    for group in manifests.workers:
        if group.body.get("suspend"):
            yield mistake(f"suspend of {group} is true, which the autoscaler forbids: leave it out")
        if "replicas" in group.body:
            yield Finding(
                f"replicas of {group} belong to the autoscaler, and `kubectl apply` would reset "
                "them: leave them out"
            )


def settings(manifests: Manifests) -> Iterator[Finding]:
    """Checks that the Services of the head lead to the port in the bot's settings."""
    yield Finding(manifests.source or "those of this command; --config names the bot's")
    names = {at(each, "name"): each for each in at(manifests.head.container, "ports", [])}
    aims = [
        at(port, "targetPort") or at(port, "port")
        for service in manifests.of_kind("Service")
        if at(service, "spec.selector", {}).get("ray.io/node-type") == "head"
        for port in at(service, "spec.ports", [])
    ]
    known = [aim for aim in aims if isinstance(aim, int | str)]
    found = {at(names[aim], "containerPort") if aim in names else aim for aim in known}
    ports = {port for port in found if isinstance(port, int)} - _RAY_PORTS
    http = manifests.settings.http
    if manifests.source and ports and (http.port not in ports or http.host in _LOOPBACK):
        wanted = " or ".join(map(str, ports))
        yield mistake(
            f"the bot's settings have http.host {http.host} and http.port {http.port}, and the "
            f"Service leads to port {wanted} of the Pod: write 0.0.0.0 and {wanted}"
        )


def images(manifests: Manifests, group: Group) -> Iterator[str]:
    """Checks that all nodes have the same image, and that it contains crabstick."""
    image, of_head = (each.container.get("image") for each in (group, manifests.head))
    if _PLAIN.fullmatch(image or "") and "PYTHONPATH" not in group.env:  # crabstick on a volume
        yield f"the image {image}, with Ray and no crabstick: build one with kuberay/Dockerfile"
    elif image != of_head:
        yield f"the image {image}, and the head has {of_head}: give all nodes the same"


def head(manifests: Manifests) -> Iterator[Finding]:
    """Checks that the head plays no games, and has enough memory for itself."""
    cpus, memory = manifests.head.cpus, at(manifests.head.container, "resources.limits.memory")
    if (amount(memory) or math.inf) < 1024 * _MIB:
        yield mistake(
            f"resources.limits.memory of the head is {memory}, and Ray's head needs 1Gi at least, "
            "or it is killed again and again: write 1792Mi or more"
        )
    if cpus != 0:
        count = "the CPUs of the machine" if cpus is None else counted(cpus, "CPU")
        yield mistake(
            f"the head offers {count} for games, which would disturb each other and the bot: write "
            'rayStartParams.num-cpus: "0", and remove CPU from headGroupSpec.resources'
        )


def slots(manifests: Manifests, group: Group) -> Iterator[str]:
    """Checks that a game of some engine fits on each worker."""
    demands = manifests.settings.demands()
    if group is not manifests.head and not any(_slots(group, one) for one in demands.values()):
        yield (
            f"no room for the {asked(DEFAULT_ENGINE, demands[DEFAULT_ENGINE])}: declare limits of "
            "that size or more, or ask for less"
        )


def engines(manifests: Manifests) -> Iterator[Finding]:
    """Checks that a game of each engine fits on some worker; `slots` tells when none does."""
    demands = manifests.settings.demands()
    nodes = [group.node for group in manifests.workers]
    lost = unplaced(demands, nodes, "group of workers")
    if lost and any(_slots(group, one) for group in manifests.workers for one in demands.values()):
        yield mistake(f"{lost}: add one, as components/gpu does for a GPU, or ask for less")


def _slots(group: Group, demand: Demand) -> int:
    """How many games a node of the group holds; 0 when no field says what the node has."""
    return group.node.seen_by(demand).slots


def room(manifests: Manifests) -> Iterator[Finding]:
    """Checks that the cluster at its largest has slots for all games and standbys."""
    demand = manifests.settings.demands()[DEFAULT_ENGINE]
    most = sum(
        _slots(group, demand)
        * group.body.get("maxReplicas", _UNLIMITED)
        * group.body.get("numOfHosts", 1)
        for group in manifests.workers
    )
    games, standby = manifests.settings.challenges.max_games, manifests.settings.cluster.standby
    has = "any number of slots" if most >= _UNLIMITED else f"{most} slots at most"
    if most >= games + standby:
        yield Finding(f"{has}, for {games} games and a standby of {standby}")
    elif most or not manifests.workers:
        yield mistake(
            f"the cluster has {has}, and challenges.max_games ({games}) and cluster.standby "
            f"({standby}) want {games + standby}: raise maxReplicas of spec.workerGroupSpecs, or "
            "lower them"
        )


def drains(manifests: Manifests, group: Group) -> Iterator[str]:
    """Checks that Ray has time to leave a node before Kubernetes kills the Pod."""
    drain = group.env.get(_DRAIN, {"value": 30}).get("value", 0)  # 30 is Ray's default
    grace_s = at(group.body, f"template.spec.{_GRACE}", 30)  # Kubernetes has the same default
    if (amount(drain) or 0) >= grace_s:
        when = "too early" if group is manifests.head else "in mid-game"
        yield (
            f"{_GRACE} {grace_s}, and {_DRAIN} is {drain}: the Pod would be killed {when}; make "
            "the first the larger"
        )


def variables(manifests: Manifests) -> Iterator[Finding]:
    """Checks that Ray's flags are alike on head and workers, and fit where games need them."""
    if any("envFrom" in group.container for group in (manifests.head, *manifests.workers)):
        return iter([Finding("not looked at: some come from elsewhere (envFrom)")])
    of_head = _flags(manifests, manifests.head)
    return per_group(lambda _, group: flaws(_flags(manifests, group), of_head))(manifests)


def _flags(manifests: Manifests, group: Group) -> Mapping[str, str]:
    """The variables of the group, with the one that KubeRay itself gives to workers.

    Source: KubeRay 1.7, `ray-operator/controllers/ray/common/pod.go`, `configureGCSFaultTolerance`.
    """
    is_tolerant = at(manifests.cluster, "spec.gcsFaultToleranceOptions") is not None
    is_given = is_tolerant and group is not manifests.head
    written = {name: each["value"] for name, each in group.env.items() if "value" in each}
    return {RECONNECT: "600", **written} if is_given else written


def token(manifests: Manifests, group: Group) -> Iterator[str]:
    """Checks that the head and each worker have the Lichess token, and from a Secret."""
    file, variable = manifests.settings.lichess.token_file, group.env.get(TOKEN_VARIABLE, {})
    source = at(variable, "valueFrom.secretKeyRef")
    mounts = [each["mountPath"] for each in at(group.container, "volumeMounts", [])]
    is_mounted = file and any(PurePosixPath(file).is_relative_to(each) for each in mounts)
    if variable.get("value"):
        yield (
            f"{TOKEN_VARIABLE} in the manifest, where anyone can read it: put it into a Secret and "
            "name that in valueFrom.secretKeyRef"
        )
    elif not (
        (source and not at(source, "optional")) or is_mounted or "envFrom" in group.container
    ):
        yield (
            f"no Lichess token: add {TOKEN_VARIABLE} with valueFrom.secretKeyRef (name "
            "crabstick-tokens, key lichess), and not optional"
        )


MANIFESTS: Final[tuple[Check[Manifests], ...]] = (
    Check("fields", fields, f"all are known to {KUBERAY}", is_gate=True),
    Check("settings", settings),
    Check("Pods", pods, "a changed manifest ends no running Pod"),
    Check("Ray", ray, f"{RAY}, as here"),
    Check("images", per_group(images), "the same on all nodes"),
    Check("head", head, "plays no games"),
    Check("autoscaler", autoscaler, "v2, and it drains nodes"),
    Check("authentication", authentication, "by token"),
    Check("network", per_group(network), "allows connections to Lichess, the proxy and Redis"),
    Check("slots", per_group(slots), "a game fits every worker"),
    Check("engines", engines, "each fits a worker"),
    Check("room", room),
    Check("drains", per_group(drains), "end before the Pods are killed"),
    Check("variables", variables, "Ray's own are alike on head and workers"),
    Check("Lichess token", per_group(token), "on the head and on every worker"),
    Check("Secrets", secrets, "none is wanted"),
)
"""The checks in the order of the report."""
