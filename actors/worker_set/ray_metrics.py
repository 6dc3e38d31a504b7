"""The WorkerSet's figures in Ray's own metrics, so that they appear in the Ray dashboard's target.

Only the WorkerSet feeds them: every process that does adds series of its own, which stay exported
after its death. All come from its ledger, so that there is one source.
"""

from collections.abc import Mapping
from typing import cast

from ray.util.metrics import Counter, Gauge, Histogram

from crabstick.telemetry.metrics import METRICS, Metric

__all__ = ["RayMirror"]


class RayMirror:
    """Shows a ledger through `ray.util.metrics`; Ray itself prefixes the names with `ray_`."""

    def __init__(self) -> None:
        self._metrics = {name: _made(metric) for name, metric in METRICS.items()}
        self._shown: dict[tuple[str, str], float] = {}

    def show(self, snapshot: Mapping[str, object]) -> None:
        """Brings gauges and counters up to date; call it about once a second."""
        values = cast("Mapping[str, Mapping[str, float]]", snapshot["values"])
        for name, cells in values.items():
            for label, value in cells.items():
                self._show_cell(METRICS[name], label, value)

    def observe(self, name: str, seconds: float) -> None:
        """Adds a sample to a histogram."""
        histogram = self._metrics[name]
        if isinstance(histogram, Histogram) and seconds > 0:  # Ray refuses zero
            histogram.observe(seconds)

    def _show_cell(self, metric: Metric, label: str, value: float) -> None:
        tags = {metric.label: label} if metric.label else {}
        shown = self._metrics[metric.name]
        if isinstance(shown, Gauge):
            shown.set(value, tags=tags)
        elif isinstance(shown, Counter):
            more = value - self._shown.get((metric.name, label), 0)
            self._shown[metric.name, label] = value
            if more > 0:  # Ray refuses to add nothing
                shown.inc(more, tags=tags)


def _made(metric: Metric) -> Counter | Gauge | Histogram:
    tag_keys = (metric.label,) if metric.label else ()
    match metric.kind:
        case "counter":
            return Counter(metric.name, metric.help, tag_keys)
        case "gauge":
            return Gauge(metric.name, metric.help, tag_keys)
        case "histogram":
            return Histogram(metric.name, metric.help, list(metric.buckets), tag_keys)
