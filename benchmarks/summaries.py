"""Pure: turns the sandbox's ledger of one round into a row of the table."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Game = Mapping[str, Any]
"""One game of the sandbox's ledger."""
Move = Mapping[str, Any]
"""One move of such a game."""

COLUMNS = (
    ("games", "at once"),
    ("moves", "measured"),
    ("move overhead, ms", "p50 / p95 / p99 / max"),
    ("challenge → accept, ms", "p50 / p95 / max"),
    ("challenge → first move, ms", "p50 / p95 / max (of)"),
    ("CPU a move, ms", "actor + engine"),
    ("idle actor", "CPU ms/s"),
    ("USS, MiB", "actor + engine"),
    ("machine", "busy"),
    ("Ray, MiB", "without actors (processes)"),
    ("start, s", "Ray + bot"),
)
"""The heads of a row's cells, in two lines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How some durations are spread; all in ms."""

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


SPREAD_COLUMNS = ("of", "p50", "p95", "p99", "max")
"""The heads of `spread_cells`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What processes use; each figure is the mean of one actor or one engine."""

    actor_cpu_ms_a_move: float
    """Without what the actor would have used idle."""
    engine_cpu_ms_a_move: float
    idle_actor_cpu_ms_a_second: float
    actor_uss_mb: float
    engine_uss_mb: float
    ray_uss_mb: float
    """All processes of Ray but the EngineActors: WorkerSet, listener and HTTP are among them."""
    ray_processes: int
    machine_busy: float
    """The share of all cores that was in use, by any process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table; None is a figure that such a round does not measure."""

    label: str
    overhead: Spread | None
    accept: Spread | None
    first_move: Spread | None
    costs: Costs | None = None
    ray_start_s: float | None = None
    bot_start_s: float | None = None
    """Until the first standby can take a game."""


def percentile(samples: Sequence[float], share: float) -> float:
    """The nearest-rank percentile: the least sample that `share` of all do not exceed."""
    return sorted(samples)[max(math.ceil(share * len(samples)), 1) - 1]


def spread(samples_ms: Sequence[float]) -> Spread | None:
    """How samples are spread; None when there are none."""
    if not samples_ms:
        return None
    return Spread(
        count=len(samples_ms),
        p50_ms=percentile(samples_ms, 0.5),
        p95_ms=percentile(samples_ms, 0.95),
        p99_ms=percentile(samples_ms, 0.99),
        max_ms=max(samples_ms),
    )


def spread_cells(figures: Spread | None) -> tuple[str, ...]:
    """A spread as text, a cell for each of `SPREAD_COLUMNS`."""
    if figures is None:
        return ("0", "-", "-", "-", "-")
    values = (figures.p50_ms, figures.p95_ms, figures.p99_ms, figures.max_ms)
    return (str(figures.count), *(f"{value:.1f}" for value in values))


def moves_of(games: Collection[Game], bot: str, *, before_ms: float = math.inf) -> list[Move]:
    """The bot's moves that arrived before a moment in Unix time."""
    return [
        move
        for game in games
        for move in game["moves"]
        if move["by"] == bot and move["received_ms"] < before_ms
    ]


def overheads_ms(moves: Collection[Move]) -> list[float]:
    """From the server's writing of the opponent's move to the arrival of ours."""
    return [move["overhead_ms"] for move in moves if move["overhead_ms"] is not None]


def accepts_ms(ledger: Mapping[str, Any], games: Collection[Game]) -> list[float]:
    """From the making of a challenge to the arrival of our accept."""
    ids = {game["id"] for game in games}
    return [one["answered_ms"] - one["made_ms"] for one in ledger["challenges"] if one["id"] in ids]


def first_moves_ms(ledger: Mapping[str, Any], games: Collection[Game], bot: str) -> list[float]:
    """From the making of the challenge to the arrival of our move, where the bot has white."""
    made_ms = {challenge["id"]: challenge["made_ms"] for challenge in ledger["challenges"]}
    return [
        game["moves"][0]["received_ms"] - made_ms[game["id"]]
        for game in games
        if game["moves"] and game["moves"][0]["by"] == bot
    ]


def cells(row: Row) -> tuple[str, ...]:
    """A row as text, a cell for each of `COLUMNS`."""
    costs, moves, accept, first = row.costs, row.overhead, row.accept, row.first_move
    return (
        row.label,
        str(moves.count) if moves else "-",
        _figures(moves.p50_ms, moves.p95_ms, moves.p99_ms, moves.max_ms) if moves else "-",
        _figures(accept.p50_ms, accept.p95_ms, accept.max_ms) if accept else "-",
        f"{_figures(first.p50_ms, first.p95_ms, first.max_ms)} ({first.count})" if first else "-",
        f"{costs.actor_cpu_ms_a_move:.1f} + {costs.engine_cpu_ms_a_move:.1f}" if costs else "-",
        f"{costs.idle_actor_cpu_ms_a_second:.1f}" if costs else "-",
        f"{costs.actor_uss_mb:.0f} + {costs.engine_uss_mb:.0f}" if costs else "-",
        f"{costs.machine_busy:.0%}" if costs else "-",
        f"{costs.ray_uss_mb:.0f} ({costs.ray_processes})" if costs else "-",
        _starts(row.ray_start_s, row.bot_start_s),
    )


def _figures(*values_ms: float) -> str:
    return " / ".join(f"{value:.1f}" if value < 100 else f"{value:.0f}" for value in values_ms)  # noqa: PLR2004 -- three digits are enough


def _starts(ray_s: float | None, bot_s: float | None) -> str:
    return "-" if ray_s is None or bot_s is None else f"{ray_s:.1f} + {bot_s:.1f}"
