"""Looks at the nodes of a running cluster, without changing anything there.

What a node itself knows is asked by a task that wants no resources and ends at once: it keeps no
node alive, and a node that drains or is full of games is left in peace.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import ray
from ray import cloudpickle
from ray._private.state import available_resources_per_node, state
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors import node_look
from actors.autoscaler_view import Watch
from actors.drain import NAMES
from actors.runtime import NO_HURRY, Slot, slots_of
from actors.seen import ClockRange, Look, Scaling, SeenNode
from crabstick.errors import EnvironmentProblem
from crabstick.settings import TOKEN_VARIABLE, Settings

__all__ = ["look_around", "our_code"]

PATIENCE: Final = timedelta(seconds=30)
"""A node may be busy, and the first process there has much to load."""
CLOCK_PATIENCE: Final = timedelta(seconds=3)
HEAD: Final = "node:__internal_head__"
GROUP: Final = "ray.io/node-group"
"""Ray's label for what KubeRay and `ray up` call a group of nodes."""


def seen_nodes(slot: Slot) -> tuple[SeenNode, ...]:
    """The living nodes of the connected cluster, the head first; nobody has looked there yet."""
    free = available_resources_per_node()  # type: ignore[no-untyped-call]  # Ray's
    draining = state.get_draining_nodes()
    nodes = [
        SeenNode(
            id=node["NodeID"],
            names=tuple(dict.fromkeys(node[key] for key in NAMES if node.get(key))),
            group=node["Labels"].get(GROUP, ""),
            is_head=HEAD in node["Resources"],
            cpus=node["Resources"].get("CPU", 0.0),
            slots=slots_of(node["Resources"], slot),
            free_slots=slots_of(free.get(node["NodeID"], {}), slot),
            drains_in=_until(draining.get(node["NodeID"])),
        )
        for node in ray.nodes()  # type: ignore[no-untyped-call]  # Ray's
        if node["Alive"]
    ]
    return tuple(sorted(nodes, key=lambda node: not node.is_head))


def _until(deadline_ms: int | None) -> timedelta | None:
    if deadline_ms is None:
        return None
    if not deadline_ms:  # Ray's word for no end in sight
        return NO_HURRY
    return max(timedelta(milliseconds=deadline_ms - time.time() * 1000), timedelta(0))


def look_around(settings: Settings) -> tuple[tuple[SeenNode, ...], Scaling]:
    """The nodes of the connected cluster, and who makes them.

    Raises:
        EnvironmentProblem: the head stopped answering.
    """
    try:
        watch = Watch()
        nodes = _looked_at(seen_nodes(settings.cluster), settings)
        monitors = [node.look.monitor for node in nodes if node.is_head and node.look is not None]
        return nodes, watch.scaling(monitors[0] if monitors else "", settings.cluster)
    except (RayError, ValueError) as error:
        raise EnvironmentProblem(
            f"the head of the cluster stopped answering: {_last_line(error)}"
        ) from None


def _looked_at(nodes: Sequence[SeenNode], settings: Settings) -> tuple[SeenNode, ...]:
    """The same, with a look at the head and at each that plays and has room."""
    left_alone = {node.id: why_not for node in nodes if (why_not := _why_not(node))}
    asked = [node.id for node in nodes if node.id not in left_alone]
    with _by_value():
        found = dict(_answers(asked, _question(settings)))
    return tuple(
        replace(node, unseen=left_alone[node.id])
        if node.id in left_alone
        else _seen(node, found[node.id])
        for node in nodes
    )


def _seen(node: SeenNode, found: Look | str) -> SeenNode:
    if isinstance(found, str):
        return replace(node, unseen=found, is_lost=True)
    return replace(node, look=found)


def our_code() -> tuple[str, str]:
    """Version and digest of the code of this process, as a `Look` has them."""
    return node_look.code_of(Path(__file__).parent.parent)


def _why_not(node: SeenNode) -> str:
    if node.drains_in is not None:
        return "it drains"
    if node.is_head or node.free_slots:
        return ""
    return "it is full of games" if node.slots else "it has no room for games at all"


def _question(settings: Settings) -> tuple[str, str, str]:
    return (
        TOKEN_VARIABLE,
        str(settings.lichess.token_file or ""),
        str(settings.engine.path or ""),
    )


@contextmanager
def _by_value() -> Iterator[None]:
    """Functions of `node_look` travel whole: the other side may not have that module."""
    cloudpickle.register_pickle_by_value(node_look)  # type: ignore[no-untyped-call]  # Ray's
    try:
        yield
    finally:
        cloudpickle.unregister_pickle_by_value(node_look)  # type: ignore[no-untyped-call]


def _answers(
    nodes: Sequence[str], question: tuple[str, str, str]
) -> Iterator[tuple[str, Look | str]]:
    """Each node's look, or why there is none."""
    look, clock = ray.remote(node_look.look_around), ray.remote(node_look.now_s)
    until_s = time.monotonic() + PATIENCE.total_seconds()
    pending = {_on(node, look).remote(*question): node for node in nodes}
    while pending and (left_s := until_s - time.monotonic()) > 0:
        for ref in ray.wait([*pending], timeout=left_s)[0]:
            node = pending.pop(ref)
            try:
                yield node, _look(ray.get(ref), _clock(_on(node, clock)))
            except (RayError, ValueError) as error:
                yield node, f"it cannot run a task: {_last_line(error)}"
    for ref, node in pending.items():
        ray.cancel(ref, force=True)
        yield node, f"it did not answer within {PATIENCE.total_seconds():g} s"


def _on(node: str, task: Any) -> Any:  # noqa: ANN401 -- Ray's own types end here
    return task.options(
        name="crabstick check",
        num_cpus=0,
        max_retries=0,
        scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
    )


def _clock(task: Any) -> ClockRange:  # noqa: ANN401 -- as above
    """Asked of a process that runs already, so that the two moments are close."""
    before_s = time.time()
    there_s = ray.get(task.remote(), timeout=CLOCK_PATIENCE.total_seconds())
    return ClockRange(least_s=there_s - time.time(), most_s=there_s - before_s)


def _look(answer: Mapping[str, Any], clock: ClockRange) -> Look:
    return Look(**answer, clock=clock)


def _last_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[-1][:200] if lines else type(error).__name__
