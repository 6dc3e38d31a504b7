"""Whether the games that run and the code that shall manage them understand each other.

A game is played to its end by the code that it began with, and its manager may be replaced
meanwhile; the two then speak the same protocol, or nothing is changed.
"""

import asyncio

from actors.messages import EMPTY, PROTOCOL, Packed
from actors.runtime import ActorFailed, ActorGone, ActorSilent, Handle, ask
from actors.shutdown import PATIENCE, engine_actors
from crabstick.errors import EnvironmentProblem

__all__ = ["require_compatible"]


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
