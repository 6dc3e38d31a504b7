"""The demo's own rules: how long it may last, and when it was a success."""

from datetime import timedelta
from typing import Any

import pytest

from actors.messages import Statistics
from crabstick.commands.demo import DemoPlan, _judge, _overhead, _settings
from crabstick.errors import EnvironmentProblem
from crabstick.rules.challenges import objection
from crabstick.rules.lichess_types import Clock
from crabstick.sandbox.opponent import Result
from crabstick.telemetry.bot_metrics import BotMetrics
from tests.builders import a_challenge


def a_clock(limit_s: int = 60, increment_s: int = 1) -> Clock:
    return Clock(initial=timedelta(seconds=limit_s), increment=timedelta(seconds=increment_s))


def a_plan(**changes: Any) -> DemoPlan:
    fields: dict[str, Any] = {"games": 2, "clock": a_clock(), "chaos": False}
    return DemoPlan(**{**fields, **changes})


def statistics(takeovers: int = 0, *overheads_s: float) -> Statistics:
    metrics = BotMetrics()
    metrics.inc("crabstick_takeovers_total", by=takeovers)
    for seconds in overheads_s:
        metrics.observe("crabstick_move_overhead_seconds", seconds)
    return Statistics(bot="crabby", ledger=metrics.snapshot())


def a_result(status: str = "mate") -> Result:
    return Result(game_id="abcdefgh", status=status, winner="white")


@pytest.mark.parametrize(("limit_s", "increment_s"), [(0, 1), (30, 0), (10800, 60)])
def test_the_bot_accepts_the_clock_of_the_demo(limit_s: int, increment_s: int) -> None:
    plan = a_plan(clock=a_clock(limit_s, increment_s))
    challenges = _settings(plan, "http://127.0.0.1:9").challenges
    assert objection(a_challenge(clock=plan.clock), challenges.policy(is_bot=True)) is None
    assert challenges.max_games == 2


def test_an_aborted_game_fails_the_demo() -> None:
    _judge(a_plan(), [a_result("mate"), a_result("variantEnd")], statistics())
    with pytest.raises(EnvironmentProblem, match="abcdefgh by aborted"):
        _judge(a_plan(), [a_result("mate"), a_result("aborted")], statistics())


def test_chaos_without_a_takeover_fails_the_demo() -> None:
    with pytest.raises(EnvironmentProblem, match="no actor could be killed"):
        _judge(a_plan(chaos=True), [a_result()], statistics(takeovers=0))
    _judge(a_plan(chaos=True), [a_result()], statistics(takeovers=1))


def test_the_overhead_is_shown_in_milliseconds_if_known() -> None:
    assert _overhead(statistics()) == "p50 -, p95 -, p99 -"
    assert _overhead(statistics(0, 0.002)).startswith("p50 1.5 ms")
