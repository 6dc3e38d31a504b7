"""What the worker groups need so that games find room, move in time, and run alike everywhere."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Final

from crabstick.explain import shown
from crabstick.manifests.bundle import Bundle
from crabstick.manifests.documents import below
from crabstick.manifests.faults import Fault, Finding, Remark
from crabstick.manifests.model import Group, WorkerGroup
from crabstick.manifests.pod_model import EnvFrom
from crabstick.settings import Settings
from crabstick.tuning import RECONNECT, WANTED, advice, differing, is_fit

__all__ = [
    "UNLIMITED",
    "drains",
    "most_nodes",
    "most_slots",
    "names",
    "room",
    "slots_of",
    "told_drains",
    "told_room",
    "variables",
]

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_TAKEN = "headgroup"
"""What the autoscaler calls the head."""
_MIB = 2**20
UNLIMITED = 2**31 - 1
_RAY_ITSELF_MB: Final = 225
"""Raylet, `ray start` and the agents of a node; see docs/small.md."""
_WORKERS = ("spec", "workerGroupSpecs")
DRAIN: Final = "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"
_DRAIN_DEFAULT_S = 30
_ELSEWHERE = "a value from elsewhere"
_BY_OPERATOR: Final = {RECONNECT: "600"}
"""What workers get from KubeRay when the head is fault tolerant."""


def names(bundle: Bundle) -> Iterator[Finding]:
    """Each group has a name of its own that fits where names of groups go."""
    seen: set[str] = set()
    for at, spec in enumerate(bundle.cluster.spec.worker_group_specs):
        name, route = spec.group_name, (*_WORKERS, at, "groupName")
        if name == _TAKEN:
            yield Fault(f"is {name}, as the autoscaler calls the head: take another name", route)
        elif name and not _LABEL.fullmatch(name):
            yield Fault(
                f"is {shown(name)}, which nobody refuses and Pods are named after: take small "
                "letters, digits and hyphens, 63 at most",
                route,
            )
        if name in seen:
            yield Fault(
                f"is {shown(name)}, as that of another group, and the autoscaler would fail at "
                "that: give each its own",
                route,
            )
        seen.add(name)


def slots_of(group: Group, settings: Settings) -> int | None:
    """How many games a node of the group holds; None when its CPUs cannot be told."""
    cluster = settings.cluster
    if group.cpus is None:
        return None
    by_cpu = int(group.cpus / cluster.slot_cpus)
    if group.memory is None:
        return by_cpu
    return min(by_cpu, group.memory // (cluster.slot_memory_mb * _MIB))


def room(bundle: Bundle) -> Iterator[Finding]:
    """A slot fits a worker, and the largest cluster has slots for all games and standbys."""
    workers = bundle.cluster.workers
    if not workers:
        yield Fault("is empty, and the head plays no games: add a group of workers", _WORKERS)
    slots = [slots_of(group, bundle.settings) for group in workers]
    for group, count in zip(workers, slots, strict=True):
        yield from _slot(group, count, bundle.settings)
    if workers and all(slots) and not _is_negative(bundle):  # else that is told already
        yield from _whole(bundle, most_slots(bundle))


def _is_negative(bundle: Bundle) -> bool:
    return any((spec.max_replicas or 0) < 0 for spec in bundle.cluster.spec.worker_group_specs)


def most_slots(bundle: Bundle) -> int:
    """How many slots the largest cluster has; UNLIMITED and more when a group has no limit."""
    groups = bundle.cluster.workers
    return sum((slots_of(group, bundle.settings) or 0) * most_nodes(group) for group in groups)


def most_nodes(group: Group) -> int:
    """How many nodes the group may have."""
    spec = group.spec
    if not isinstance(spec, WorkerGroup):
        return 1
    most = UNLIMITED if spec.max_replicas is None else max(spec.max_replicas, 0)
    return most * max(spec.num_of_hosts, 0)


def told_room(bundle: Bundle) -> str:
    """How much there is at most."""
    most = most_slots(bundle)
    wanted = bundle.settings
    games, standby = wanted.challenges.max_games, wanted.cluster.standby
    has = "any number of slots" if most >= UNLIMITED else f"{most} slots at most"
    return f"{has}, for {games} games and a standby of {standby}"


def _slot(group: Group, slots: int | None, settings: Settings) -> Iterator[Finding]:
    cluster = settings.cluster
    resources = (*group.ray_route, "resources")
    if slots is None:
        yield Fault(
            "says nothing of CPUs, and the autoscaler would fail at that: write limits with cpu "
            "and memory",
            resources,
        )
    elif slots == 0:
        has = f"{group.cpus} CPU{'s' * (group.cpus != 1)}"
        memory = "" if group.memory is None else f" and {group.memory // _MIB} MB"
        yield Fault(
            f"gives Ray {has}{memory}, and a game asks for {cluster.slot_cpus:g} and "
            f"{cluster.slot_memory_mb} MB, so no game fits a node of {group}: raise the limits, or "
            "lower cluster.slot_cpus and cluster.slot_memory_mb",
            resources,
        )
    elif group.memory is not None:
        spare_mb = group.memory // _MIB - slots * cluster.slot_memory_mb
        if spare_mb < _RAY_ITSELF_MB:
            yield Remark(
                f"a worker of {group} has {group.memory // _MIB} MB for {slots} "
                f"slot{'s' * (slots != 1)} of {cluster.slot_memory_mb}, and Ray itself takes "
                f"{_RAY_ITSELF_MB} of it: when all play, the memory may not do"
            )


def _whole(bundle: Bundle, most: int) -> Iterator[Finding]:
    games, standby = bundle.settings.challenges.max_games, bundle.settings.cluster.standby
    if most >= games + standby:
        return
    workers = bundle.cluster.workers
    words = (
        f"too small: the largest cluster has room for {most}, and challenges.max_games "
        f"({games}) and cluster.standby ({standby}) want {games + standby}; raise it, or lower them"
    )
    if len(workers) == 1:
        yield Fault(f"is {words}", (*workers[0].route, "maxReplicas"))
    else:
        yield Fault(f"of all groups together is {words}", (*_WORKERS, "maxReplicas"))


def drains(bundle: Bundle) -> Iterator[Finding]:
    """Ray has left a node before Kubernetes kills it."""
    for group in bundle.groups:
        if group.pod.containers:
            yield from _drain(group, bundle)


def _drain(group: Group, bundle: Bundle) -> Iterator[Finding]:
    grace_s, drain_s = group.pod.termination_grace_period_seconds, _drain_s(group)
    is_head, variable = not isinstance(group.spec, WorkerGroup), group.ray.variable(DRAIN)
    if drain_s is None:
        yield Remark(f"how long {group} drains was not looked at: {DRAIN} comes from elsewhere")
    elif variable and variable.value and _seconds(variable.value) is None:
        yield Fault(
            f"has {DRAIN}={variable.value}, which is no number of seconds, and Ray takes "
            f'{_DRAIN_DEFAULT_S} instead: write one such as "{0 if is_head else 120}"',
            (*group.ray_route, "env"),
        )
    elif drain_s >= grace_s:
        told = f"{DRAIN} gives" if variable else f"Ray, without {DRAIN}, takes"
        when = "before it has left" if is_head else "in mid-game"
        yield Fault(
            f"is {grace_s} s, and {told} {drain_s} s to leave {group}: the Pod would be killed "
            f"{when}; make the first the larger",
            (*group.pod_route, "terminationGracePeriodSeconds"),
        )
    elif is_head:
        yield from _head(group, grace_s, drain_s, bundle)


def _head(group: Group, grace_s: int, drain_s: int, bundle: Bundle) -> Iterator[Finding]:
    """All of its time passes, for the autoscaler's container ignores SIGTERM; games go on."""
    reconnect = _flags(group, bundle).get(RECONNECT, "")
    games_s = _seconds(reconnect) if is_fit(RECONNECT, reconnect) else None
    if games_s is not None and grace_s >= games_s:
        yield Fault(
            f"is {grace_s} s, which pass at each end of the head, and the games end after "
            f"{reconnect} s without one ({RECONNECT}): write 3",
            (*group.pod_route, "terminationGracePeriodSeconds"),
        )
    elif drain_s > 0:
        yield Remark(
            f"the head waits {drain_s} s at its end for its own actors, which never leave: set "
            f'{DRAIN} to "0" there'
        )


def _drain_s(group: Group) -> int | None:
    """Seconds, Ray's own when it cannot read these; None when they come from elsewhere."""
    variable = group.ray.variable(DRAIN)
    if variable is not None and variable.value is None:
        return None
    found = _seconds(variable.value or "") if variable else None
    return _DRAIN_DEFAULT_S if found is None else found


def _seconds(text: str) -> int | None:
    try:
        return max(math.ceil(float(text)), 0)
    except (ValueError, OverflowError):  # no number, or no end
        return None


def told_drains(bundle: Bundle) -> str:
    """How long each takes, and how long it may."""
    return ", ".join(
        f"{_drain_s(group)} of {group.pod.termination_grace_period_seconds} s for {group}"
        for group in bundle.groups
    )


def variables(bundle: Bundle) -> Iterator[Finding]:
    """Ray's flags are the same on head and workers."""
    head = _flags(bundle.cluster.head, bundle)
    if not all(group.pod.containers for group in bundle.groups):
        return  # that is told already
    is_tolerant = bundle.cluster.spec.gcs_fault_tolerance_options is not None
    by_operator = _BY_OPERATOR if is_tolerant else {}
    differ: set[str] = set()
    for group in bundle.cluster.workers:
        flags = {**by_operator, **_flags(group, bundle)}
        for name in differing(head, flags):
            differ.add(name)
            if _ELSEWHERE in {head.get(name), flags.get(name)}:
                continue
            yield Fault(
                f"of {group} has {_told(flags, name)}, and the head has {_told(head, name)}: "
                f"{advice(name)}",
                (*group.ray_route, "env"),
            )
    for name in WANTED:
        if name not in differ and not is_fit(name, head.get(name)) and head.get(name) != _ELSEWHERE:
            yield Fault(
                f"has {_told(head, name)}, and so everywhere: {advice(name)}",
                (*bundle.cluster.head.ray_route, "env"),
            )


def _flags(group: Group, bundle: Bundle) -> Mapping[str, str]:
    """The variables, as far as they are seen; those of an unknown source may be any."""
    flags: dict[str, str] = {}
    for source in group.ray.env_from:
        found = _by_the_dozen(source, bundle)
        flags |= dict.fromkeys(WANTED, _ELSEWHERE) if found is None else found
    return flags | {each.name: each.value or _ELSEWHERE for each in group.ray.env}


def _by_the_dozen(source: EnvFrom, bundle: Bundle) -> Mapping[str, str] | None:
    """None when these manifests do not hold it."""
    if source.config_map_ref is None:
        return None
    named = ("ConfigMap", source.config_map_ref.name)
    for document in bundle.documents:
        data = below(document.body, ("data",))
        if (document.kind, document.name) == named and isinstance(data, Mapping):
            return {f"{source.prefix}{key}": str(value) for key, value in data.items()}
    return None


def _told(flags: Mapping[str, str], name: str) -> str:
    return f"{name}={flags[name]}" if name in flags else f"no {name}"
