"""The table of all metrics. `bot_metrics` keeps their values.

Names have base units. No label grows with games, users or actors.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, get_args

from crabstick import __version__
from crabstick.rules.lichess_types import ENDPOINTS, DeclineReason

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
"""Prometheus's name for its text format."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One row of the table.

    Attributes:
        help: one line for people.
        label: the name of the only label; None without labels.
        label_values: every value that the label can have; `("",)` without a label.
        buckets: the inclusive upper bounds of a histogram, in the base unit, without +Inf.
    """

    kind: Literal["gauge", "counter", "histogram"]
    help: str
    label: str | None = None
    label_values: tuple[str, ...] = ("",)
    buckets: tuple[float, ...] = ()


def _gauge(text: str, **labels: tuple[str, ...]) -> Metric:
    """A gauge with at most one label: the keyword is its name, the argument its values."""
    label, values = next(iter(labels.items()), (None, ("",)))
    return Metric("gauge", text, label, values)


def _counter(text: str, **labels: tuple[str, ...]) -> Metric:
    label, values = next(iter(labels.items()), (None, ("",)))
    return Metric("counter", text, label, values)


def _histogram(text: str, buckets: tuple[float, ...]) -> Metric:
    return Metric("histogram", text, buckets=buckets)


_OVERHEAD_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
_THINK_BUCKETS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0)

_TABLE = {
    "crabstick_games": _gauge(
        "Running games, with an actor that plays or still waiting for one.",
        state=("playing", "waiting"),
    ),
    "crabstick_game_wait_seconds": _gauge(
        "The longest wait of a running game for its first actor (new) or its next one (begun).",
        state=("new", "begun"),
    ),
    "crabstick_games_finished_total": _counter(
        "Finished games by their result for us.", result=("won", "lost", "drawn", "aborted")
    ),
    "crabstick_games_lost_on_time_total": _counter(
        "Games that the bot lost on time, or because it was away too long."
    ),
    "crabstick_games_forfeited_total": _counter(
        "Games that were resigned because they had cost too many actors."
    ),
    "crabstick_challenges_total": _counter(
        "Challenges by our answer: accepted, a decline reason of Lichess, or failed.",
        outcome=("accepted", *get_args(DeclineReason), "failed"),
    ),
    "crabstick_own_challenges_total": _counter(
        "Challenges that we made, by the answer.",
        outcome=("accepted", "declined", "unanswered"),
    ),
    "crabstick_moves_total": _counter("Moves that Lichess took."),
    "crabstick_move_overhead_seconds": _histogram(
        "From a line of the game stream until our move was posted, without the thinking.",
        _OVERHEAD_BUCKETS,
    ),
    "crabstick_think_seconds": _histogram(
        "How long the engine thought about a move.", _THINK_BUCKETS
    ),
    "crabstick_takeovers_total": _counter("Games that another actor took over."),
    "crabstick_handovers_total": _counter("Games that an actor handed over on request."),
    "crabstick_stream_reconnects_total": _counter(
        "Streams of Lichess that ended early and were reopened.", stream=("event", "game")
    ),
    "crabstick_rate_limited_total": _counter(
        "Lichess's 429 responses, by kind of request.", endpoint=ENDPOINTS
    ),
    "crabstick_rate_limit_wait_seconds": _gauge(
        "Time until the bot may send this kind of request again; zero when it may now.",
        endpoint=ENDPOINTS,
    ),
    "crabstick_actors": _gauge(
        "Engine actors by what they do.", state=("starting", "standby", "busy")
    ),
    "crabstick_actor_start_seconds": _gauge(
        "The longest time that an engine actor has been starting."
    ),
    "crabstick_actors_lost_total": _counter(
        "Engine actors that ended unexpectedly, by what they were doing; useless ones could not "
        "play.",
        state=("starting", "standby", "busy", "useless"),
    ),
    "crabstick_nodes": _gauge(
        "Ray nodes that may play, and those that are leaving.", state=("alive", "draining")
    ),
    "crabstick_free_slots": _gauge("How many more engine actors the nodes have room for."),
    "crabstick_node_seconds_total": _counter(
        "Time of the nodes that may play, by what runs on them: games, other actors, nothing.",
        state=("busy", "standby", "idle"),
    ),
    "crabstick_games_on_draining_nodes": _gauge("Games that still have to leave a draining node."),
    "crabstick_drain_age_seconds": _gauge(
        "The longest time that a node has been draining: nodes with games, nodes without.",
        state=("busy", "empty"),
    ),
    "crabstick_event_stream_age_seconds": _gauge(
        "Time since the last byte of the event stream, keep-alives included."
    ),
    "crabstick_engine_restarts_total": _counter(
        "Engine processes that had to be started again within a game."
    ),
    "crabstick_engine_fallbacks_total": _counter(
        "Games that the bundled engine finished because the configured engine was given up."
    ),
    "crabstick_source_moves_total": _counter(
        "Moves from a file or a server, in place of a search.",
        source=(
            *("book", "syzygy", "gaviota"),
            *("chessdb", "lichess_cloud", "opening_explorer", "online_egtb"),
        ),
    ),
    "crabstick_source_failures_total": _counter(
        "Books, tablebases, servers and look-ups that a game had to do without."
    ),
    "crabstick_problem": _gauge("1 while the bot has a problem; `crabstick status` describes it."),
    "crabstick_start_time_seconds": _gauge("When the WorkerSet began, in Unix time."),
    "crabstick_build_info": _gauge(
        "Always 1; the label is the version of crabstick that runs.", version=(__version__,)
    ),
}

METRICS: Final[Mapping[str, Metric]] = MappingProxyType(_TABLE)
"""Every metric by name, in the order of the output; a name that has a unit ends in it, before
`_total`."""
