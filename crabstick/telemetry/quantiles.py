"""Quantiles of a histogram in a snapshot of `BotMetrics`, for people."""

from collections.abc import Mapping, Sequence
from typing import cast

from crabstick.telemetry.metrics import METRICS


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
