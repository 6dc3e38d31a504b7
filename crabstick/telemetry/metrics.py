"""The figures of a bot: one table of metrics, and the ledger that the WorkerSet keeps.

Base units, never labelled by game, user or actor. docs/metrics.md lists the same; a test compares.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from crabstick.errors import InvariantBroken

__all__ = ["METRICS", "Ledger", "Metric"]

SNAPSHOT_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One figure; `label_values` are those that appear from the start, at zero."""

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    help: str
    label: str | None = None
    label_values: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


_MOVE_BUCKETS = (0.0005, 0.001, 0.002, 0.003, 0.004, 0.006, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
_THINK_BUCKETS = (0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
_OUTCOMES = (
    "accepted",
    "failed",
    "generic",
    "later",
    "tooFast",
    "tooSlow",
    "timeControl",
    "rated",
    "casual",
    "standard",
    "variant",
    "noBot",
    "onlyBot",
)

_TABLE: tuple[Metric, ...] = (
    Metric(
        name="crabstick_games",
        kind="gauge",
        help="Running games; waiting ones have no actor.",
        label="state",
        label_values=("playing", "waiting"),
    ),
    Metric(
        name="crabstick_games_finished_total",
        kind="counter",
        help="Games that are over, by their result for us.",
        label="result",
        label_values=("won", "lost", "drawn", "aborted"),
    ),
    Metric(
        name="crabstick_challenges_total",
        kind="counter",
        help="Challenges by what became of them: accepted, the decline reason, or failed.",
        label="outcome",
        label_values=_OUTCOMES,
    ),
    Metric(name="crabstick_moves_total", kind="counter", help="Moves that Lichess took."),
    Metric(
        name="crabstick_move_overhead_seconds",
        kind="histogram",
        help="From the stream line to our POST, without the engine's thinking.",
        buckets=_MOVE_BUCKETS,
    ),
    Metric(
        name="crabstick_think_seconds",
        kind="histogram",
        help="What the engine took for a move.",
        buckets=_THINK_BUCKETS,
    ),
    Metric(
        name="crabstick_takeovers_total",
        kind="counter",
        help="Games that got another actor.",
    ),
    Metric(
        name="crabstick_stream_reconnects_total",
        kind="counter",
        help="Streams that ended before their time.",
        label="stream",
        label_values=("event", "game"),
    ),
    Metric(
        name="crabstick_rate_limited_total",
        kind="counter",
        help="Answers 429 by the kind of request.",
        label="endpoint",
        label_values=("move", "game_stream", "event_stream", "challenge"),
    ),
    Metric(
        name="crabstick_actors",
        kind="gauge",
        help="EngineActors by what they do.",
        label="state",
        label_values=("standby", "busy", "starting"),
    ),
    Metric(
        name="crabstick_nodes",
        kind="gauge",
        help="Ray nodes that can play.",
        label="state",
        label_values=("alive", "draining"),
    ),
    Metric(
        name="crabstick_event_stream_age_seconds",
        kind="gauge",
        help="Since the event stream's last byte.",
    ),
    Metric(
        name="crabstick_engine_restarts_total",
        kind="counter",
        help="Engine processes that were started again in a game.",
    ),
)

METRICS: Final[Mapping[str, Metric]] = {metric.name: metric for metric in _TABLE}


@dataclass(slots=True)
class Ledger:
    """The figures of one bot; single-threaded, its owner is the WorkerSet."""

    _values: dict[str, dict[str, float]] = field(default_factory=dict)
    _buckets: dict[str, list[int]] = field(default_factory=dict)
    _sums: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for metric in _TABLE:
            if metric.kind == "histogram":
                self._buckets[metric.name] = [0] * (len(metric.buckets) + 1)
                self._sums[metric.name] = 0.0
            else:
                self._values[metric.name] = dict.fromkeys(metric.label_values or ("",), 0.0)

    def inc(self, name: str, label: str | None = None, by: int = 1) -> None:
        """Adds to a counter.

        Raises:
            InvariantBroken: there is no such counter or label.
        """
        self._cell(name, label, "counter")
        self._values[name][label or ""] += by

    def set(self, name: str, value: float, label: str | None = None) -> None:
        """Sets a gauge.

        Raises:
            InvariantBroken: there is no such gauge or label.
        """
        self._cell(name, label, "gauge")
        self._values[name][label or ""] = value

    def observe(self, name: str, seconds: float) -> None:
        """Adds a sample to a histogram.

        Raises:
            InvariantBroken: there is no such histogram.
        """
        if name not in self._buckets:
            raise InvariantBroken(f"there is no histogram {name}")
        self._buckets[name][bisect_left(METRICS[name].buckets, seconds)] += 1
        self._sums[name] += seconds

    def snapshot(self) -> dict[str, object]:
        """All figures as a JSON-able value; histograms as counts per bucket and a sum."""
        return {
            "v": SNAPSHOT_VERSION,
            "values": {name: dict(cells) for name, cells in self._values.items()},
            "buckets": {name: list(counts) for name, counts in self._buckets.items()},
            "sums": dict(self._sums),
        }

    def _cell(self, name: str, label: str | None, kind: str) -> None:
        metric = METRICS.get(name)
        if metric is None or metric.kind != kind or (label or "") not in self._values[name]:
            raise InvariantBroken(f"there is no {kind} {name} with the label {label!r}")
