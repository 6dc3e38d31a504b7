"""The life of an EngineActor."""

import pytest

from crabstick.errors import InvariantBroken
from crabstick.rules.cluster_view import TRANSITIONS, ActorPhase, LifeEvent, next_phase


def test_the_usual_life_goes_through_all_phases() -> None:
    phase, seen = ActorPhase.STARTING, [ActorPhase.STARTING]
    for event in (LifeEvent.WARM, LifeEvent.ASSIGNED, LifeEvent.DONE):
        phase = next_phase(phase, event)
        seen.append(phase)
    assert seen == [*ActorPhase]


def test_an_actor_that_ends_does_nothing_any_more() -> None:
    assert not any(phase is ActorPhase.ENDING for phase, _ in TRANSITIONS)
    with pytest.raises(InvariantBroken, match="ending cannot be assigned"):
        next_phase(ActorPhase.ENDING, LifeEvent.ASSIGNED)
