"""A ledger's snapshot as Prometheus text; imported only where `/metrics` is served."""

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import (
    Metric as Family,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from crabstick.errors import CrabstickError
from crabstick.telemetry.metrics import METRICS, SNAPSHOT_VERSION, Metric

__all__ = ["CONTENT_TYPE", "exposition"]

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4


def exposition(snapshot: Mapping[str, Any]) -> bytes:
    """Prometheus's text format.

    Raises:
        CrabstickError: the snapshot is of another version.
    """
    if snapshot.get("v") != SNAPSHOT_VERSION:
        raise CrabstickError(f"a snapshot of version {snapshot.get('v')!r} cannot be shown")
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(snapshot))
    return generate_latest(registry)


class _Snapshot:
    def __init__(self, snapshot: Mapping[str, Any]) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Family]:
        for metric in METRICS.values():
            yield self._family(metric)

    def _family(self, metric: Metric) -> Family:
        if metric.kind == "histogram":
            counts = list(accumulate(self._snapshot["buckets"][metric.name]))
            bounds = [*(f"{bound:g}" for bound in metric.buckets), "+Inf"]
            histogram = HistogramMetricFamily(metric.name, metric.help)
            histogram.add_metric(
                [], list(zip(bounds, counts, strict=True)), self._snapshot["sums"][metric.name]
            )
            return histogram
        kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
        labels = [metric.label] if metric.label else []
        family = kind(metric.name.removesuffix("_total"), metric.help, labels=labels)
        for label, value in self._snapshot["values"][metric.name].items():
            family.add_metric([label] if metric.label else [], value)
        return family
