"""Rate limits: laws of sharing them between processes."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.rules.rate_limit_table import (
    BOT_GAMES_KEY,
    ENDPOINTS,
    STREAM_BUDGET,
    RateLimitTable,
    endpoint_for,
)
from crabstick.rules.retry import LONGEST_COOL_DOWN
from tests.builders import seconds

NOW_MS = 1_700_000_000_000
moments = st.integers(NOW_MS - 10_000, NOW_MS + 10_000)
tables = st.dictionaries(
    st.sampled_from([*ENDPOINTS, STREAM_BUDGET, "of a newer version"]), moments
)


def merged(*exported: dict[str, int]) -> dict[str, int]:
    limits = RateLimitTable()
    for table in exported:
        limits = limits.merged(table)
    return dict(limits.until_ms)


@given(tables, tables)
def test_the_order_does_not_matter(a: dict[str, int], b: dict[str, int]) -> None:
    assert merged(a, b) == merged(b, a)


@given(tables, tables, tables)
def test_the_way_does_not_matter(a: dict[str, int], b: dict[str, int], c: dict[str, int]) -> None:
    assert merged(merged(a, b), c) == merged(a, merged(b, c))


@given(tables, tables)
def test_a_repetition_changes_nothing(a: dict[str, int], b: dict[str, int]) -> None:
    assert merged(a, b, a, a) == merged(a, b)


@given(tables, tables)
def test_merging_shortens_no_wait(a: dict[str, int], b: dict[str, int]) -> None:
    alone, both = RateLimitTable(a), RateLimitTable(a).merged(b)
    assert all(both.wait(what, NOW_MS) >= alone.wait(what, NOW_MS) for what in ENDPOINTS)


@given(tables)
def test_pending_entries_are_those_that_still_wait(exported: dict[str, int]) -> None:
    limits = RateLimitTable(exported)
    waits = {what for what in exported if limits.wait(what, NOW_MS)}
    assert limits.pending(NOW_MS).keys() == waits


@given(tables, moments)
def test_passing_on_only_pending_entries_loses_nothing(
    exported: dict[str, int], now_ms: int
) -> None:
    limits = RateLimitTable(exported)
    passed_on = RateLimitTable(limits.pending(now_ms))
    assert all(passed_on.wait(what, now_ms) == limits.wait(what, now_ms) for what in exported)


def test_a_wrong_clock_on_another_node_costs_a_day_at_most() -> None:
    far = RateLimitTable({"move": NOW_MS * 2})
    assert far.wait("move", NOW_MS) == LONGEST_COOL_DOWN


@pytest.mark.parametrize(
    ("now_ms", "wait"), [(NOW_MS, seconds(5)), (NOW_MS + 4_999, seconds(0.001))]
)
def test_a_wait_ends_at_its_moment(now_ms: int, wait: timedelta) -> None:
    assert RateLimitTable({"account": NOW_MS + 5_000}).wait("account", now_ms) == wait


@pytest.mark.parametrize(("key", "endpoint"), [(BOT_GAMES_KEY, "bot_game"), ("", "challenge")])
def test_a_spent_budget_of_bot_games_leaves_other_challenges_alone(key: str, endpoint: str) -> None:
    assert endpoint_for(key) == endpoint
