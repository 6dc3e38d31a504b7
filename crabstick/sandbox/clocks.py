"""Chess clocks as the server keeps them, in centiseconds like Lichess.

No I/O here; the current time is an argument (`now_ms`, Unix time in ms, with fractions). A clock is
a value: each operation returns a new clock. Bots get no lag compensation. Source: Lichess.
"""

from dataclasses import dataclass, replace

import chess

from crabstick.sandbox.vocabulary import TimeControl

UNLIMITED_MS = 2147483647
"""The time left on both sides in a game without a clock."""
_DAY_MS = 86_400_000
_SHORTEST_START_MS = 3_000


@dataclass(frozen=True, slots=True, kw_only=True)
class GameClock:
    """The clocks of both sides; they run from the second ply on."""

    white_ms: int
    black_ms: int
    increment_ms: int = 0
    turn_ms: int | None = None
    """The time for each move of a correspondence game, which counts in whole seconds."""
    running: chess.Color | None = None
    since_ms: float = 0.0

    def left_ms(self, color: chess.Color, now_ms: float) -> int:
        """The time left of a side, in ms, always a multiple of 10 if limited."""
        left_ms = self.white_ms if color else self.black_ms
        if self.running is not color or left_ms == UNLIMITED_MS:
            return left_ms
        tick_ms = 10 if self.turn_ms is None else 1000
        elapsed_ms = tick_ms * int((now_ms - self.since_ms) / tick_ms)
        return max(0, left_ms - max(0, elapsed_ms))

    def started(self, color: chess.Color, now_ms: float) -> "GameClock":
        """Starts the time of `color`."""
        return replace(self, running=color, since_ms=now_ms)

    def pressed(self, now_ms: float) -> "GameClock":
        """Charges the running side, adds its increment, and starts the other side's time."""
        if self.running is None:
            return self
        left_ms = self.turn_ms or self.left_ms(self.running, now_ms) + self.increment_ms
        return self._with(left_ms, not self.running, now_ms)

    def stopped(self, now_ms: float) -> "GameClock":
        """Charges the running side without an increment: the game is over."""
        if self.running is None:
            return self
        return self._with(self.left_ms(self.running, now_ms), None, now_ms)

    def flagged(self, now_ms: float) -> bool:
        """Whether the running side has no time left."""
        return self.running is not None and self.left_ms(self.running, now_ms) <= 0

    def _with(self, left_ms: int, running: chess.Color | None, now_ms: float) -> "GameClock":
        """The clock with another time left of the running side, and then another side running."""
        if self.running is chess.WHITE:
            return replace(self, white_ms=left_ms, running=running, since_ms=now_ms)
        return replace(self, black_ms=left_ms, running=running, since_ms=now_ms)


def new_clock(control: TimeControl | None, days: int | None = None) -> GameClock:
    """The clock of a new game; a limit of 0 starts with max(increment, 3 s)."""
    if control is None:
        turn_ms = UNLIMITED_MS if days is None else days * _DAY_MS
        return GameClock(white_ms=turn_ms, black_ms=turn_ms, turn_ms=turn_ms)
    increment_ms = 1000 * control.increment_s
    start_ms = 1000 * control.limit_s or max(increment_ms, _SHORTEST_START_MS)
    return GameClock(white_ms=start_ms, black_ms=start_ms, increment_ms=increment_ms)
