"""How our actors are called in Ray. A name is for life: what an actor plays is what it answers.

Ray counts each name in its metrics, for as long as the process lives that has used it: so the names
of EngineActors go round, and one is used again when its last owner has long been dead.
"""

from collections.abc import Collection
from typing import Final

from crabstick.rules.model import ActorName

__all__ = [
    "EVENT_LISTENER",
    "RING",
    "WORKER_SET",
    "engine_actor_name",
    "is_engine_actor",
    "next_serial",
]

WORKER_SET = "worker-set"
EVENT_LISTENER = "event-listener"
RING: Final = 200
"""How many serials there are, while fewer than half of them are taken."""
_ENGINE_PREFIX = "engine:"


def engine_actor_name(serial: str) -> ActorName:
    """`engine:<serial>`."""
    return ActorName(f"{_ENGINE_PREFIX}{serial}")


def next_serial(last: int, taken: Collection[ActorName]) -> int:
    """The first one after `last`, and round again, that nobody has."""
    ring = max(RING, 2 * len(taken))
    serials = ((last + step) % ring for step in range(1, ring + 1))
    return next(one for one in serials if engine_actor_name(str(one)) not in taken)


def is_engine_actor(name: str) -> bool:
    """Whether this is the name of an EngineActor."""
    return name.startswith(_ENGINE_PREFIX)
