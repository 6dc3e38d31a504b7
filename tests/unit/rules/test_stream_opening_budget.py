"""Laws of the stream budget over random series of streams."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.rules.retry import FIRST_DELAY, LONGEST_DELAY
from crabstick.rules.stream_opening_budget import ALLOWED, STABLE, WINDOW, StreamBudget
from tests.builders import seconds

Life = tuple[timedelta, float]
"""The life of a stream, and the random draw at its end."""

ZERO = timedelta(0)
draws = st.floats(min_value=0, max_value=1, exclude_max=True)
short = st.just(ZERO) | st.timedeltas(ZERO, seconds(1))
lives = short | st.timedeltas(ZERO, seconds(100))
stories = st.lists(st.tuples(short, draws), max_size=99) | st.lists(st.tuples(lives, draws))


def story_of(lives: list[Life]) -> tuple[list[timedelta], list[timedelta]]:
    """The moments of the budget, and the pause after each stream."""
    now, budget = seconds(1000), StreamBudget()
    moments, pauses = [], []
    for life, draw in lives:
        budget = budget.opened(now)
        moments.append(now)
        now += life
        budget, pause = budget.ended(now, draw)
        pauses.append(pause)
        now += pause
    return moments, pauses


def most_in_a_window(moments: list[timedelta]) -> int:
    return max((sum(m <= n < m + WINDOW for n in moments) for m in moments), default=0)


@given(stories)
def test_lichess_never_sees_more_budget_than_it_allows(story: list[Life]) -> None:
    moments, _ = story_of(story)
    assert most_in_a_window(moments) <= ALLOWED


@given(st.lists(st.tuples(short, draws, st.booleans()), max_size=99))
def test_nor_when_the_process_dies_and_the_next_one_inherits_the_debt(
    story: list[tuple[timedelta, float, bool]],
) -> None:
    now, budget, moments = seconds(1000), StreamBudget(), []
    for life, draw, dies in story:
        budget = budget.opened(now)
        moments.append(now)
        now += life
        if dies:
            budget = StreamBudget().owing(budget.debt(now), now)
            now += budget.wait(now)
        else:
            budget, pause = budget.ended(now, draw)
            now += pause
    assert most_in_a_window(moments) <= ALLOWED


@given(st.timedeltas(ZERO, seconds(10**6)))
def test_a_debt_by_a_wrong_clock_costs_half_a_minute_at_most(debt: timedelta) -> None:
    now = seconds(1000)
    assert StreamBudget().owing(debt, now).wait(now) <= seconds(30)


@given(stories)
def test_a_pause_is_half_a_minute_at_most(story: list[Life]) -> None:
    _, pauses = story_of(story)
    assert all(ZERO < pause <= LONGEST_DELAY for pause in pauses)


@given(stories, st.timedeltas(seconds(60.001), seconds(9999)), draws)
def test_a_stream_that_lived_for_a_minute_is_opened_again_at_once(
    story: list[Life], life: timedelta, draw: float
) -> None:
    _, pauses = story_of([*story, (life, draw)])
    assert pauses[-1] <= FIRST_DELAY


@given(st.lists(st.tuples(st.timedeltas(seconds(30), seconds(60)), draws)))
def test_streams_that_live_half_a_minute_are_opened_again_at_once(story: list[Life]) -> None:
    _, pauses = story_of(story)
    assert all(pause <= FIRST_DELAY for pause in pauses)


@given(st.lists(st.tuples(lives, draws), max_size=9))
def test_nine_budget_wait_no_longer_than_the_backoff_asks(story: list[Life]) -> None:
    _, pauses = story_of([(life, 0.0) for life, _ in story])
    assert all(pause <= FIRST_DELAY / 2 * 2**number for number, pause in enumerate(pauses))


def test_after_a_stable_minute_the_count_restarts() -> None:
    trouble: list[Life] = [(ZERO, 0.0)] * 6
    _, pauses = story_of([*trouble, (seconds(61), 0.0), *trouble[:3]])
    assert pauses[-4:] == [timedelta(milliseconds=ms) for ms in (125, 250, 500, 1000)]


@pytest.mark.parametrize("life_s", [0, 5, 11, 19, 25, 29])
def test_a_stream_that_is_cut_all_day_is_opened_as_often_as_the_budget_allows(life_s: int) -> None:
    """Every half minute: thirty in ten minutes, less a reserve of ten."""
    moments, _ = story_of([(seconds(life_s), 0.5)] * 500)
    assert (moments[-1] - moments[0]) / 499 <= seconds(30)


def test_streams_that_end_at_once_are_opened_ever_more_slowly() -> None:
    _, pauses = story_of([(ZERO, 0.0)] * 9)
    assert [pause.total_seconds() for pause in pauses] == [
        0.125, 0.25, 0.5, 1, 2, 4, 8, 15, 15,
    ]  # fmt: skip


def cut_by(*lives: tuple[timedelta, bool]) -> tuple[StreamBudget, timedelta]:
    """The budget after streams of these lives, each ended by Lichess or by the network."""
    now, budget = seconds(1000), StreamBudget()
    for life, by_lichess in lives:
        budget = budget.opened(now)
        now += life
        budget, pause = budget.ended(now, 0.5, by_lichess=by_lichess)
        now += pause
    return budget, budget.last


LICHESS, NETWORK = True, False


@pytest.mark.parametrize(
    ("lives", "is_contested"),
    [
        ([(seconds(20), LICHESS)] * 3, True),
        ([(seconds(20), LICHESS)] * 2, False),
        ([(seconds(20), NETWORK)] * 9, False),
        ([(seconds(20), LICHESS), (seconds(2), NETWORK)] * 3, True),
        ([(seconds(61), LICHESS)] * 9, False),
        ([*[(seconds(20), LICHESS)] * 3, (seconds(61), LICHESS)], False),
    ],
)
def test_three_streams_in_a_row_that_lichess_ended_soon_are_contested(
    lives: list[tuple[timedelta, bool]],
    is_contested: bool,  # noqa: FBT001 -- a table
) -> None:
    budget, now = cut_by(*lives)
    assert budget.is_contested(now) is is_contested


def test_a_stream_that_lasts_is_not_contested_any_more() -> None:
    budget, now = cut_by(*[(seconds(20), LICHESS)] * 3)
    budget = budget.opened(now)
    assert [budget.is_contested(now + life) for life in (STABLE, STABLE + seconds(1))] == [
        True,
        False,
    ]
