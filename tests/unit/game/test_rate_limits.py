"""The rate limits of one process, and laws of sharing them with other processes."""

import asyncio
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.game.rate_limits import RateLimits
from crabstick.rules.lichess_types import ENDPOINTS
from crabstick.rules.retry import LONGEST_COOL_DOWN
from crabstick.rules.stream_opening_budget import ENTRY
from tests.builders import seconds
from tests.unit.virtual_time import virtual_loop

NOW_MS = 1_700_000_000_000
moments = st.integers(NOW_MS - 10_000, NOW_MS + 10_000)
tables = st.dictionaries(st.sampled_from([*ENDPOINTS, ENTRY, "of a newer version"]), moments)


async def test_a_limit_holds_for_its_time_and_its_endpoint() -> None:
    limits = RateLimits(virtual_loop().time)
    limits.hit("challenge", seconds(40))
    await asyncio.sleep(39)
    assert seconds(0.9) < limits.wait("challenge") <= seconds(1.01)
    assert limits.wait("move") == seconds(0)
    await asyncio.sleep(1.01)
    assert (limits.wait("challenge"), limits.export()) == (seconds(0), {})


async def test_another_process_merges_what_one_exports() -> None:
    here, there = RateLimits(virtual_loop().time), RateLimits(virtual_loop().time)
    here.hit("game_stream", seconds(40))
    there.merge(here.export())
    assert abs(there.wait("game_stream") - seconds(40)) < seconds(0.1)


async def test_only_a_limit_that_was_hit_here_is_shared_at_once() -> None:
    shared: list[dict[str, int]] = []
    limits = RateLimits(virtual_loop().time, on_hit=lambda: shared.append(limits.export()))
    limits.merge({"account": 1})
    limits.note_wait("openings", seconds(30))
    assert shared == []
    limits.hit("account", seconds(5))
    assert [exported.keys() for exported in shared] == [{"openings", "account"}]


def a_process(*exported: dict[str, int], now_ms: int = NOW_MS) -> RateLimits:
    """A process at this moment that has merged these tables."""
    limits = RateLimits(lambda: 0.0)
    limits._began_s = now_ms / 1000
    for table in exported:
        limits.merge(table)
    return limits


def merged(*exported: dict[str, int]) -> dict[str, int]:
    return a_process(*exported)._until_ms


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
    alone, both = a_process(a), a_process(a, b)
    assert all(both.wait(what) >= alone.wait(what) for what in ENDPOINTS)


@given(tables)
def test_only_entries_that_still_wait_are_exported(exported: dict[str, int]) -> None:
    limits = a_process(exported)
    assert limits.export().keys() == {what for what in exported if limits.wait(what)}


@given(tables, moments)
def test_passing_on_only_entries_that_wait_loses_nothing(
    exported: dict[str, int], now_ms: int
) -> None:
    limits = a_process(exported, now_ms=now_ms)
    passed_on = a_process(limits.export(), now_ms=now_ms)
    assert all(passed_on.wait(what) == limits.wait(what) for what in exported)


def test_a_wrong_clock_on_another_node_costs_a_day_at_most() -> None:
    assert a_process({"move": NOW_MS * 2}).wait("move") == LONGEST_COOL_DOWN


@pytest.mark.parametrize(
    ("now_ms", "wait"), [(NOW_MS, seconds(5)), (NOW_MS + 4_999, seconds(0.001))]
)
def test_a_wait_ends_at_its_moment(now_ms: int, wait: timedelta) -> None:
    assert a_process({"account": NOW_MS + 5_000}, now_ms=now_ms).wait("account") == wait
