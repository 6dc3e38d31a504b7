"""What a move costs beside the thinking is learnt from what the clock took for it."""

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
    """What is known after moves that took us a second each, and cost so much more."""
    known = Overheads()
    clock = "white_time" if color == chess.WHITE else "black_time"
    for cost in costs:
        before = a_state(MOVES, **{clock: seconds(100)})
        later = a_state(f"{MOVES} g1f3", **{clock: seconds(99) - cost})
        known = known.after(before, later, color, seconds(1))
    return known


def test_until_a_move_was_seen_the_owner_s_word_counts() -> None:
    assert Overheads().expected(LEAST) == LEAST


@given(short, st.booleans())
def test_a_move_costs_what_the_clock_took_beyond_our_own_time(
    cost: timedelta, color: chess.Color
) -> None:
    assert after_moves(cost, color=color).expected(timedelta(0)) == cost


@given(st.lists(short, min_size=1, max_size=12))
def test_the_worst_of_the_last_moves_is_expected_and_never_less_than_the_owner_says(
    costs: list[timedelta],
) -> None:
    assert after_moves(*costs).expected(LEAST) == max(LEAST, *costs[-REMEMBERED:])


def test_the_increment_is_no_gift_of_the_network() -> None:
    before = a_state(MOVES, white_time=seconds(10), white_increment=seconds(2))
    later = a_state(f"{MOVES} g1f3", white_time=seconds(10.5), white_increment=seconds(2))
    assert Overheads().after(before, later, chess.WHITE, seconds(1)).recent == (seconds(0.5),)


def test_time_that_the_opponent_gave_is_no_cost_below_nothing() -> None:
    before = a_state(MOVES, white_time=seconds(10))
    later = a_state(f"{MOVES} g1f3", white_time=seconds(24))
    assert Overheads().after(before, later, chess.WHITE, seconds(1)).recent == (seconds(0),)


def test_the_first_move_of_each_side_is_free_and_tells_nothing() -> None:
    known = Overheads().after(a_state("e2e4"), a_state("e2e4 e7e5"), chess.BLACK, seconds(0))
    assert known == Overheads()


def test_a_line_that_came_after_the_opponents_answer_tells_nothing() -> None:
    before = a_state(MOVES, white_time=seconds(60))
    later = a_state(f"{MOVES} g1f3 b8c6", white_time=seconds(45))
    assert Overheads().after(before, later, chess.WHITE, seconds(1)) == Overheads()


def test_a_game_without_a_clock_tells_nothing() -> None:
    before, later = a_state(MOVES, white_time=None), a_state(f"{MOVES} g1f3", white_time=None)
    assert Overheads().after(before, later, chess.WHITE, seconds(0)) == Overheads()
