"""Copies the bot's metrics into Ray's own, which Ray exports with those of the cluster.

Only the WorkerSet does so: Ray goes on exporting the series of a process after its death.
"""

from collections.abc import Mapping
from typing import cast

from ray.util.metrics import Counter, Gauge, Histogram

from crabstick.telemetry.metric_definitions import METRICS, Metric


class RayMirror:
    """The same metrics in `ray.util.metrics`; Ray prefixes their names with `ray_`."""

    def __init__(self) -> None:
        self._metrics = {name: _ray_metric(name, metric) for name, metric in METRICS.items()}
        self._shown: dict[tuple[str, str], float] = {}

    def show(self, snapshot: Mapping[str, object]) -> None:
        """Brings gauges and counters to the values of a snapshot of `BotMetrics`."""
        values = cast("Mapping[str, Mapping[str, float]]", snapshot["values"])
        for name, cells in values.items():
            for label, value in cells.items():
                self._show_value(name, label, value)

    def observe(self, name: str, seconds: float) -> None:
        """Adds a sample to a histogram."""
        histogram = self._metrics[name]
        if isinstance(histogram, Histogram) and seconds > 0:  # Ray refuses zero
            histogram.observe(seconds)

    def _show_value(self, name: str, label: str, value: float) -> None:
        tag, shown = METRICS[name].label, self._metrics[name]
        tags = {tag: label} if tag else {}
        if isinstance(shown, Gauge):
            shown.set(value, tags=tags)
        elif isinstance(shown, Counter):
            increase = value - self._shown.get((name, label), 0)
            self._shown[name, label] = value
            if increase > 0:  # Ray refuses zero
                shown.inc(increase, tags=tags)


def _ray_metric(name: str, metric: Metric) -> Counter | Gauge | Histogram:
    tag_keys = (metric.label,) if metric.label else ()
    match metric.kind:
        case "counter":
            return Counter(name, metric.help, tag_keys)
        case "gauge":
            return Gauge(name, metric.help, tag_keys)
        case "histogram":
            return Histogram(name, metric.help, list(metric.buckets), tag_keys)
