"""The names of our actors in Ray. An actor keeps its name, whatever it plays.

Ray keeps each name in its metrics for as long as the process lives that used it. So the names of
EngineActors repeat after a while, when the last actor of that name is long dead.
"""

from collections.abc import Collection
from typing import Final

from crabstick.rules.lichess_types import ActorName

WORKER_SET = "worker-set"
EVENT_LISTENER = "event-listener"
SERIALS: Final = 200
"""The number of serials, while fewer than half of them are taken."""
_ENGINE_PREFIX = "engine:"


def engine_actor_name(serial: str) -> ActorName:
    """`engine:<serial>`."""
    return ActorName(f"{_ENGINE_PREFIX}{serial}")


def next_serial(last: int, taken: Collection[ActorName]) -> int:
    """The first free serial after `last`, starting over at 0."""
    count = max(SERIALS, 2 * len(taken))
    serials = ((last + step) % count for step in range(1, count + 1))
    return next(one for one in serials if engine_actor_name(str(one)) not in taken)


def is_engine_actor(name: str) -> bool:
    """Whether this is the name of an EngineActor."""
    return name.startswith(_ENGINE_PREFIX)
