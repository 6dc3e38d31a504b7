"""The limits of a search, and the overhead of a move."""

from datetime import timedelta

import chess
from hypothesis import given
from hypothesis import strategies as st

from crabstick.rules.time_management import (
    REMEMBERED,
    EngineLimits,
    Overheads,
    budget_for,
    pause_for,
)
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


LEAST = seconds(0.3)
MOVES = "e2e4 e7e5"
short = st.timedeltas(timedelta(0), seconds(30))


def after_moves(*costs: timedelta, color: chess.Color = chess.WHITE) -> Overheads:
    """The overheads after moves that took us a second each and were charged so much more."""
    known = Overheads()
    clock = "white_time" if color == chess.WHITE else "black_time"
    for cost in costs:
        before = a_state(MOVES, **{clock: seconds(100)})
        later = a_state(f"{MOVES} g1f3", **{clock: seconds(99) - cost})
        known = known.sent(before, seconds(1)).shown(later, color)
    return known


def test_before_the_first_measurement_the_least_is_expected() -> None:
    assert Overheads().expected(LEAST) == LEAST


@given(short, st.booleans())
def test_the_overhead_is_what_the_clock_charged_beyond_our_own_time(
    cost: timedelta, color: chess.Color
) -> None:
    assert after_moves(cost, color=color).expected(timedelta(0)) == cost


@given(st.lists(short, min_size=1, max_size=12))
def test_the_worst_of_the_last_moves_is_expected_or_the_least(
    costs: list[timedelta],
) -> None:
    assert after_moves(*costs).expected(LEAST) == max(LEAST, *costs[-REMEMBERED:])


def test_the_increment_is_not_part_of_the_overhead() -> None:
    before = a_state(MOVES, white_time=seconds(10), white_increment=seconds(2))
    later = a_state(f"{MOVES} g1f3", white_time=seconds(10.5), white_increment=seconds(2))
    assert Overheads().sent(before, seconds(1)).shown(later, chess.WHITE).recent == (seconds(0.5),)


def test_time_that_the_opponent_gave_makes_no_negative_overhead() -> None:
    before = a_state(MOVES, white_time=seconds(10))
    later = a_state(f"{MOVES} g1f3", white_time=seconds(24))
    assert Overheads().sent(before, seconds(1)).shown(later, chess.WHITE).recent == (seconds(0),)


def test_the_first_move_of_each_side_measures_nothing() -> None:
    known = Overheads().sent(a_state("e2e4"), seconds(0)).shown(a_state("e2e4 e7e5"), chess.BLACK)
    assert known == Overheads()


def test_a_line_with_the_opponents_answer_measures_nothing() -> None:
    before = a_state(MOVES, white_time=seconds(60))
    later = a_state(f"{MOVES} g1f3 b8c6", white_time=seconds(45))
    assert Overheads().sent(before, seconds(1)).shown(later, chess.WHITE) == Overheads()


def test_a_game_without_a_clock_measures_nothing() -> None:
    before, later = a_state(MOVES, white_time=None), a_state(f"{MOVES} g1f3", white_time=None)
    assert Overheads().sent(before, seconds(0)).shown(later, chess.WHITE) == Overheads()


def test_a_line_without_our_move_waits_for_the_one_that_shows_it() -> None:
    sent = Overheads().sent(a_state(MOVES), seconds(1))
    assert sent.shown(a_state(MOVES, white_draw=True), chess.WHITE) is sent


# The least time of a turn.


def test_a_move_is_held_back_until_the_turn_has_lasted_as_long_as_wanted() -> None:
    assert pause_for(seconds(3), seconds(1), seconds(100), seconds(100)) == seconds(2)
    assert pause_for(seconds(3), seconds(1), None, seconds(0)) == seconds(2)
    assert pause_for(seconds(3), seconds(4), None, seconds(0)) == seconds(0)


@given(target=times, spent=times, left=times, initial=times)
def test_no_move_is_held_back_on_the_last_tenth_of_the_clock(
    target: timedelta, spent: timedelta, left: timedelta, initial: timedelta
) -> None:
    pause = pause_for(target, spent, left, initial)
    assert timedelta(0) <= pause <= max(target - spent, timedelta(0))
    assert not pause or left - pause >= max(initial * 0.1, left * 0.5)
