"""The overhead of a move is measured by what the clock charged for it."""

from datetime import timedelta

import chess
from hypothesis import given
from hypothesis import strategies as st

from crabstick.rules.overhead import REMEMBERED, Overheads
from tests.builders import a_state, seconds

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
