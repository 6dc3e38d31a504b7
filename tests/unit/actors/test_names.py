"""How our actors are called."""

import pytest

from actors.names import EVENT_LISTENER, WORKER_SET, engine_actor_name, serial_of


def test_an_engine_actors_serial_is_in_its_name() -> None:
    assert serial_of(engine_actor_name("01ab")) == "01ab"


@pytest.mark.parametrize("name", [WORKER_SET, EVENT_LISTENER, "engine", "my-engine:1"])
def test_other_actors_have_no_serial(name: str) -> None:
    assert serial_of(name) is None
