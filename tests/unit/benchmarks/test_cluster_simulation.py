"""The simulated day: what must hold whatever the policy."""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from statistics import fmean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.cluster_simulation import Cluster, DayResult, ScalingPolicy, simulate
from benchmarks.demand import DAY_S, Demand, ideal_node_s
from benchmarks.elasticity import OURS

SMALL = Cluster(slots=2, boot_s=25)
CALM = Demand(quiet=4, busy=4, game_s=120)
A_WHILE_S = 1500


def a_policy(standby: int = 1, fits_s: float | None = 30) -> ScalingPolicy:
    fits_for = None if fits_s is None else timedelta(seconds=fits_s)
    return ScalingPolicy(name="", standby=standby, fits_for=fits_for)


def games_of(demand: Demand, length_s: int, seed: int = 1) -> list[tuple[int, int]]:
    return list(demand.games(random.Random(seed), length_s))


def a_while(policy: ScalingPolicy, seed: int = 1, cluster: Cluster = SMALL) -> DayResult:
    return simulate(games_of(CALM, A_WHILE_S, seed), cluster, policy, A_WHILE_S)


def test_there_are_as_many_games_at_once_as_were_asked_for() -> None:
    games = games_of(Demand(quiet=20, busy=20, game_s=300), DAY_S)
    played_s = sum(over_s - start_s for start_s, over_s in games)
    assert played_s / DAY_S == pytest.approx(20, rel=0.2)


def test_the_ideal_boots_a_node_just_before_it_is_needed() -> None:
    games = [(100, 200), (150, 250), (160, 260)]  # two nodes of two slots from 160 to 200
    assert ideal_node_s(games, slots=2, boot_s=0, length_s=400) == 160 + 40
    assert ideal_node_s(games, slots=2, boot_s=30, length_s=400) == 160 + 40 + 2 * 30


@settings(max_examples=5)
@given(
    seed=st.integers(0, 10**6),
    standby=st.integers(0, 3),
    fits_s=st.sampled_from([None, 0.0, 30.0]),
)
def test_only_games_that_wait_make_a_day_cheaper_than_the_ideal(
    seed: int, standby: int, fits_s: float | None
) -> None:
    outcome = a_while(a_policy(standby, fits_s), seed)
    assert outcome.ratio >= 1 or outcome.longest_wait_s > 0


def test_equal_seeds_are_equal_days() -> None:
    one, same, other = (a_while(a_policy(), seed) for seed in (1, 1, 2))
    assert one == same
    assert one != other


def test_a_standby_costs_nodes_and_saves_waits() -> None:
    none, some = (a_while(a_policy(standby)) for standby in (0, 3))
    assert none.node_s < some.node_s
    assert none.longest_wait_s > some.longest_wait_s


def test_gathering_games_saves_nodes_and_moves_games() -> None:
    never, gathers = (a_while(a_policy(fits_s=fits_s)) for fits_s in (None, 10))
    assert gathers.node_s < never.node_s
    assert (never.moved, gathers.moved > 0) == (0, True)


def test_a_node_that_takes_long_to_end_is_paid_for_and_nothing_else_changes() -> None:
    at_once, slowly = (
        a_while(a_policy(), cluster=replace(SMALL, end_s=end_s)) for end_s in (0, 20)
    )
    assert at_once.node_s < slowly.node_s
    assert (at_once.moved, at_once.waited) == (slowly.moved, slowly.waited)


# Our own policy, on a day that is as long as an hour: steeper than a real one.

STEEP = Demand(quiet=8, busy=32, game_s=300, period_s=3600)
HOUR_S = 3600
STEADY = Cluster(slots=4, boot_s=25, idle_s=60)


def on_steep_days(policy: ScalingPolicy, seeds: Sequence[int]) -> tuple[float, float]:
    """The share of games that waited, and the node-hours by the ideal ones."""
    days = [simulate(games_of(STEEP, HOUR_S, seed), STEADY, policy, HOUR_S) for seed in seeds]
    waited = sum(day.waited for day in days) / sum(day.games for day in days)
    return waited, fmean(day.ratio for day in days)


def test_with_our_policy_hardly_a_game_waits_and_no_node_is_kept_for_nothing() -> None:
    waited, ratio = on_steep_days(OURS, seeds=[1, 2, 3])
    assert waited < 0.005
    assert ratio < 1.35


def test_on_such_days_many_games_would_wait_for_one_standby() -> None:
    waited, _ = on_steep_days(replace(OURS, foresees=False), seeds=[1])
    assert waited > 0.05


def test_the_busiest_moment_comes_in_the_middle_of_a_period() -> None:
    swing = Demand(quiet=0, busy=20, game_s=60, period_s=1000)
    starts = [start_s for start_s, _ in games_of(swing, 1000)]
    early, middle = sum(s < 250 for s in starts), sum(375 <= s < 625 for s in starts)
    assert early * 2 < middle
