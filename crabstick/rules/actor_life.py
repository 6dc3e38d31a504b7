"""The life of an EngineActor as a table of phases: it starts, stands by, plays one game, and ends.

Pure. A pair that is missing from the table cannot happen, and raises.
"""

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final

from crabstick.errors import InvariantBroken
from crabstick.rules.cluster_view import ActorPhase


class LifeEvent(Enum):
    """What happens to an EngineActor."""

    WARM = "warm"  # engine and connection are ready, or have failed for good
    ASSIGNED = "assigned"  # the WorkerSet gave it a game, perhaps before it was warm
    DONE = "done"  # its work is over, however it ended


TRANSITIONS: Final[Mapping[tuple[ActorPhase, LifeEvent], ActorPhase]] = MappingProxyType(
    {
        (ActorPhase.STARTING, LifeEvent.WARM): ActorPhase.STANDBY,
        (ActorPhase.STARTING, LifeEvent.ASSIGNED): ActorPhase.PLAYING,
        (ActorPhase.STARTING, LifeEvent.DONE): ActorPhase.ENDING,
        (ActorPhase.STANDBY, LifeEvent.ASSIGNED): ActorPhase.PLAYING,
        (ActorPhase.PLAYING, LifeEvent.WARM): ActorPhase.PLAYING,
        (ActorPhase.PLAYING, LifeEvent.DONE): ActorPhase.ENDING,
    }
)


def next_phase(phase: ActorPhase, event: LifeEvent) -> ActorPhase:
    """The phase after `event`.

    Raises:
        InvariantBroken: the event cannot happen in this phase.
    """
    try:
        return TRANSITIONS[phase, event]
    except KeyError:
        raise InvariantBroken(f"an actor that is {phase.value} cannot be {event.value}") from None
