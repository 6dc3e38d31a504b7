"""The names of our actors."""

import pytest

from actors.clients import (
    EVENT_LISTENER,
    WORKER_SET,
    engine_actor_name,
    is_engine_actor,
    number_of,
)
from crabstick.rules.lichess_types import ActorName


@pytest.mark.parametrize("name", [WORKER_SET, EVENT_LISTENER, "engine", "my-engine:1"])
def test_engine_actors_are_known_by_their_names(name: str) -> None:
    assert is_engine_actor(engine_actor_name(7))
    assert not is_engine_actor(name)


def test_an_engine_actor_has_a_number() -> None:
    assert number_of(engine_actor_name(7)) == 7
    assert number_of(ActorName("engine:of-someone-else")) == 0
