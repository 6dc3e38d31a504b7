"""A head that is away is told of in time, however it is away; one that is replaced is not."""

from pathlib import Path
from typing import Any

import pytest

from tests.contract.monitoring.parts import alerts
from tests.contract.monitoring.promtool import (
    CLUSTER,
    HEALTHY,
    NEXT_POD,
    POD,
    SAMPLE_EVERY,
    expectation,
    run,
    series_of,
)

AWAY_FROM_75S_ON = {
    "its Pod is gone": "1x4 stale",
    "its Pod does not answer": "1x4 0x400",
    "its Pod does not answer, and then is gone": "1x4 0x3 stale",
    "its Pod comes and goes": "1x4 " + " ".join(["0 0 0 stale"] * 100),
    "its Pod comes late, and does not answer": "1x4 stale _x9 0x400",
}


def wakes_somebody(at: str, *, answer: bool) -> dict[str, Any]:
    """That something critical fires at that moment, or nothing does."""
    firing = 'group(ALERTS{severity="critical", alertstate="firing"})'
    samples = [{"labels": "{}", "value": 1}] if answer else []
    return {"expr": firing, "eval_time": at, "exp_samples": samples}


@pytest.mark.parametrize("why", AWAY_FROM_75S_ON)
def test_a_head_that_is_away_for_good_wakes_somebody_within_four_minutes(
    why: str, tmp_path: Path
) -> None:
    moments = [wakes_somebody("3m30s", answer=False)]
    moments += [wakes_somebody(at, answer=True) for at in ("5m15s", "6m", "8m", "10m")]
    test = {
        "interval": SAMPLE_EVERY,
        "input_series": series_of({**HEALTHY, "up": AWAY_FROM_75S_ON[why]}, CLUSTER, POD),
        "promql_expr_test": moments,
    }
    assert run(tmp_path, test) == ""


def test_a_head_that_is_replaced_wakes_nobody(tmp_path: Path) -> None:
    moments = [f"{quarters * 15}s" for quarters in range(4, 40)]
    test = {
        "interval": SAMPLE_EVERY,
        "input_series": [
            *series_of({**HEALTHY, "up": "1x4 stale"}, CLUSTER, POD),
            *series_of({"up": "_x6 0x5 1x100"}, CLUSTER, NEXT_POD),
        ],
        "promql_expr_test": [wakes_somebody(at, answer=False) for at in moments],
    }
    assert run(tmp_path, test) == ""


# Two bots, each in a namespace of its own.

ELSEWHERE = {"ray_io_cluster": "crabstick", "namespace": "tournament"}


def beside_another(up: str, *moments: dict[str, Any]) -> dict[str, Any]:
    """What becomes of a bot, with one in another namespace with which all is well."""
    healthy = series_of(HEALTHY, ELSEWHERE, NEXT_POD)
    inputs = [*series_of({"up": up}, CLUSTER, POD), *healthy]
    return {
        "interval": SAMPLE_EVERY,
        "input_series": inputs,
        "promql_expr_test": [*moments],
    }


@pytest.mark.parametrize("why", AWAY_FROM_75S_ON)
def test_the_head_of_one_bot_of_two_wakes_somebody_within_four_minutes(
    why: str, tmp_path: Path
) -> None:
    moments = [wakes_somebody("3m30s", answer=False)]
    moments += [wakes_somebody(at, answer=True) for at in ("5m15s", "6m", "8m", "10m", "50m")]
    assert run(tmp_path, beside_another(AWAY_FROM_75S_ON[why], *moments)) == ""


def test_the_bot_that_is_missed_is_the_one_that_is_away(tmp_path: Path) -> None:
    moments = [expectation("CrabstickMissing", at, CLUSTER) for at in ("5m15s", "30m", "60m")]
    assert run(tmp_path, beside_another("1x4 stale", *moments)) == ""


def test_a_bot_that_was_removed_is_forgotten_after_an_hour(tmp_path: Path) -> None:
    moments = [expectation("CrabstickMissing", at, None) for at in ("61m15s", "90m", "2h")]
    assert run(tmp_path, beside_another("1x4 stale", *moments)) == ""


def missing(at: str, summary: str, **labels: str) -> dict[str, Any]:
    """That `CrabstickMissing` fires once, and says so; without a summary that it does not."""
    rule = alerts()["CrabstickMissing"]
    texts = {**rule["annotations"], "summary": summary}
    alarm = {"exp_labels": {**rule["labels"], **labels}, "exp_annotations": texts}
    expected = [alarm] if summary else []
    return {"alertname": "CrabstickMissing", "eval_time": at, "exp_alerts": expected}


def test_the_last_bot_is_missed_without_a_gap_and_without_end(tmp_path: Path) -> None:
    named = "Prometheus has nothing to scrape of crabstick."
    test = {
        "interval": SAMPLE_EVERY,
        "input_series": series_of({"up": "1x4 stale"}, CLUSTER, POD),
        "alert_rule_test": [
            *(missing(at, named, **CLUSTER) for at in ("5m", "20m", "55m")),
            *(
                missing(at, "Prometheus has nothing to scrape of any crabstick.", job=POD["job"])
                for at in ("62m", "90m", "2h")
            ),
        ],
        "promql_expr_test": [wakes_somebody(f"{at}m", answer=True) for at in range(5, 120)],
    }
    assert run(tmp_path, test) == ""


def test_a_prometheus_that_never_knew_a_bot_says_so(tmp_path: Path) -> None:
    test = {
        "interval": SAMPLE_EVERY,
        "input_series": [{"series": 'up{job="another"}', "values": "1x400"}],
        "alert_rule_test": [
            missing("2m45s", ""),
            missing("4m", "Prometheus has nothing to scrape of any crabstick.", job=POD["job"]),
        ],
    }
    assert run(tmp_path, test) == ""
