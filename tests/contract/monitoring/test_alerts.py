"""Each alert is fired, and seen not to fire, by Prometheus's own `promtool`."""

import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.contract.monitoring.cases import CASES
from tests.contract.monitoring.parts import COMPONENT, alerts, rule_file
from tests.contract.monitoring.promtool import (
    CLUSTER,
    HEALTHY,
    NEXT_POD,
    OTHER_CLUSTER,
    POD,
    SAMPLE_EVERY,
    expectation,
    run,
    series_of,
)


def test_each_alert_fires_when_it_should_and_else_does_not(tmp_path: Path) -> None:
    tests = [
        {
            "name": f"{case.alert}: {case.why}",
            "interval": SAMPLE_EVERY,
            "input_series": series_of({**HEALTHY, **case.series}, CLUSTER, POD),
            "promql_expr_test": [
                expectation(case.alert, case.at, case.labels if case.fires else None)
            ],
        }
        for case in CASES
    ]
    assert run(tmp_path, *tests) == ""


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


@pytest.mark.parametrize("alert", alerts())
def test_each_alert_has_cases_of_both_kinds(alert: str) -> None:
    assert {case.fires for case in CASES if case.alert == alert} == {True, False}


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
