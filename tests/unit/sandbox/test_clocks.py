"""The server's clock: centiseconds, an increment after each move, never below zero."""

import chess
from hypothesis import given, settings
from hypothesis import strategies as st

from crabstick.sandbox.clocks import GameClock, new_clock
from crabstick.sandbox.vocabulary import TimeControl
from tests.unit.sandbox.worlds import NOON_MS, a_game, a_world, move, play_out, terms

THINK_TIMES_MS = st.lists(st.floats(min_value=0, max_value=90_000), max_size=30)


def a_clock(*, limit_s: int = 60, increment_s: int = 0) -> GameClock:
    return new_clock(TimeControl(limit_s, increment_s))


@settings(deadline=None)
@given(THINK_TIMES_MS, st.integers(0, 60))
def test_no_side_ever_has_less_than_nothing(times_ms: list[float], increment_s: int) -> None:
    clock = a_clock(increment_s=increment_s).started(chess.WHITE, NOON_MS)
    now_ms = NOON_MS
    for time_ms in times_ms:
        now_ms += time_ms
        assert clock.left_ms(chess.WHITE, now_ms) >= 0
        assert clock.left_ms(chess.BLACK, now_ms) >= 0
        clock = clock.pressed(now_ms)


@settings(deadline=None)
@given(THINK_TIMES_MS)
def test_without_increment_the_clocks_lose_what_was_thought_and_nothing_else(
    times_ms: list[float],
) -> None:
    clock = a_clock(limit_s=10_800).started(chess.WHITE, NOON_MS)
    now_ms = NOON_MS
    for time_ms in times_ms:
        now_ms += time_ms
        clock = clock.pressed(now_ms)
    lost_ms = 2 * 10_800_000 - clock.white_ms - clock.black_ms
    thought_ms = now_ms - NOON_MS
    assert thought_ms - 10 * (len(times_ms) + 1) <= lost_ms <= thought_ms + 1


@settings(deadline=None)
@given(THINK_TIMES_MS, st.integers(0, 60))
def test_what_is_left_is_always_a_multiple_of_ten(times_ms: list[float], increment_s: int) -> None:
    clock = a_clock(limit_s=3_600, increment_s=increment_s).started(chess.BLACK, NOON_MS)
    for time_ms in times_ms:
        clock = clock.pressed(NOON_MS + time_ms)
        assert clock.left_ms(chess.WHITE, NOON_MS + time_ms) % 10 == 0


@settings(deadline=None)
@given(st.floats(min_value=0, max_value=200_000))
def test_the_flag_falls_exactly_when_nothing_is_left(time_ms: float) -> None:
    clock = a_clock().started(chess.WHITE, NOON_MS)
    now_ms = NOON_MS + time_ms
    assert clock.flagged(now_ms) == (clock.left_ms(chess.WHITE, now_ms) == 0)


def test_a_limit_of_zero_starts_with_three_seconds_or_the_increment() -> None:
    assert a_clock(limit_s=0, increment_s=1).white_ms == 3_000
    assert a_clock(limit_s=0, increment_s=10).black_ms == 10_000


def test_both_first_moves_are_free_and_earn_no_increment() -> None:
    world = a_world()
    game = a_game(world, terms(increment_s=5))
    move(world, game, "e2e4", at_s=30)
    move(world, game, "e7e5", at_s=59)
    assert game.clock.left_ms(chess.BLACK, NOON_MS + 59_000) == 60_000
    assert game.clock.left_ms(chess.WHITE, NOON_MS + 60_000) == 59_000


def test_a_move_is_charged_and_then_earns_the_increment() -> None:
    world = a_world()
    game = a_game(world, terms(increment_s=5))
    play_out(world, game, "e2e4 e7e5")
    move(world, game, "g1f3", at_s=2)
    assert game.clock.left_ms(chess.WHITE, NOON_MS + 2_000) == 63_000
    assert game.moves[-1].left_ms == 63_000


def test_the_move_that_ends_the_game_earns_no_increment() -> None:
    world = a_world()
    game = a_game(world, terms(increment_s=5))
    play_out(world, game, "f2f3 e7e5 g2g4")
    move(world, game, "d8h4", at_s=4)
    assert game.status.name == "mate"
    assert game.moves[-1].left_ms == 56_000


def test_a_correspondence_turn_counts_in_whole_seconds() -> None:
    clock = new_clock(None, days=1).started(chess.WHITE, NOON_MS)
    assert clock.left_ms(chess.WHITE, NOON_MS + 1_500) == 86_399_000
    assert clock.pressed(NOON_MS).left_ms(chess.WHITE, NOON_MS) == 86_400_000
    assert clock.flagged(NOON_MS + 86_400_000)
    assert not clock.stopped(NOON_MS).flagged(NOON_MS + 86_400_000)
