from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.errors import InvariantBroken
from crabstick.rules.retry import (
    FIRST_DELAY,
    LONGEST_COOL_DOWN,
    LONGEST_DELAY,
    LONGEST_GAME_DELAY,
    SHORTEST_GAME_DELAY,
    USUAL_COOL_DOWN,
    Verdict,
    asked_wait,
    classify,
    cool_down,
    limited_game_delay,
    next_delay,
    next_game_delay,
)

attempts = st.integers(min_value=0, max_value=10_000)
draws = st.floats(min_value=0, max_value=1, exclude_max=True)
waits = st.none() | st.timedeltas(timedelta(0), LONGEST_COOL_DOWN)


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (301, Verdict.GIVE_UP),
        (400, Verdict.GIVE_UP),
        (401, Verdict.GIVE_UP),
        (404, Verdict.GIVE_UP),
        (408, Verdict.RETRY),
        (429, Verdict.COOL_DOWN),
        (500, Verdict.RETRY),
        (503, Verdict.RETRY),
        (522, Verdict.RETRY),
    ],
)
def test_a_status_says_whether_to_ask_again(status: int, verdict: Verdict) -> None:
    assert classify(status) == verdict


def test_a_success_is_never_classified() -> None:
    with pytest.raises(InvariantBroken, match="204"):
        classify(204)


@given(attempts, draws)
def test_a_delay_is_positive_and_bounded(attempt: int, draw: float) -> None:
    assert FIRST_DELAY / 2 <= next_delay(attempt, draw) <= LONGEST_DELAY


@given(attempts, draws)
def test_a_later_attempt_with_the_same_draw_never_waits_less(attempt: int, draw: float) -> None:
    assert next_delay(attempt, draw) <= next_delay(attempt + 1, draw)


@given(attempts, draws, draws)
def test_a_greater_draw_never_waits_less(attempt: int, one: float, other: float) -> None:
    assert next_delay(attempt, min(one, other)) <= next_delay(attempt, max(one, other))


def test_the_first_delays_double() -> None:
    delays = [next_delay(attempt, 0) for attempt in range(4)]
    assert delays == [timedelta(milliseconds=ms) for ms in (125, 250, 500, 1000)]


def test_the_longest_delay_keeps_a_stream_within_thirty_openings_in_ten_minutes() -> None:
    average = (next_delay(99, 0) + next_delay(99, 0.999)) / 2
    assert timedelta(minutes=10) / average <= 30


@pytest.mark.parametrize(("attempt", "draw"), [(-1, 0.5), (0, 1.0), (0, -0.1), (0, float("nan"))])
def test_an_argument_out_of_range_is_our_own_bug(attempt: int, draw: float) -> None:
    with pytest.raises(InvariantBroken):
        next_delay(attempt, draw)


@given(attempts, draws)
def test_a_running_game_waits_three_seconds_at_most(attempt: int, draw: float) -> None:
    wait = next_game_delay(attempt, draw, left=None)
    assert wait == min(next_delay(attempt, draw), LONGEST_GAME_DELAY)


@given(attempts, draws, st.timedeltas(timedelta(seconds=-5), timedelta(hours=3)))
def test_a_running_game_waits_a_fourth_of_its_clock_at_most(
    attempt: int, draw: float, left: timedelta
) -> None:
    wait = next_game_delay(attempt, draw, left=left)
    assert wait <= max(left / 4, SHORTEST_GAME_DELAY)
    assert wait <= next_game_delay(attempt, draw, left=None)


@given(waits, attempts, draws, st.timedeltas(timedelta(0), timedelta(hours=3)))
def test_a_limited_game_waits_a_fourth_of_its_clock_at_most(
    asked: timedelta | None, attempt: int, draw: float, left: timedelta
) -> None:
    waited = limited_game_delay(asked, attempt, draw, left=left)
    assert waited <= max(left / 4, timedelta(seconds=1))


@given(st.timedeltas(timedelta(milliseconds=1), timedelta(minutes=1)), attempts, draws)
def test_a_limited_game_with_enough_time_waits_as_long_as_lichess_asks(
    asked: timedelta, attempt: int, draw: float
) -> None:
    assert limited_game_delay(asked, attempt, draw, left=timedelta(minutes=4)) == asked
    assert limited_game_delay(asked, attempt, draw, left=None) == asked


def test_a_limited_game_without_a_named_wait_waits_more_than_a_second_and_doubles() -> None:
    waited = [limited_game_delay(None, attempt, 0, left=None) for attempt in range(3)]
    assert waited == [timedelta(seconds=1.5), timedelta(seconds=2), timedelta(seconds=3)]


@pytest.mark.parametrize(
    ("header", "seconds", "wait"),
    [
        (None, None, None),
        ("60", None, timedelta(seconds=60)),
        (" 7 ", None, timedelta(seconds=7)),
        (None, 86398, timedelta(seconds=86398)),
        ("5", 9, timedelta(seconds=9)),
        ("9", 5, timedelta(seconds=9)),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None, None),
        ("-1", -1, None),
        ("٣", "soon", None),
        ("", True, None),
        ("9" * 4000, None, LONGEST_COOL_DOWN),
        (None, 10**30, LONGEST_COOL_DOWN),
    ],
)
def test_the_longer_of_the_two_values_counts(
    header: str | None, seconds: object, wait: timedelta | None
) -> None:
    assert asked_wait(header, seconds) == wait


def test_without_a_value_the_cool_down_is_a_minute() -> None:
    assert cool_down(None) == USUAL_COOL_DOWN


@given(st.timedeltas())
def test_a_cool_down_is_never_negative_and_never_over_a_day(asked: timedelta) -> None:
    assert timedelta(0) <= cool_down(asked) <= LONGEST_COOL_DOWN


def test_the_cool_down_is_what_lichess_asks() -> None:
    assert cool_down(timedelta(seconds=42)) == timedelta(seconds=42)
