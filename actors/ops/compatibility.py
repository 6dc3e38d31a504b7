"""What must be so before a running bot is replaced; else nothing is changed.

A game is played to its end by the code that it began with, and its manager may be replaced
meanwhile; the two then speak the same protocol, or nothing is changed.
"""

import asyncio
from collections.abc import Mapping
from typing import Protocol

import ray

from actors.cluster import ActorFailed, ActorGone, ActorSilent, Handle, Slot, ask, slots_of
from actors.messages import EMPTY, PROTOCOL, Packed
from actors.ops.shutdown import PATIENCE, engine_actors
from crabstick.errors import EnvironmentProblem

__all__ = ["require_compatible", "require_same_bot", "require_slots"]


class SlotOrGrowth(Slot, Protocol):
    """What a game asks of a node, and whether nodes come."""

    @property
    def autoscaling(self) -> bool:
        """Whether there may be other nodes soon."""


def require_same_bot(running: str, wanted: str) -> None:
    """Returns when the account is the one that plays already.

    Raises:
        EnvironmentProblem: it is another one.
    """
    if running.lower() != wanted.lower():
        raise EnvironmentProblem(
            f"{running} plays on this cluster, and the token is that of {wanted}: a second bot "
            "needs a cluster of its own, or end the first one with `crabstick down` (nothing was "
            "changed)"
        )


def require_slots(slot: SlotOrGrowth) -> None:
    """Returns when a game fits a node of the connected cluster, or none is there yet.

    Raises:
        EnvironmentProblem: every node is too small.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    players = [resources for resources in nodes if resources.get("CPU")]
    if slot.autoscaling or not players or any(slots_of(one, slot) for one in players):
        return
    largest = max(players, key=_size)
    raise EnvironmentProblem(
        f"no game fits a node: one asks for {slot.slot_cpus:g} CPUs and {slot.slot_memory_mb} MB "
        f"(cluster.slot_cpus, cluster.slot_memory_mb), and the largest node has "
        f"{largest['CPU']:g} and {largest.get('memory', 0) // 2**20:.0f} MB (nothing was changed)"
    )


def _size(resources: Mapping[str, float]) -> tuple[float, float]:
    return resources["CPU"], resources.get("memory", 0)


async def require_compatible(namespace: str) -> None:
    """Returns when the actors of all running games speak our protocol, or say nothing.

    Raises:
        EnvironmentProblem: some of them speak another one.
    """
    actors = await engine_actors(namespace)
    said = await asyncio.gather(*(_described(actor) for actor in actors))
    foreign = [one["v"] for one in said if one.get("game") and one["v"] != PROTOCOL]
    if foreign:
        games = f"{len(foreign)} game{'s' * (len(foreign) > 1)}"
        raise EnvironmentProblem(
            f"{games} would be lost: their actors speak protocol {foreign[0]}, this version of "
            f"crabstick speaks {PROTOCOL}; end that bot first with `crabstick down --wait` of its "
            "own version (nothing was changed)"
        )


async def _described(actor: Handle) -> Packed:
    try:
        return await ask(actor.describe.remote(EMPTY), PATIENCE)
    except (ActorGone, ActorSilent, ActorFailed):
        return {}
