"""What Lichess makes us wait for: laws of sharing it between processes."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.rules.limits import BOT_GAMES_KEY, ENDPOINTS, OPENINGS, RateLimitTable, class_of
from crabstick.rules.retry import LONGEST_COOL_DOWN
from tests.builders import seconds

NOW_MS = 1_700_000_000_000
moments = st.integers(NOW_MS - 10_000, NOW_MS + 10_000)
words = st.dictionaries(st.sampled_from([*ENDPOINTS, OPENINGS, "of a newer version"]), moments)


def heard(*told: dict[str, int]) -> dict[str, int]:
    limits = RateLimitTable()
    for word in told:
        limits = limits.merged(word)
    return dict(limits.until_ms)


@given(words, words)
def test_it_does_not_matter_who_tells_first(a: dict[str, int], b: dict[str, int]) -> None:
    assert heard(a, b) == heard(b, a)


@given(words, words, words)
def test_it_does_not_matter_who_passes_it_on(
    a: dict[str, int], b: dict[str, int], c: dict[str, int]
) -> None:
    assert heard(heard(a, b), c) == heard(a, heard(b, c))


@given(words, words)
def test_hearing_it_again_changes_nothing(a: dict[str, int], b: dict[str, int]) -> None:
    assert heard(a, b, a, a) == heard(a, b)


@given(words, words)
def test_nobody_waits_less_for_having_heard_more(a: dict[str, int], b: dict[str, int]) -> None:
    alone, both = RateLimitTable(a), RateLimitTable(a).merged(b)
    assert all(both.wait(what, NOW_MS) >= alone.wait(what, NOW_MS) for what in ENDPOINTS)


@given(words)
def test_what_is_pending_is_what_still_waits(told: dict[str, int]) -> None:
    limits = RateLimitTable(told)
    waits = {what for what in told if limits.wait(what, NOW_MS)}
    assert limits.pending(NOW_MS).keys() == waits


@given(words, moments)
def test_passing_on_only_what_is_pending_loses_nothing(told: dict[str, int], now_ms: int) -> None:
    limits = RateLimitTable(told)
    passed_on = RateLimitTable(limits.pending(now_ms))
    assert all(passed_on.wait(what, now_ms) == limits.wait(what, now_ms) for what in told)


def test_a_clock_that_went_wrong_elsewhere_costs_a_day_at_most() -> None:
    far = RateLimitTable({"move": NOW_MS * 2})
    assert far.wait("move", NOW_MS) == LONGEST_COOL_DOWN


@pytest.mark.parametrize(
    ("now_ms", "wait"), [(NOW_MS, seconds(5)), (NOW_MS + 4_999, seconds(0.001))]
)
def test_a_wait_is_what_is_left_of_it(now_ms: int, wait: timedelta) -> None:
    assert RateLimitTable({"account": NOW_MS + 5_000}).wait("account", now_ms) == wait


@pytest.mark.parametrize(("key", "endpoint"), [(BOT_GAMES_KEY, "bot_game"), ("", "challenge")])
def test_a_spent_budget_of_bot_games_leaves_other_challenges_alone(key: str, endpoint: str) -> None:
    assert class_of(key) == endpoint
