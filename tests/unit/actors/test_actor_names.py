"""The names of our actors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.clients import (
    EVENT_LISTENER,
    SERIALS,
    WORKER_SET,
    engine_actor_name,
    is_engine_actor,
    next_serial,
)


@pytest.mark.parametrize("name", [WORKER_SET, EVENT_LISTENER, "engine", "my-engine:1"])
def test_engine_actors_are_known_by_their_names(name: str) -> None:
    assert is_engine_actor(engine_actor_name("7"))
    assert not is_engine_actor(name)


@given(st.integers(0, 3 * SERIALS), st.sets(st.integers(0, 3 * SERIALS)))
def test_the_next_serial_is_free(last: int, serials: set[int]) -> None:
    taken = {engine_actor_name(str(serial)) for serial in serials}
    serial = next_serial(last, taken)
    assert engine_actor_name(str(serial)) not in taken
    assert 0 <= serial < max(SERIALS, 2 * len(taken))


def test_serials_repeat_as_late_as_possible() -> None:
    used = [0]
    for _ in range(3 * SERIALS):
        used.append(next_serial(used[-1], {engine_actor_name("7")}))
    assert len(set(used)) == SERIALS - 1
    assert used[: SERIALS - 1] == used[SERIALS - 1 : 2 * (SERIALS - 1)]
