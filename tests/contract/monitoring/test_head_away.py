"""A head that is away is told of in time, however it is away; one that is replaced is not."""

from pathlib import Path
from typing import Any

import pytest

from tests.contract.monitoring.promtool import (
    CLUSTER,
    HEALTHY,
    NEXT_POD,
    POD,
    SAMPLE_EVERY,
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
