"""Each alert is fired, and seen not to fire, by Prometheus's own `promtool`."""

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from tests.contract.monitoring.parts import COMPONENT, OURS, alerts, rule_file
from tests.contract.monitoring.promtool import (
    CLUSTER,
    HEALTHY,
    NEXT_POD,
    OTHER_CLUSTER,
    POD,
    SAMPLE_EVERY,
    Series,
    expectation,
    run,
    series_of,
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """What happens instead, and whether the alert fires at that moment."""

    alert: str
    why: str
    series: Series
    at: str
    fires: bool = True
    labels: Mapping[str, str] = field(default_factory=lambda: CLUSTER)


def fires(alert: str, why: str, series: Series, at: str, **labels: str) -> Case:
    return Case(alert=alert, why=why, series=series, at=at, labels={**CLUSTER, **labels})


def silent(alert: str, why: str, series: Series, at: str) -> Case:
    return Case(alert=alert, why=why, series=series, at=at, fires=False)


WAITS = 'crabstick_game_wait_seconds{state="%s"}'
LOST = 'crabstick_actors_lost_total{state="%s"}'
LIMITED = 'crabstick_rate_limited_total{endpoint="%s"}'
LIMIT = 'crabstick_rate_limit_wait_seconds{endpoint="%s"}'
ON_DRAINING = "crabstick_games_on_draining_nodes"
HANDOVERS = "crabstick_handovers_total"
DRAIN_AGE = "crabstick_drain_age_seconds"
START = "crabstick_start_time_seconds"
BUCKET = 'crabstick_move_overhead_seconds_bucket{le="%s"}'
SLOW_MOVES = {BUCKET % "0.2": "0+9x480", BUCKET % "0.01": "0+9x480", BUCKET % "0.5": "0+10x480"}

CASES = [
    fires("CrabstickDown", "the WorkerSet is away", {"up": "1 1 0x100"}, "3m30s"),
    silent("CrabstickDown", "it is being replaced", {"up": "1 1 0x100"}, "2m30s"),
    silent("CrabstickDown", "it has just been made", {"up": "_x4 0x3 1x100"}, "2m15s"),
    fires("CrabstickMissing", "it is scraped no more", {"up": "1x4 stale"}, "4m30s"),
    silent("CrabstickMissing", "the next one comes", {"up": "1x4 stale _x8 1x400"}, "3m15s"),
    silent("CrabstickMissing", "what is scraped is down: another alert", {"up": "0x480"}, "20m"),
    fires("CrabstickGameWithoutActor", "no actor comes", {WAITS % "begun": "0x4 0+15x100"}, "2m"),
    silent("CrabstickGameWithoutActor", "taken over", {WAITS % "begun": "0 12 0 12 0x100"}, "1m"),
    silent("CrabstickGameWithoutActor", "it is new", {WAITS % "new": "0+15x480"}, "2m"),
    fires("CrabstickNewGameWaits", "no node comes", {WAITS % "new": "0+15x480"}, "2m"),
    silent("CrabstickNewGameWaits", "a node came", {WAITS % "new": "0 15 30 45 0x100"}, "1m"),
    fires("CrabstickGameForfeited", "once", {"crabstick_games_forfeited_total": "0x8 1x100"}, "5m"),
    silent(
        "CrabstickGameForfeited",
        "an hour ago",
        {"crabstick_games_forfeited_total": "0x8 1x400"},
        "60m",
    ),
    fires(
        "CrabstickLosesOnTime", "once", {"crabstick_games_lost_on_time_total": "0x8 1x480"}, "30m"
    ),
    silent(
        "CrabstickLosesOnTime",
        "long ago",
        {"crabstick_games_lost_on_time_total": "0x8 1x480"},
        "75m",
    ),
    fires("CrabstickMovesSlow", "every tenth takes half a second", SLOW_MOVES, "30m"),
    silent("CrabstickMovesSlow", "for a moment only", SLOW_MOVES, "9m"),
    fires("CrabstickTakeovers", "nodes die", {"crabstick_takeovers_total": "0+1x480"}, "10m"),
    silent("CrabstickTakeovers", "a node died", {"crabstick_takeovers_total": "0x8 4x100"}, "10m"),
    fires(
        "CrabstickEventStreamSilent",
        "no byte comes",
        {"crabstick_event_stream_age_seconds": "0+15x480"},
        "2m",
    ),
    silent(
        "CrabstickEventStreamSilent",
        "it was opened anew",
        {"crabstick_event_stream_age_seconds": "0 15 30 45 0x100"},
        "1m",
    ),
    fires(
        "CrabstickEventStreamContested",
        "two bots have one token",
        {'crabstick_stream_reconnects_total{stream="event"}': "0 1 2 3 4 5 6 7 8 9 9x400"},
        "10m",
    ),
    silent(
        "CrabstickEventStreamContested",
        "Lichess was restarted",
        {'crabstick_stream_reconnects_total{stream="event"}': "0x8 3x400"},
        "10m",
    ),
    fires(
        "CrabstickRateLimitStorm",
        "every move is limited",
        {LIMITED % "move": "0+1x480"},
        "10m",
        endpoint="move",
    ),
    silent("CrabstickRateLimitStorm", "now and then", {LIMITED % "move": "0x8 5x400"}, "10m"),
    fires(
        "CrabstickRateLimitedForLong",
        "a quarter of an hour",
        {LIMIT % "move": "0x4 900-15x60"},
        "2m",
        endpoint="move",
    ),
    silent(
        "CrabstickRateLimitedForLong",
        "the day's games against bots are spent",
        {LIMIT % "bot_game": "80000-15x480"},
        "10m",
    ),
    silent("CrabstickRateLimitedForLong", "a minute", {LIMIT % "move": "0x4 60-15x4"}, "1m15s"),
    fires(
        "CrabstickChallengesFail",
        "no answer gets through",
        {'crabstick_challenges_total{outcome="failed"}': "0x8 5x400"},
        "10m",
    ),
    silent(
        "CrabstickChallengesFail",
        "one was cancelled meanwhile",
        {'crabstick_challenges_total{outcome="failed"}': "0x8 1x400"},
        "10m",
    ),
    fires(
        "CrabstickEngineCrashLoop",
        "every game restarts its engine",
        {"crabstick_engine_restarts_total": "0+0.5x480"},
        "10m",
    ),
    silent(
        "CrabstickEngineCrashLoop",
        "one engine had bad luck twice",
        {"crabstick_engine_restarts_total": "0x8 2x400"},
        "10m",
    ),
    fires(
        "CrabstickEngineGivenUp", "once", {"crabstick_engine_fallbacks_total": "0x8 1x400"}, "10m"
    ),
    silent(
        "CrabstickEngineGivenUp",
        "an hour ago",
        {"crabstick_engine_fallbacks_total": "0x8 1x400"},
        "60m",
    ),
    fires(
        "CrabstickActorsFail",
        "none can play, and some die before that",
        {LOST % "useless": "0x8 4x400", LOST % "starting": "0x12 3x400"},
        "8m",
    ),
    silent("CrabstickActorsFail", "a busy node died", {LOST % "busy": "0x8 8x400"}, "8m"),
    fires("CrabstickProblem", "it stays", {"crabstick_problem": "0x4 1x400"}, "8m"),
    silent("CrabstickProblem", "it may go away", {"crabstick_problem": "0x4 1x400"}, "5m"),
    fires("CrabstickNoRoom", "no node comes", {"crabstick_actor_start_seconds": "0+15x480"}, "10m"),
    silent(
        "CrabstickNoRoom",
        "nodes come, and others are wanted",
        {"crabstick_actor_start_seconds": " ".join(["0+15x8"] * 40)},
        "10m",
    ),
    fires("CrabstickDrainStuck", "no game moves", {ON_DRAINING: "0x40 3x400"}, "12m15s"),
    silent("CrabstickDrainStuck", "it has just begun", {ON_DRAINING: "0x40 3x400"}, "11m"),
    fires(
        "CrabstickDrainStuck",
        "one game left, the others do not",
        {ON_DRAINING: "0x4 3 3 2x400", HANDOVERS: "0x5 1x400"},
        "3m45s",
    ),
    silent(
        "CrabstickDrainStuck",
        "games move, a few a minute",
        {ON_DRAINING: "0x4 9 9 8 8 7 7 6 6 5 5 4 4", HANDOVERS: "0x4 0 0 1 1 2 2 3 3 4 4 5 5"},
        "3m45s",
    ),
    silent("CrabstickDrainStuck", "the node is empty", {ON_DRAINING: "0x4 3x3 0x400"}, "3m"),
    fires("CrabstickNodeWillNotLeave", "it stays for long", {DRAIN_AGE: "0+15x480"}, "20m"),
    silent(
        "CrabstickNodeWillNotLeave",
        "it has games, and time",
        {DRAIN_AGE: "0+15x480", ON_DRAINING: "1x480", HANDOVERS: "0+1x480"},
        "20m",
    ),
    silent("CrabstickNodeWillNotLeave", "it leaves", {DRAIN_AGE: "0+15x8 0x400"}, "20m"),
    fires("CrabstickManagerRestarts", "three times", {START: "1x20 2x20 3x20 4x400"}, "20m"),
    silent("CrabstickManagerRestarts", "an upgrade", {START: "1x20 2x400"}, "20m"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.alert}: {case.why}")
def test_an_alert_fires_when_it_should_and_else_does_not(case: Case, tmp_path: Path) -> None:
    expected = expectation(case.alert, case.at, case.labels if case.fires else None)
    test = {
        "interval": SAMPLE_EVERY,
        "input_series": series_of({**HEALTHY, **case.series}, CLUSTER, POD),
        "promql_expr_test": [expected],
    }
    assert run(tmp_path, test) == ""


def test_a_healthy_bot_fires_nothing_in_an_hour(tmp_path: Path) -> None:
    moments = [f"{minutes}m" for minutes in range(0, 61, 5)]
    calm = {"expr": 'ALERTS{alertname=~"Crabstick.*"}', "exp_samples": []}
    test = {
        "interval": SAMPLE_EVERY,
        "input_series": series_of(HEALTHY, CLUSTER, POD),
        "promql_expr_test": [{**calm, "eval_time": moment} for moment in moments],
    }
    assert run(tmp_path, test) == ""


def test_a_bot_with_which_all_is_well_is_not_blamed_for_its_neighbour(tmp_path: Path) -> None:
    deaf = {**HEALTHY, "crabstick_event_stream_age_seconds": "0+15x480"}
    inputs = [*series_of(deaf, CLUSTER, POD), *series_of(HEALTHY, OTHER_CLUSTER, NEXT_POD)]
    test = {
        "interval": SAMPLE_EVERY,
        "input_series": inputs,
        "promql_expr_test": [expectation("CrabstickEventStreamSilent", "3m", CLUSTER)],
    }
    assert run(tmp_path, test) == ""


def test_an_alert_outlives_the_pod_that_it_was_about(tmp_path: Path) -> None:
    deaf = "crabstick_event_stream_age_seconds"
    inputs = [
        *series_of({deaf: "0+15x20"}, CLUSTER, POD),
        *series_of({deaf: "_x20 300+15x40"}, CLUSTER, NEXT_POD),
    ]
    name = "CrabstickEventStreamSilent"
    test = {
        "interval": SAMPLE_EVERY,
        "input_series": inputs,
        "promql_expr_test": [expectation(name, at, CLUSTER) for at in ("4m", "5m30s", "10m")],
    }
    assert run(tmp_path, test) == ""


def test_a_bot_outside_of_kubernetes_is_watched_too(tmp_path: Path) -> None:
    bare = {"expr": 'ALERTS{alertname="CrabstickDown", alertstate="firing"}', "eval_time": "5m"}
    found = 'ALERTS{alertname="CrabstickDown", alertstate="firing", severity="critical"}'
    test = {
        "interval": SAMPLE_EVERY,
        "input_series": series_of({"up": "0x100"}, {}, POD),
        "promql_expr_test": [{**bare, "exp_samples": [{"labels": found, "value": 1}]}],
    }
    assert run(tmp_path, test) == ""


def test_promtool_finds_no_fault_in_the_rules(tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump(rule_file()))
    command = ["promtool", "check", "rules", "--lint-fatal", str(tmp_path / "rules.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(alerts())} rules found" in done.stdout


# The table of cases, and the words.


@pytest.mark.parametrize("alert", alerts())
def test_each_alert_has_cases_of_both_kinds(alert: str) -> None:
    assert {case.fires for case in CASES if case.alert == alert} == {True, False}


def test_the_cases_are_about_metrics_that_exist() -> None:
    names = {name.partition("{")[0] for case in CASES for name in {**HEALTHY, **case.series}}
    assert names - OURS == {"up"}


@pytest.mark.parametrize("alert", alerts())
def test_each_alert_says_how_bad_it_is_what_is_the_matter_and_what_to_do(alert: str) -> None:
    rule = alerts()[alert]
    assert rule["labels"].keys() == {"severity"}
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert rule["annotations"].keys() == {"summary", "description", "runbook"}
    for text in rule["annotations"].values():
        assert text.endswith(".")
    assert "$labels.ray_io_cluster" in rule["annotations"]["summary"]


def test_each_alert_is_on_the_page_that_says_what_to_do() -> None:
    text = (COMPONENT.parents[2] / "docs" / "monitoring.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("| `Crabstick")
    ]
    documented = [(name.strip("`"), severity) for name, severity, *_ in rows]
    assert documented == [(name, rule["labels"]["severity"]) for name, rule in alerts().items()]
    assert all(len(row) == 4 and all(row) for row in rows)
