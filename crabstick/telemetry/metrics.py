"""The table of all metrics. `bot_metrics` keeps their values.

Names have base units. No label grows with games, users or actors.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

from crabstick import __version__
from crabstick.rules.lichess_types import DeclineReason
from crabstick.rules.rate_limit_table import ENDPOINTS

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus's name for its text format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One row of the table.

    Attributes:
        name: as Prometheus shows it, ending in the base unit; a counter ends in `_total`.
        help: one line for people.
        label: the name of the only label; None without labels.
        label_values: every value that the label can have; `("",)` without a label.
        buckets: the inclusive upper bounds of a histogram, in the base unit, without +Inf.
    """

    name: str
    kind: Literal["gauge", "counter", "histogram"]
    help: str
    label: str | None = None
    label_values: tuple[str, ...] = ("",)
    buckets: tuple[float, ...] = ()


_OVERHEAD_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_THINK_BUCKETS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0)

_TABLE = (
    Metric(
        name="crabstick_games",
        kind="gauge",
        help="Running games, with an actor that plays or still waiting for one.",
        label="state",
        label_values=("playing", "waiting"),
    ),
    Metric(
        name="crabstick_game_wait_seconds",
        kind="gauge",
        help="The longest wait of a running game for an actor: its first one, or another.",
        label="state",
        label_values=("new", "begun"),
    ),
    Metric(
        name="crabstick_games_finished_total",
        kind="counter",
        help="Finished games by their result for us.",
        label="result",
        label_values=("won", "lost", "drawn", "aborted"),
    ),
    Metric(
        name="crabstick_games_lost_on_time_total",
        kind="counter",
        help="Games that the bot lost by its clock, or because Lichess missed it.",
    ),
    Metric(
        name="crabstick_games_forfeited_total",
        kind="counter",
        help="Games that were resigned because they had cost too many actors.",
    ),
    Metric(
        name="crabstick_challenges_total",
        kind="counter",
        help="Challenges by our answer: accepted, a decline reason of Lichess, or failed.",
        label="outcome",
        label_values=("accepted", *get_args(DeclineReason), "failed"),
    ),
    Metric(name="crabstick_moves_total", kind="counter", help="Moves that Lichess took."),
    Metric(
        name="crabstick_move_overhead_seconds",
        kind="histogram",
        help="From a line of the game stream until our move was posted, without the thinking.",
        buckets=_OVERHEAD_BUCKETS,
    ),
    Metric(
        name="crabstick_think_seconds",
        kind="histogram",
        help="How long the engine thought about a move.",
        buckets=_THINK_BUCKETS,
    ),
    Metric(
        name="crabstick_takeovers_total",
        kind="counter",
        help="Games that another actor took over.",
    ),
    Metric(
        name="crabstick_handovers_total",
        kind="counter",
        help="Games that left a draining node between two moves.",
    ),
    Metric(
        name="crabstick_stream_reconnects_total",
        kind="counter",
        help="Streams of Lichess that ended early and were opened anew.",
        label="stream",
        label_values=("event", "game"),
    ),
    Metric(
        name="crabstick_rate_limited_total",
        kind="counter",
        help="Answers 429 of Lichess by what we had asked for.",
        label="endpoint",
        label_values=ENDPOINTS,
    ),
    Metric(
        name="crabstick_rate_limit_wait_seconds",
        kind="gauge",
        help="Time until Lichess lets the bot ask again, by what for; zero while it may.",
        label="endpoint",
        label_values=ENDPOINTS,
    ),
    Metric(
        name="crabstick_actors",
        kind="gauge",
        help="Engine actors by what they do.",
        label="state",
        label_values=("starting", "standby", "busy"),
    ),
    Metric(
        name="crabstick_actor_start_seconds",
        kind="gauge",
        help="How long the engine actor that has been starting longest has been at it.",
    ),
    Metric(
        name="crabstick_actors_lost_total",
        kind="counter",
        help="Engine actors that nobody had ended, by what they did; useless ones cannot play.",
        label="state",
        label_values=("starting", "standby", "busy", "useless"),
    ),
    Metric(
        name="crabstick_nodes",
        kind="gauge",
        help="Ray nodes that may play, and those that are leaving.",
        label="state",
        label_values=("alive", "draining"),
    ),
    Metric(
        name="crabstick_free_slots",
        kind="gauge",
        help="How many more engine actors the nodes have room for.",
    ),
    Metric(
        name="crabstick_node_seconds_total",
        kind="counter",
        help="Time of the nodes that may play, by what runs on them: games, other actors, nothing.",
        label="state",
        label_values=("busy", "standby", "idle"),
    ),
    Metric(
        name="crabstick_games_on_draining_nodes",
        kind="gauge",
        help="Games that still have to leave a draining node.",
    ),
    Metric(
        name="crabstick_drain_age_seconds",
        kind="gauge",
        help="How long the node that has been draining longest has been so: with games, without.",
        label="state",
        label_values=("busy", "empty"),
    ),
    Metric(
        name="crabstick_event_stream_age_seconds",
        kind="gauge",
        help="Time since the last byte of the event stream, keep-alives included.",
    ),
    Metric(
        name="crabstick_engine_restarts_total",
        kind="counter",
        help="Engine processes that had to be started again within a game.",
    ),
    Metric(
        name="crabstick_engine_fallbacks_total",
        kind="counter",
        help="Games that the embedded engine went on with, because the engine was given up.",
    ),
    Metric(
        name="crabstick_problem",
        kind="gauge",
        help="1 while the bot has a problem, which its status tells in a sentence.",
    ),
    Metric(
        name="crabstick_start_time_seconds",
        kind="gauge",
        help="When the WorkerSet began, in Unix time.",
    ),
    Metric(
        name="crabstick_build_info",
        kind="gauge",
        help="Always 1; the label is the version of crabstick that runs.",
        label="version",
        label_values=(__version__,),
    ),
)

METRICS: Final[Mapping[str, Metric]] = MappingProxyType({row.name: row for row in _TABLE})
"""Every metric by name, in the order of the output."""
