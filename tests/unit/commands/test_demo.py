"""The demo's own rules: how long it may last, and when a show was a success."""

from datetime import timedelta
from typing import Any

import pytest

from actors.messages import Statistics
from crabstick.commands.demo import Show, _judge, _overhead, _settings
from crabstick.errors import EnvironmentProblem
from crabstick.rules.model import Clock
from crabstick.sandbox.opponent import Result
from crabstick.telemetry.bot_metrics import BotMetrics


def a_clock(limit_s: int = 60, increment_s: int = 1) -> Clock:
    return Clock(initial=timedelta(seconds=limit_s), increment=timedelta(seconds=increment_s))


def a_show(**changes: Any) -> Show:
    fields: dict[str, Any] = {"games": 2, "clock": a_clock(), "chaos": False}
    return Show(**{**fields, **changes})


def a_picture(takeovers: int = 0, *overheads_s: float) -> Statistics:
    metrics = BotMetrics()
    metrics.inc("crabstick_takeovers_total", by=takeovers)
    for seconds in overheads_s:
        metrics.observe("crabstick_move_overhead_seconds", seconds)
    return Statistics(bot="crabby", ledger=metrics.snapshot())


def a_result(status: str = "mate") -> Result:
    return Result(game_id="abcdefgh", status=status, winner="white")


def test_the_longest_game_is_two_clocks_and_many_increments() -> None:
    assert a_show().longest == timedelta(seconds=2 * 60 + 300 * 1 + 60)


@pytest.mark.parametrize(("limit_s", "increment_s"), [(0, 1), (30, 0), (10800, 60)])
def test_the_bot_takes_the_clock_that_is_shown(limit_s: int, increment_s: int) -> None:
    show = a_show(clock=a_clock(limit_s, increment_s))
    policy = _settings(show, "http://127.0.0.1:9").challenges.policy()
    assert policy.min_initial <= show.clock.initial <= policy.max_initial
    assert policy.min_increment <= show.clock.increment <= policy.max_increment
    assert policy.max_games == 2


def test_a_show_of_proper_games_is_a_success() -> None:
    _judge(a_show(), [a_result("mate"), a_result("outoftime")], a_picture())


def test_a_game_that_was_no_game_fails_the_show() -> None:
    with pytest.raises(EnvironmentProblem, match="abcdefgh by aborted"):
        _judge(a_show(), [a_result("mate"), a_result("aborted")], a_picture())


def test_chaos_without_a_takeover_was_none() -> None:
    with pytest.raises(EnvironmentProblem, match="no actor could be killed"):
        _judge(a_show(chaos=True), [a_result()], a_picture(takeovers=0))
    _judge(a_show(chaos=True), [a_result()], a_picture(takeovers=1))


def test_the_overhead_is_told_in_milliseconds_or_not_at_all() -> None:
    assert _overhead(a_picture()) == "p50 -, p95 -, p99 -"
    assert _overhead(a_picture(0, 0.002)).startswith("p50 1.5 ms")
