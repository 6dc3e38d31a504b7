"""The limits of a search: those of the engine, and our own deadline."""

from datetime import timedelta

import chess
from hypothesis import given
from hypothesis import strategies as st

from crabstick.rules.time_management import EngineLimits, budget_for
from tests.builders import a_state, seconds

NONE = EngineLimits()
OVERHEAD = timedelta(milliseconds=300)
times = st.timedeltas(timedelta(0), timedelta(hours=3))


def test_the_engine_gets_our_clock_without_the_overhead() -> None:
    state = a_state(white_time=seconds(60), black_time=seconds(50))
    limit = budget_for(state, chess.WHITE, NONE, overhead=OVERHEAD).limit
    assert (limit.white_clock, limit.black_clock) == (59.7, 50)


def test_black_pays_its_own_overhead() -> None:
    state = a_state(white_time=seconds(60), black_time=seconds(50))
    limit = budget_for(state, chess.BLACK, NONE, overhead=OVERHEAD).limit
    assert (limit.white_clock, limit.black_clock) == (60, 49.7)


def test_the_time_since_the_line_is_subtracted() -> None:
    state = a_state(white_time=seconds(60))
    limit = budget_for(state, chess.WHITE, NONE, overhead=OVERHEAD, elapsed=seconds(10)).limit
    assert limit.white_clock == 49.7


def test_the_bounds_in_the_settings_reach_the_engine() -> None:
    limits = EngineLimits(nodes=1000, depth=5, move_time=seconds(2))
    limit = budget_for(a_state(), chess.WHITE, limits, overhead=OVERHEAD).limit
    assert (limit.nodes, limit.depth, limit.time) == (1000, 5, 2)


def test_a_move_time_bounds_the_deadline() -> None:
    limits = EngineLimits(move_time=seconds(2))
    budget = budget_for(a_state(white_time=seconds(3000)), chess.WHITE, limits, overhead=OVERHEAD)
    assert budget.deadline == seconds(3)


def test_a_game_without_a_clock_gets_ten_seconds_a_move() -> None:
    state = a_state(white_time=None, black_time=None)
    budget = budget_for(state, chess.WHITE, NONE, overhead=OVERHEAD)
    assert (budget.limit.time, budget.limit.white_clock) == (10, None)


@given(mine=times, theirs=times, increment=times, overhead=times, elapsed=times)
def test_the_deadline_is_within_what_is_left_and_never_zero(
    mine: timedelta,
    theirs: timedelta,
    increment: timedelta,
    overhead: timedelta,
    elapsed: timedelta,
) -> None:
    state = a_state(white_time=mine, black_time=theirs, white_increment=increment)
    budget = budget_for(state, chess.WHITE, NONE, overhead=overhead, elapsed=elapsed)
    assert timedelta(0) < budget.deadline <= max(mine - elapsed, timedelta(milliseconds=10))


@given(mine=times, overhead=times)
def test_the_engine_always_has_time_for_a_move(mine: timedelta, overhead: timedelta) -> None:
    limit = budget_for(a_state(white_time=mine), chess.WHITE, NONE, overhead=overhead).limit
    assert limit.white_clock is not None
    assert limit.white_clock >= 0.01
