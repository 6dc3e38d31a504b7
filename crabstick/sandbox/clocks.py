"""Chess clocks as the server keeps them, in centiseconds like Lichess.

No I/O here; the current time is an argument (`now_ms`, Unix time in ms, with fractions). A clock is
a value: each operation returns a new clock. Bots get no lag compensation. Source: Lichess.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

import chess

from crabstick.sandbox.vocabulary import TimeControl

UNLIMITED_MS = 2147483647
"""The time left on both sides in a game without a clock."""
_SHORTEST_START_CS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class ChessClock:
    """A clock with limit and increment; it runs from the second ply on."""

    increment_cs: int
    white_cs: int
    black_cs: int
    running: chess.Color | None = None
    since_ms: float = 0.0

    def left_ms(self, color: chess.Color, now_ms: float) -> int:
        """The time left of a side, in ms, always a multiple of 10."""
        left_cs = self.white_cs if color else self.black_cs
        if self.running is color:
            left_cs = max(0, left_cs - self._elapsed_cs(now_ms))
        return left_cs * 10

    def started(self, color: chess.Color, now_ms: float) -> "ChessClock":
        """Starts the time of `color`."""
        return replace(self, running=color, since_ms=now_ms)

    def pressed(self, now_ms: float) -> "ChessClock":
        """Charges the running side, adds its increment, and starts the other side's time."""
        if self.running is None:
            return self
        color = self.running
        left_cs = self.left_ms(color, now_ms) // 10 + self.increment_cs
        return self._with(color, left_cs, not color, now_ms)

    def stopped(self, now_ms: float) -> "ChessClock":
        """Charges the running side without an increment: the game is over."""
        if self.running is None:
            return self
        return self._with(self.running, self.left_ms(self.running, now_ms) // 10, None, now_ms)

    def flagged(self, now_ms: float) -> bool:
        """Whether the running side has no time left."""
        return self.running is not None and self.left_ms(self.running, now_ms) <= 0

    def increment_ms(self) -> int:
        """The increment, in ms."""
        return self.increment_cs * 10

    def _elapsed_cs(self, now_ms: float) -> int:
        return max(0, int((now_ms - self.since_ms) / 10))

    def _with(
        self, color: chess.Color, left_cs: int, running: chess.Color | None, now_ms: float
    ) -> "ChessClock":
        if color is chess.WHITE:
            return replace(self, white_cs=left_cs, running=running, since_ms=now_ms)
        return replace(self, black_cs=left_cs, running=running, since_ms=now_ms)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnClock:
    """The clock of a correspondence game: some days for each move, or no limit (None)."""

    days: int | None
    running: chess.Color | None = None
    since_ms: float = 0.0

    def left_ms(self, color: chess.Color, now_ms: float) -> int:
        """The time left of a side, in ms, always whole seconds if limited."""
        if self.days is None:
            return UNLIMITED_MS
        left_s = self.days * 86_400
        if self.running is color:
            left_s = max(0, left_s - int((now_ms - self.since_ms) / 1000))
        return left_s * 1000

    def started(self, color: chess.Color, now_ms: float) -> "TurnClock":
        """Starts the turn of `color`."""
        return replace(self, running=color, since_ms=now_ms)

    def pressed(self, now_ms: float) -> "TurnClock":
        """Passes the turn to the other side."""
        return self if self.running is None else self.started(not self.running, now_ms)

    def stopped(self, now_ms: float) -> "TurnClock":
        """Stops the clock: the game is over."""
        return replace(self, running=None, since_ms=now_ms)

    def flagged(self, now_ms: float) -> bool:
        """Whether the running side has no time left."""
        return self.running is not None and self.left_ms(self.running, now_ms) <= 0

    def increment_ms(self) -> int:
        """Correspondence has no increment."""
        return 0


GameClock: TypeAlias = ChessClock | TurnClock


def new_clock(control: TimeControl | None, days: int | None = None) -> GameClock:
    """The clock of a new game; a limit of 0 starts with max(increment, 3 s)."""
    if control is None:
        return TurnClock(days=days)
    increment_cs = 100 * control.increment_s
    start_cs = 100 * control.limit_s or max(increment_cs, _SHORTEST_START_CS)
    return ChessClock(increment_cs=increment_cs, white_cs=start_cs, black_cs=start_cs)
