"""The metrics of a bot: what Prometheus reads, and the same as JSON."""

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from crabstick.errors import InvariantBroken
from crabstick.telemetry.bot_metrics import BotMetrics
from crabstick.telemetry.metric_definitions import METRICS

HISTOGRAM = "crabstick_move_overhead_seconds"


def samples_of(metrics: BotMetrics) -> dict[tuple[str, str], float]:
    """What Prometheus reads in the text: (sample name, label value) -> number."""
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(metrics.text())
        for sample in family.samples
    }


def test_every_series_appears_at_zero_before_anything_has_happened() -> None:
    expected = set()
    for name, metric in METRICS.items():
        if metric.kind == "histogram":
            bounds = [*map(str, metric.buckets), "+Inf"]
            expected |= {(f"{name}_bucket", bound) for bound in bounds}
            expected |= {(f"{name}_count", ""), (f"{name}_sum", "")}
        else:
            expected |= {(name, value) for value in metric.label_values}
    samples = samples_of(BotMetrics())
    assert samples.keys() == expected
    assert set(samples.values()) == {0}


def test_prometheus_reads_each_kind_and_help_as_the_table_has_them() -> None:
    families = text_string_to_metric_families(BotMetrics().text())
    read = {family.name: (family.type, family.documentation) for family in families}
    assert read == {
        name.removesuffix("_total"): (metric.kind, metric.help) for name, metric in METRICS.items()
    }


def test_a_counter_adds_up_for_each_label_value() -> None:
    metrics = BotMetrics()
    metrics.inc("crabstick_challenges_total", "later")
    metrics.inc("crabstick_challenges_total", "later", by=2)
    samples = samples_of(metrics)
    assert samples["crabstick_challenges_total", "later"] == 3
    assert samples["crabstick_challenges_total", "accepted"] == 0


def test_a_gauge_keeps_its_last_value() -> None:
    metrics = BotMetrics()
    metrics.set("crabstick_games", 5, "playing")
    metrics.set("crabstick_games", 2, "playing")
    assert samples_of(metrics)["crabstick_games", "playing"] == 2


@given(st.lists(st.floats(0, 1e6) | st.sampled_from(METRICS[HISTOGRAM].buckets), max_size=30))
@settings(max_examples=30)
def test_a_histogram_counts_every_sample_and_includes_its_bounds(seconds: list[float]) -> None:
    metrics = BotMetrics()
    for sample in seconds:
        metrics.observe(HISTOGRAM, sample)
    samples = samples_of(metrics)
    bounds = METRICS[HISTOGRAM].buckets
    expected = [sum(sample <= bound for sample in seconds) for bound in bounds]
    assert [samples[f"{HISTOGRAM}_bucket", str(bound)] for bound in bounds] == expected
    assert samples[f"{HISTOGRAM}_count", ""] == len(seconds)
    assert samples[f"{HISTOGRAM}_sum", ""] == pytest.approx(sum(seconds))
    counts = snapshot_of(metrics)["histograms"][HISTOGRAM]["counts"]
    assert [sum(counts[: size + 1]) for size in range(len(bounds))] == expected
    assert sum(counts) == len(seconds)


def snapshot_of(metrics: BotMetrics) -> Any:
    return json.loads(json.dumps(metrics.snapshot()))


def test_a_snapshot_has_a_shape_that_users_rely_on() -> None:
    metrics = BotMetrics()
    metrics.inc("crabstick_moves_total", by=2)
    metrics.set("crabstick_games", 1, "playing")
    metrics.observe(HISTOGRAM, 0.25)
    snapshot = snapshot_of(metrics)
    assert snapshot.keys() == {"v", "values", "histograms"}
    assert snapshot["v"] == 1
    assert snapshot["values"]["crabstick_moves_total"] == {"": 2}
    assert snapshot["values"]["crabstick_games"] == {"playing": 1, "waiting": 0}
    counts = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0]
    assert snapshot["histograms"][HISTOGRAM] == {"counts": counts, "sum": 0.25}
    assert [*snapshot["values"], *snapshot["histograms"]] == sorted(
        METRICS, key=lambda name: METRICS[name].kind == "histogram"
    )


WRONG: list[tuple[Callable[[BotMetrics], None], str]] = [
    (
        lambda metrics: metrics.inc("crabstick_nothing_total"),
        "crabstick_nothing_total is no counter",
    ),
    (lambda metrics: metrics.inc("crabstick_games", "playing"), "games is no counter"),
    (lambda metrics: metrics.set("crabstick_moves_total", 1), "is no gauge"),
    (lambda metrics: metrics.observe("crabstick_games", 1), "is no histogram"),
    (lambda metrics: metrics.inc("crabstick_moves_total", "e2e4"), "label value 'e2e4'"),
    (lambda metrics: metrics.set("crabstick_games", 1), "is no gauge with the label value None"),
    (lambda metrics: metrics.inc("crabstick_moves_total", by=-1), "cannot take -1"),
    (lambda metrics: metrics.observe(HISTOGRAM, float("nan")), "cannot take nan"),
    (lambda metrics: metrics.set("crabstick_games", float("inf"), "playing"), "cannot take inf"),
]


@pytest.mark.parametrize(("act", "words"), WRONG, ids=[words for _, words in WRONG])
def test_what_the_table_excludes_changes_nothing(
    act: Callable[[BotMetrics], None], words: str
) -> None:
    metrics = BotMetrics()
    with pytest.raises(InvariantBroken, match=re.escape(words)):
        act(metrics)
    assert metrics.text() == BotMetrics().text()


def test_the_global_registry_stays_untouched() -> None:
    assert BotMetrics().text()
    assert not [family.name for family in REGISTRY.collect() if "crabstick" in family.name]
