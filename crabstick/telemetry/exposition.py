"""A ledger's snapshot as Prometheus text; for the process that serves `/metrics`, not for actors.

Snapshots come from another process, perhaps of another version: what the table does not know is
left out, what the snapshot does not know is zero, and what cannot be right is an error.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.registry import Collector

from crabstick.errors import InvariantBroken
from crabstick.telemetry.metrics import METRICS, SNAPSHOT_VERSION, Metric

__all__ = ["CONTENT_TYPE", "exposition"]

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
"""What the HTTP answer says of itself."""


def exposition(snapshot: Mapping[str, object]) -> bytes:
    """The text of `snapshot`: every metric of the table, at zero where nothing happened.

    Raises:
        InvariantBroken: another version of crabstick wrote it, or it is broken.
    """
    version = snapshot.get("v")
    if version != SNAPSHOT_VERSION:
        raise InvariantBroken(
            f"the metrics snapshot has version {version!r}; this crabstick reads "
            f"version {SNAPSHOT_VERSION}"
        )
    values = _mapping(snapshot.get("values"), "values")
    histograms = _mapping(snapshot.get("histograms"), "histograms")
    families = [
        _histogram(metric, _mapping(histograms.get(metric.name, {}), metric.name))
        if metric.kind == "histogram"
        else _cells(metric, _mapping(values.get(metric.name, {}), metric.name))
        for metric in METRICS.values()
    ]
    registry = CollectorRegistry(auto_describe=False)  # our own: the global one has other series
    registry.register(_Families(families))
    return generate_latest(registry)


class _Families(Collector):
    """What a registry asks for its metrics."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Family]:
        """The metrics of one snapshot."""
        yield from self._families


def _cells(metric: Metric, cells: Mapping[str, object]) -> Family:
    labels = [metric.label] if metric.label else []
    family: CounterMetricFamily | GaugeMetricFamily
    if metric.kind == "counter":
        family = CounterMetricFamily(metric.name, metric.help, labels=labels)
    else:
        family = GaugeMetricFamily(metric.name, metric.help, labels=labels)
    for label in metric.label_values:
        value = _number(cells.get(label, 0), metric.name)
        family.add_metric([label] if metric.label else [], value)
    return family


def _histogram(metric: Metric, cells: Mapping[str, object]) -> Family:
    size = len(metric.buckets) + 1
    counts = cells.get("counts", [0] * size)
    if not isinstance(counts, list) or len(counts) != size:
        raise InvariantBroken(f"the metrics snapshot has other buckets for {metric.name}")
    bounds = [*(str(bound) for bound in metric.buckets), "+Inf"]
    sums = accumulate(_number(count, metric.name) for count in counts)
    total = _number(cells.get("sum", 0), metric.name)
    family = HistogramMetricFamily(metric.name, metric.help)
    family.add_metric([], list(zip(bounds, sums, strict=True)), total)
    return family


def _mapping(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise InvariantBroken(f"the metrics snapshot is broken: {what} is no mapping")
    return value


def _number(value: object, what: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InvariantBroken(f"the metrics snapshot is broken: {what} holds no number")
    return value
