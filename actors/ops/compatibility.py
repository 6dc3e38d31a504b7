"""The conditions for replacing a running bot; if one does not hold, nothing is changed.

A game is played to its end by the code that it began with, while its WorkerSet may be replaced. So
the two have to speak the same protocol.
"""

import asyncio

from actors.clients import EngineActorClient
from actors.cluster import ActorError, read_nodes
from actors.messages import PROTOCOL, ForeignDescription
from actors.ops.shutdown import PATIENCE, engine_actors
from crabstick.errors import EnvironmentProblem
from crabstick.settings import ClusterSettings


def require_same_bot(running: str, wanted: str) -> None:
    """Requires the account that plays already.

    Raises:
        EnvironmentProblem: it is another account.
    """
    if running.lower() != wanted.lower():
        raise EnvironmentProblem(
            f"{running} plays on this cluster, and the token is that of {wanted}: a second bot "
            "needs a cluster of its own, or end the first one with `crabstick down` (nothing was "
            "changed)"
        )


def require_slots(slot: ClusterSettings) -> None:
    """Requires a node of the connected cluster that a game fits, unless nodes come later.

    Raises:
        EnvironmentProblem: every node is too small.
    """
    players = [node for node in read_nodes(slot) if node.cpus]
    if slot.autoscaling or not players or any(node.slots for node in players):
        return
    largest = max(players, key=lambda node: (node.cpus, node.memory_mb))
    raise EnvironmentProblem(
        f"no game fits a node: one asks for {slot.slot_cpus:g} CPUs and {slot.slot_memory_mb} MB "
        f"(cluster.slot_cpus, cluster.slot_memory_mb), and the largest node has "
        f"{largest.cpus:g} and {largest.memory_mb // 1:.0f} MB (nothing was changed)"
    )


async def require_compatible(namespace: str) -> None:
    """Requires that the actors of all running games speak our protocol, or do not answer.

    Raises:
        EnvironmentProblem: some of them speak another protocol.
    """
    actors = await engine_actors(namespace)
    answers = await asyncio.gather(*(_protocol(actor) for actor in actors))
    foreign = [answer.v for answer in answers if answer.game and answer.v != PROTOCOL]
    if foreign:
        games = f"{len(foreign)} game{'s' * (len(foreign) > 1)}"
        raise EnvironmentProblem(
            f"{games} would be lost: their actors speak protocol {foreign[0]}, this version of "
            f"crabstick speaks {PROTOCOL}; end that bot first with `crabstick down --wait` of its "
            "own version (nothing was changed)"
        )


async def _protocol(actor: EngineActorClient) -> ForeignDescription:
    try:
        return await actor.describe_any(PATIENCE)
    except ActorError:
        return ForeignDescription()
