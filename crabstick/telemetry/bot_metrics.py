"""The metrics of one bot, as prometheus_client keeps and prints them.

Only the WorkerSet has them. The other actors send it their counts and samples in reports.
"""

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, cast

from crabstick.errors import InvariantBroken
from crabstick.telemetry.metric_definitions import METRICS

if TYPE_CHECKING:
    from prometheus_client.core import Metric as Family

SNAPSHOT_VERSION: Final = 1


class BotMetrics:
    """All metrics of the table; each value of a label begins at zero.

    A method that changes a metric raises InvariantBroken, and changes nothing, for a name, kind,
    label or number that the table excludes.
    """

    def __init__(self) -> None:
        # Ray imports the WorkerSet's modules in every process that gets its handle, so in every
        # EngineActor. Only the WorkerSet itself needs prometheus_client.
        import prometheus_client as client  # noqa: PLC0415

        client.disable_created_metrics()  # type: ignore[no-untyped-call]  # the library's
        self._print = client.generate_latest
        self._registry = registry = client.CollectorRegistry()
        self._series: dict[tuple[str, str, str], Any] = {}
        for name, row in METRICS.items():
            metric: Any
            if row.kind == "histogram":
                metric = client.Histogram(name, row.help, buckets=row.buckets, registry=registry)
            else:
                kind = client.Counter if row.kind == "counter" else client.Gauge
                metric = kind(name, row.help, [row.label] if row.label else [], registry=registry)
            for value in row.label_values:  # the library shows a series once `labels` has made it
                series = metric.labels(value) if row.label else metric
                self._series[row.kind, name, value] = series

    def inc(self, name: str, label: str | None = None, by: float = 1) -> None:
        """Adds `by` (never negative) to a counter."""
        self._one("counter", name, label).inc(_checked(name, by, least=0))

    def set(self, name: str, value: float, label: str | None = None) -> None:
        """Sets a gauge."""
        self._one("gauge", name, label).set(_checked(name, value))

    def observe(self, name: str, value: float) -> None:
        """Adds a sample, in the base unit, to a histogram."""
        self._one("histogram", name, None).observe(_checked(name, value, least=0))

    def _one(self, kind: str, name: str, label: str | None) -> Any:  # noqa: ANN401 -- three kinds
        series = self._series.get((kind, name, label or ""))
        if series is None:
            raise InvariantBroken(
                f"{name} is no {kind} with the label value {label!r}; see metric_definitions.py"
            )
        return series

    def text(self) -> str:
        """The metrics in Prometheus's text format."""
        return self._print(self._registry).decode()

    def snapshot(self) -> dict[str, object]:
        """The metrics as plain JSON values: a copy that later changes do not affect.

        `values` is name -> label value (`""` without a label) -> number; `histograms` is
        name -> `counts` (one per bucket, not cumulative; the last counts the samples beyond all
        bounds) and `sum`.
        """
        values: dict[str, Mapping[str, float]] = {}
        histograms: dict[str, Mapping[str, object]] = {}
        for family in self._registry.collect():
            if family.type == "histogram":
                histograms[family.name] = _counts_and_sum(family)
            else:
                values[family.samples[0].name] = {
                    next(iter(sample.labels.values()), ""): sample.value
                    for sample in family.samples
                }
        return {"v": SNAPSHOT_VERSION, "values": values, "histograms": histograms}


def quantile(snapshot: Mapping[str, object], name: str, share: float) -> float | None:
    """The value (seconds) below which `share` of a histogram's samples lie; None without samples.

    Interpolates within a bucket, as Prometheus's `histogram_quantile` does. Beyond the last bound,
    the value is that bound.
    """
    histograms = cast("Mapping[str, Mapping[str, object]]", snapshot["histograms"])
    counts = cast("Sequence[int]", histograms[name]["counts"])
    bounds = METRICS[name].buckets
    rank, below = share * sum(counts), 0
    for index, count in enumerate(counts[:-1]):
        if count and below + count >= rank:
            low = bounds[index - 1] if index else 0.0
            return low + (bounds[index] - low) * (rank - below) / count
        below += count
    return bounds[-1] if counts[-1] else None


def _counts_and_sum(family: "Family") -> dict[str, object]:
    *cumulated, _count, total = (sample.value for sample in family.samples)
    counts = [int(upto - below) for below, upto in pairwise([0.0, *cumulated])]
    return {"counts": counts, "sum": total}


def _checked(name: str, value: float, *, least: float = -math.inf) -> float:
    if not math.isfinite(value) or value < least:
        raise InvariantBroken(f"{name} cannot take {value}")
    return value
