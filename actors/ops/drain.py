"""Empties a node: finds the one that is meant, tells Ray to drain it, and looks how that goes.

This is Ray's own drain, as a spot notice or the SIGTERM of a node gives it. The WorkerSet sees it
and has the games handed over; Ray starts nothing more on the node, and it leaves as soon as it is
empty.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import ray
from ray._private.state import state
from ray._raylet import GcsClient  # type: ignore[attr-defined]  # no stub
from ray.core.generated import autoscaler_pb2

from actors.cluster import Slot, slots_of
from crabstick.errors import ConfigError, EnvironmentProblem

__all__ = ["DrainTarget", "drain_node", "find_node", "is_alive", "living_nodes"]

SHORT: Final = 12
"""Digits of an id that people are shown."""
MOST_NAMED: Final = 10
NAMES: Final = ("NodeManagerAddress", "NodeManagerHostname", "NodeName")
"""The keys of Ray."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DrainTarget:
    """A Ray node that lives; `slots` is how many EngineActors it holds when it is empty."""

    id: str
    names: tuple[str, ...]
    """Its address, host name and the name that `ray start` was given, each once."""
    slots: int
    is_head: bool = False

    def __str__(self) -> str:
        """As people are shown it."""
        return f"{self.id[:SHORT]} ({', '.join(self.names)})"


def living_nodes(slot: Slot) -> tuple[DrainTarget, ...]:
    """The nodes of the connected cluster, with their room for such slots."""
    return tuple(
        DrainTarget(
            id=node["NodeID"],
            names=tuple(dict.fromkeys(node[key] for key in NAMES if node.get(key))),
            slots=slots_of(node["Resources"], slot),
            is_head="node:__internal_head__" in node["Resources"],
        )
        for node in ray.nodes()  # type: ignore[no-untyped-call]  # Ray's
        if node["Alive"]
    )


def find_node(wish: str, nodes: Sequence[DrainTarget]) -> DrainTarget:
    """The node that is meant by its id, the beginning of it, or one of its names.

    Raises:
        ConfigError: there is no such node, there are several, or it cannot be drained.
    """
    found = [n for n in nodes if n.id.startswith(wish.lower()) or wish in n.names]
    if not wish or not found:
        raise ConfigError(f"no node of this cluster is called {wish!r}: {_choice(nodes)}")
    if len(found) > 1:
        raise ConfigError(
            f"{wish!r} means {len(found)} nodes: name one by the first digits of its id: "
            f"{_choice(found)}"
        )
    node = found[0]
    if node.is_head:
        raise ConfigError(
            f"node {node} is the head, where the bot itself lives, and is not drained: "
            f"`crabstick down` ends the bot; {_choice(nodes)}"
        )
    if not node.slots:
        raise ConfigError(f"node {node} has no room for games, so it has none: {_choice(nodes)}")
    return node


def _choice(nodes: Sequence[DrainTarget]) -> str:
    candidates = [str(node) for node in nodes if node.slots and not node.is_head]
    if not candidates:
        return "it has no node that could be drained"
    more = len(candidates) - MOST_NAMED
    named = ", ".join(candidates[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"those that can be drained are {named}"


def drain_node(node: DrainTarget, within: timedelta) -> timedelta:
    """Tells Ray to drain the node, and returns how long the games there have; idempotent.

    An earlier end that somebody else has set, such as a spot notice, holds.

    Raises:
        EnvironmentProblem: Ray refuses.
    """
    now_ms = round(time.time() * 1000)
    end_ms = now_ms + round(within / timedelta(milliseconds=1))
    earlier_ms = state.get_draining_nodes().get(node.id)
    if earlier_ms and earlier_ms <= end_ms:
        return max(timedelta(milliseconds=earlier_ms - now_ms), timedelta(0))
    gcs = GcsClient(address=ray.get_runtime_context().gcs_address)
    is_accepted, why_not = gcs.drain_node(
        node.id,
        autoscaler_pb2.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION"),
        "crabstick drain",
        end_ms,
    )
    if not is_accepted:
        raise EnvironmentProblem(f"Ray does not drain node {node}: {why_not}")
    return within


def is_alive(node: DrainTarget) -> bool:
    """Whether the node still belongs to the cluster."""
    nodes = ray.nodes()  # type: ignore[no-untyped-call]  # Ray's
    return any(seen["NodeID"] == node.id and seen["Alive"] for seen in nodes)
