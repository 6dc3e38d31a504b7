"""The table of metrics, the ledger that keeps them, and the text that shows them."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from prometheus_client.parser import text_string_to_metric_families

from crabstick import __version__
from crabstick.errors import InvariantBroken
from crabstick.telemetry.exposition import CONTENT_TYPE, exposition
from crabstick.telemetry.metrics import METRICS, Ledger, Metric

HISTOGRAM = "crabstick_move_overhead_seconds"


def samples_of(ledger: Ledger) -> dict[tuple[str, str], float]:
    """What Prometheus itself reads in the text: (sample name, label value) -> number."""
    text = exposition(ledger.snapshot()).decode()
    return {
        (sample.name, next(iter(sample.labels.values()), "")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


# The table


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_names_follow_prometheus(metric: Metric) -> None:
    name, kind = metric.name, metric.kind
    assert re.fullmatch(r"crabstick_[a-z_]+", name)
    assert name.endswith("_total") == (kind == "counter")
    assert not name.endswith(("_ms", "_milliseconds", "_minutes"))


def test_no_label_grows_with_games_users_or_actors() -> None:
    labels = {metric.label for metric in METRICS.values()}
    assert labels == {None, "state", "result", "outcome", "stream", "endpoint", "version"}
    assert max(len(metric.label_values) for metric in METRICS.values()) < 20


def test_buckets_rise() -> None:
    histograms = [metric for metric in METRICS.values() if metric.kind == "histogram"]
    assert [sorted(set(metric.buckets)) for metric in histograms] == [
        list(metric.buckets) for metric in histograms
    ]
    assert all(metric.buckets for metric in histograms)


def test_the_document_says_what_the_table_says() -> None:
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
            f"`{metric.name}`",
            metric.kind,
            f"`{metric.label}`" if metric.label else "",
            tuple(_documented(value) for value in metric.label_values),
        )
        for metric in METRICS.values()
    ]


def _documented(value: str) -> str:
    """As the page writes it; a new version changes no page."""
    if value == __version__:
        return "the version"
    return f"`{value}`" if value else ""


# The ledger


def test_a_counter_adds_up() -> None:
    ledger = Ledger()
    ledger.inc("crabstick_moves_total")
    ledger.inc("crabstick_moves_total", by=2)
    assert samples_of(ledger)["crabstick_moves_total", ""] == 3


def test_a_labelled_counter_counts_each_label_apart() -> None:
    ledger = Ledger()
    ledger.inc("crabstick_challenges_total", "later")
    samples = samples_of(ledger)
    assert samples["crabstick_challenges_total", "later"] == 1
    assert samples["crabstick_challenges_total", "accepted"] == 0


def test_a_gauge_keeps_its_last_value() -> None:
    ledger = Ledger()
    ledger.set("crabstick_games", 5, "playing")
    ledger.set("crabstick_games", 2, "playing")
    assert samples_of(ledger)["crabstick_games", "playing"] == 2


def test_a_histogram_counts_a_bound_into_its_own_bucket() -> None:
    ledger = Ledger()
    for seconds in (0.0, 0.0005, 0.0006, 1.0, 99.0):
        ledger.observe(HISTOGRAM, seconds)
    samples = samples_of(ledger)
    assert samples[f"{HISTOGRAM}_bucket", "0.0005"] == 2
    assert samples[f"{HISTOGRAM}_bucket", "0.001"] == 3
    assert samples[f"{HISTOGRAM}_bucket", "1.0"] == 4
    assert samples[f"{HISTOGRAM}_bucket", "+Inf"] == 5
    assert samples[f"{HISTOGRAM}_count", ""] == 5
    assert samples[f"{HISTOGRAM}_sum", ""] == pytest.approx(100.0011)


def test_a_snapshot_is_not_reached_by_later_changes() -> None:
    ledger = Ledger()
    before = ledger.snapshot()
    ledger.inc("crabstick_moves_total")
    ledger.observe(HISTOGRAM, 1)
    assert before == Ledger().snapshot()


WRONG: list[tuple[Callable[[Ledger], None], str]] = [
    (lambda ledger: ledger.inc("crabstick_nothing_total"), "crabstick_nothing_total is no metric"),
    (lambda ledger: ledger.inc("crabstick_games", "playing"), "is a gauge, not a counter"),
    (lambda ledger: ledger.set("crabstick_moves_total", 1), "is a counter, not a gauge"),
    (lambda ledger: ledger.observe("crabstick_games", 1), "is a gauge, not a histogram"),
    (lambda ledger: ledger.inc(HISTOGRAM), "is a histogram, not a counter"),
    (lambda ledger: ledger.inc("crabstick_moves_total", "e2e4"), "takes no label"),
    (lambda ledger: ledger.set("crabstick_games", 1), "it takes playing, waiting"),
    (lambda ledger: ledger.set("crabstick_games", 1, "abcdefgh"), "no label value 'abcdefgh'"),
    (lambda ledger: ledger.inc("crabstick_moves_total", by=-1), "cannot take -1"),
    (lambda ledger: ledger.observe(HISTOGRAM, -0.1), "cannot take -0.1"),
    (lambda ledger: ledger.observe(HISTOGRAM, float("nan")), "cannot take nan"),
    (lambda ledger: ledger.set("crabstick_games", float("inf"), "playing"), "cannot take inf"),
]


@pytest.mark.parametrize(("act", "words"), WRONG, ids=[words for _, words in WRONG])
def test_what_the_table_excludes_is_our_own_mistake(
    act: Callable[[Ledger], None], words: str
) -> None:
    ledger = Ledger()
    with pytest.raises(InvariantBroken, match=re.escape(words)):
        act(ledger)
    assert ledger.snapshot() == Ledger().snapshot()


@given(st.lists(st.floats(0, 1e6), max_size=30))
def test_no_sample_of_a_histogram_is_lost(seconds: list[float]) -> None:
    ledger = Ledger()
    for sample in seconds:
        ledger.observe("crabstick_think_seconds", sample)
    samples = samples_of(ledger)
    bounds = METRICS["crabstick_think_seconds"].buckets
    expected = [sum(sample <= bound for sample in seconds) for bound in bounds]
    read = [samples["crabstick_think_seconds_bucket", str(bound)] for bound in bounds]
    assert read == expected
    assert samples["crabstick_think_seconds_count", ""] == len(seconds)


# The text


def test_every_metric_appears_before_anything_happened() -> None:
    samples = samples_of(Ledger())
    expected = {
        (metric.name, label)
        for metric in METRICS.values()
        if metric.kind != "histogram"
        for label in metric.label_values
    }
    histograms = {metric.name for metric in METRICS.values() if metric.kind == "histogram"}
    assert expected <= samples.keys()
    assert {(f"{name}_count", "") for name in histograms} <= samples.keys()
    assert set(samples.values()) == {0}


def test_prometheus_reads_each_kind_and_help_as_the_table_has_them() -> None:
    families = text_string_to_metric_families(exposition(Ledger().snapshot()).decode())
    read = {family.name: (family.type, family.documentation) for family in families}
    assert read == {
        metric.name.removesuffix("_total"): (metric.kind, metric.help)
        for metric in METRICS.values()
    }


def test_a_snapshot_survives_json() -> None:
    ledger = Ledger()
    ledger.observe(HISTOGRAM, 0.25)
    ledger.set("crabstick_event_stream_age_seconds", 1.5)
    snapshot = ledger.snapshot()
    assert exposition(json.loads(json.dumps(snapshot))) == exposition(snapshot)


def test_the_content_type_names_the_format() -> None:
    assert CONTENT_TYPE == "text/plain; version=0.0.4; charset=utf-8"


def test_the_global_registry_stays_untouched() -> None:
    exposition(Ledger().snapshot())
    assert not [family.name for family in REGISTRY.collect() if "crabstick" in family.name]


def test_metrics_of_a_newer_version_are_left_out_and_missing_ones_are_zero() -> None:
    newer = {"v": 1, "values": {"crabstick_new_total": {"": 7}}, "histograms": {}}
    assert exposition(newer) == exposition(Ledger().snapshot())


@pytest.mark.parametrize(
    ("snapshot", "words"),
    [
        ({}, "the metrics snapshot has version None; this crabstick reads version 1"),
        ({"v": 2}, "has version 2"),
        ({"v": 1}, "values is no mapping"),
        ({"v": 1, "values": {}}, "histograms is no mapping"),
        ({"v": 1, "values": {"crabstick_games": 3}, "histograms": {}}, "crabstick_games is no map"),
        (
            {"v": 1, "values": {"crabstick_games": {"playing": "3"}}, "histograms": {}},
            "crabstick_games holds no number",
        ),
        (
            {"v": 1, "values": {"crabstick_games": {"playing": float("nan")}}, "histograms": {}},
            "crabstick_games holds no number",
        ),
        ({"v": 1, "values": {}, "histograms": {HISTOGRAM: {"counts": [1]}}}, "has other buckets"),
        ({"v": 1, "values": {}, "histograms": {HISTOGRAM: {"counts": "no"}}}, "has other buckets"),
        ({"v": 1, "values": {}, "histograms": {HISTOGRAM: {"sum": None}}}, "holds no number"),
    ],
)
def test_a_broken_snapshot_is_named(snapshot: dict[str, object], words: str) -> None:
    with pytest.raises(InvariantBroken, match=re.escape(words)):
        exposition(snapshot)
