"""The table of metrics, and the page that documents it."""

import re
from pathlib import Path
from typing import get_args

import pytest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from crabstick import __version__
from crabstick.telemetry.metric_definitions import CONTENT_TYPE, METRICS, Metric
from engine.interface import Source


@pytest.mark.parametrize(("name", "metric"), METRICS.items(), ids=METRICS)
def test_names_follow_the_conventions_of_prometheus(name: str, metric: Metric) -> None:
    assert re.fullmatch(r"crabstick_[a-z_]+", name)
    assert name.endswith("_total") == (metric.kind == "counter")
    assert not name.endswith(("_ms", "_milliseconds", "_minutes"))


def test_no_label_grows_with_games_users_or_actors() -> None:
    labels = {metric.label for metric in METRICS.values()}
    assert labels == {None, "state", "result", "outcome", "stream", "endpoint", "source", "version"}
    assert max(len(metric.label_values) for metric in METRICS.values()) < 20


def test_every_source_of_a_move_but_the_engines_is_counted() -> None:
    own = {"engine", "bundled", "last_resort"}
    known = {name for part in get_args(Source) for name in get_args(part) or (part,)}
    assert set(METRICS["crabstick_source_moves_total"].label_values) == known - own


def test_the_content_type_is_that_of_prometheus_client() -> None:
    assert CONTENT_TYPE == CONTENT_TYPE_PLAIN_0_0_4


def test_the_page_has_the_rows_of_the_table() -> None:
    text = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("| `")
    ]
    documented = [
        (name, kind, label, tuple(values.split(", "))) for name, kind, label, values, _ in rows
    ]
    assert documented == [
        (
            f"`{name}`",
            metric.kind,
            f"`{metric.label}`" if metric.label else "",
            tuple(_documented(value) for value in metric.label_values),
        )
        for name, metric in METRICS.items()
    ]


def _documented(value: str) -> str:
    """The value as the page shows it; the page names no version."""
    if value == __version__:
        return "the version"
    return f"`{value}`" if value else ""
