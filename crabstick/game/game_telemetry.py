"""What is reported about one game: its progress for people, counts and times for the metrics.

Nothing here is needed to play. Reports are sent after the move, and no move waits for one.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final, Literal

import chess

from crabstick.rules.game_events import Finish
from crabstick.rules.lichess_types import GameFull, GameState
from engine.interface import SearchResult

NO_RESULT: Final = frozenset({"aborted", "noStart"})


@dataclass(frozen=True, slots=True, kw_only=True)
class GameProgress:
    """How a game stands; `score` is from our side: `+0.35`, `-1.20`, `#4`, `#-2`."""

    opponent: str = ""
    color: Literal["white", "black", ""] = ""
    clock: str = ""
    ply: int = 0
    last_move: str = ""
    white_ms: int | None = None
    black_ms: int | None = None
    score: str = ""
    depth: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GameReport:
    """What happened since the last report.

    `counts` are (metric, label, increase), `samples` are (metric, seconds).
    """

    counts: tuple[tuple[str, str | None, int], ...] = ()
    samples: tuple[tuple[str, float], ...] = ()


@dataclass(slots=True, kw_only=True)
class GameTelemetry:
    """The records of one game; `show_title` gets a line that says which game this is."""

    game: str = ""
    show_title: Callable[[str], None] = lambda _title: None
    _opening: GameProgress = field(default_factory=GameProgress)
    _state: GameState | None = None
    _result: SearchResult | None = None
    _counts: dict[tuple[str, str | None], int] = field(default_factory=dict)
    _samples: list[tuple[str, float]] = field(default_factory=list)
    _received_s: float | None = None
    _think: timedelta = timedelta(0)
    _restarts: int = 0
    _has_fallen_back: bool = False

    @property
    def progress(self) -> GameProgress:
        """How the game stands; computed on demand, so that no line of the stream pays for it."""
        progress, state, result = self._opening, self._state, self._result
        if state is not None:
            progress = replace(
                progress,
                ply=len(state.moves),
                last_move=state.moves[-1] if state.moves else "",
                white_ms=_ms(state.white_time),
                black_ms=_ms(state.black_time),
            )
        if result is not None:
            progress = replace(progress, score=_score(result), depth=result.depth)
        return progress

    def opened(self, full: GameFull, color: chess.Color) -> None:
        """Records the players, from the first line of the stream, and shows the title."""
        self._opening = opening = GameProgress(
            opponent=str(full.black if color == chess.WHITE else full.white),
            color="white" if color == chess.WHITE else "black",
            clock=str(full.clock) if full.clock else "",
        )
        clock = opening.clock or "no clock"
        self.show_title(f"game {self.game} · {opening.color} against {opening.opponent} · {clock}")
        self.advanced(full.state)

    def advanced(self, state: GameState) -> None:
        """Records a line with moves and clocks."""
        self._state = state

    def thought(self, result: SearchResult, received_s: float) -> None:
        """Records the engine's choice for the line that came at `received_s` (loop time)."""
        self._received_s, self._think = received_s, result.think_time
        self._samples.append(("crabstick_think_seconds", result.think_time.total_seconds()))
        self._result = result

    def posting(self, now_s: float) -> None:
        """Records our overhead when a move is sent: the time since its line, less the search."""
        if self._received_s is not None:
            overhead_s = now_s - self._received_s - self._think.total_seconds()
            self._samples.append(("crabstick_move_overhead_seconds", max(overhead_s, 0.0)))
            self._received_s = None

    def count_engine(self, restarts: int, *, is_fallback: bool) -> None:
        """Counts engine restarts and the fallback to the bundled engine, from totals so far."""
        self.count("crabstick_engine_restarts_total", by=restarts - self._restarts)
        self.count("crabstick_engine_fallbacks_total", by=is_fallback - self._has_fallen_back)
        self._restarts, self._has_fallen_back = restarts, is_fallback

    def result_of(self, finish: Finish) -> Literal["won", "lost", "drawn", "aborted"]:
        """The game's result from our side. Source: Lichess's status names."""
        if finish.status in NO_RESULT:
            return "aborted"
        if finish.winner is None:
            return "drawn"
        ours = chess.WHITE if self._opening.color == "white" else chess.BLACK
        return "won" if finish.winner == ours else "lost"

    def count(self, metric: str, label: str | None = None, by: int = 1) -> None:
        """Adds to a counter."""
        if by:
            self._counts[metric, label] = self._counts.get((metric, label), 0) + by

    def drain(self) -> GameReport:
        """Returns what happened since the last call."""
        counts = tuple((metric, label, by) for (metric, label), by in self._counts.items())
        report = GameReport(counts=counts, samples=tuple(self._samples))
        self._counts.clear()
        self._samples.clear()
        return report


def _ms(left: timedelta | None) -> int | None:
    return None if left is None else round(left / timedelta(milliseconds=1))


def _score(result: SearchResult) -> str:
    if result.mate_in is not None:
        return f"#{result.mate_in}"
    return "" if result.centipawns is None else f"{result.centipawns / 100:+.2f}"
