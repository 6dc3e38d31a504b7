"""What an EngineActor notes of its game: progress for people, counts and times for the metrics.

Nothing here is needed to play; it is drained by reports after the POST, which nobody awaits.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal

import chess

from actors.messages import Progress, Report
from crabstick.game.rate_limits import RateLimits
from crabstick.rules.game_events import Finish
from crabstick.rules.limits import Endpoint
from crabstick.rules.model import GameFull, GameState, Posted, PostOutcome
from engine.spec import SearchResult

__all__ = ["GameTelemetry"]

NO_RESULT: Final = frozenset({"aborted", "noStart"})


@dataclass(slots=True, kw_only=True)
class GameTelemetry:
    """The notes of one actor on one game."""

    actor: str
    game: str
    epoch: int
    board: RateLimits = field(default_factory=RateLimits)
    show: Callable[[str], None] = lambda _title: None
    """Tells people which game this is."""
    _opening: Progress = field(default_factory=Progress)
    _state: GameState | None = None
    _result: SearchResult | None = None
    _counts: dict[tuple[str, str | None], int] = field(default_factory=dict)
    _samples: list[tuple[str, float]] = field(default_factory=list)
    _received_s: float | None = None
    _think: timedelta = timedelta(0)
    _restarts: int = 0
    _has_fallen_back: bool = False

    @property
    def progress(self) -> Progress:
        """Put together when somebody asks, for each line that comes is about to cost a move."""
        shown: dict[str, object] = {}
        if self._state is not None:
            moves = self._state.moves
            shown["ply"], shown["last_move"] = len(moves), moves[-1] if moves else ""
            shown["white_ms"] = _ms(self._state.white_time)
            shown["black_ms"] = _ms(self._state.black_time)
        if self._result is not None:
            shown["score"], shown["depth"] = _score(self._result), self._result.depth
        return self._opening.model_copy(update=shown)

    def opened(self, full: GameFull, color: chess.Color) -> None:
        """The stream is open; its first line tells who plays."""
        self._opening = Progress(
            opponent=str(full.black if color == chess.WHITE else full.white),
            color="white" if color == chess.WHITE else "black",
            clock=str(full.clock) if full.clock else "",
        )
        told = self._opening
        clock = told.clock or "no clock"
        self.show(f"game {self.game} · {told.color} against {told.opponent} · {clock}")
        self.advanced(full.state)

    def advanced(self, state: GameState) -> None:
        """A line with moves and clocks came."""
        self._state = state

    def thought(self, result: SearchResult, received_s: float) -> None:
        """The engine answered the line that was received at `received_s` (loop time)."""
        self._received_s, self._think = received_s, result.think_time
        self._samples.append(("crabstick_think_seconds", result.think_time.total_seconds()))
        self._result = result

    def posting(self, now_s: float) -> None:
        """The move is sent now; what was not thinking since the line came is our overhead."""
        if self._received_s is not None:
            overhead_s = now_s - self._received_s - self._think.total_seconds()
            self._samples.append(("crabstick_move_overhead_seconds", max(overhead_s, 0.0)))
            self._received_s = None

    def answered(self, outcome: PostOutcome) -> None:
        """Lichess answered a move."""
        if isinstance(outcome, Posted):
            self.count("crabstick_moves_total")

    def limited(self, endpoint: Endpoint, wait: timedelta) -> None:
        """Lichess answered 429; who else asks for the same shall wait so long."""
        self.count("crabstick_rate_limited_total", endpoint)
        self.board.met(endpoint, wait)

    def saw_engine(self, restarts: int, *, is_fallback: bool) -> None:
        """How often this game's engine was started again so far, and whether it was given up."""
        self.count("crabstick_engine_restarts_total", by=restarts - self._restarts)
        self.count("crabstick_engine_fallbacks_total", by=is_fallback - self._has_fallen_back)
        self._restarts, self._has_fallen_back = restarts, is_fallback

    def lost_stream(self) -> None:
        """The game stream ended before the game did."""
        self.count("crabstick_stream_reconnects_total", "game")

    def result_of(self, finish: Finish) -> Literal["won", "lost", "drawn", "aborted"]:
        """The game's end from our side. Source: Lichess's status names."""
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

    def drain(self) -> Report:
        """What came since the last call."""
        counts = tuple((metric, label, by) for (metric, label), by in self._counts.items())
        report = Report(
            sender=self.actor,
            counts=counts,
            samples=tuple(self._samples),
            limits=self.board.pack(),
        )
        self._counts.clear()
        self._samples.clear()
        return report


def _ms(left: timedelta | None) -> int | None:
    return None if left is None else round(left / timedelta(milliseconds=1))


def _score(result: SearchResult) -> str:
    """As people write it, from our side: `+0.35`, `-1.20`, `#4`, `#-2`."""
    if result.mate_in is not None:
        return f"#{result.mate_in}"
    return "" if result.centipawns is None else f"{result.centipawns / 100:+.2f}"
