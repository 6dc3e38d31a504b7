"""How long our moves are on their way: noted when one is sent, known when the stream shows it."""

from datetime import timedelta

import chess

from crabstick.rules.model import GameState
from crabstick.rules.overhead import Overheads

__all__ = ["Pace"]


class Pace:
    """Of one game; `least` is what is kept for the way until we know better."""

    def __init__(self, least: timedelta) -> None:
        self._least = least
        self._overheads = Overheads()
        self._sent: tuple[GameState, timedelta] | None = None

    @property
    def overhead(self) -> timedelta:
        """What the next move is expected to cost beside the thinking."""
        return self._overheads.expected(self._least)

    def sent(self, before: GameState | None, ours: timedelta) -> None:
        """A move goes out, `ours` after the line before it came."""
        self._sent = None if before is None else (before, ours)

    def shown(self, state: GameState, color: chess.Color) -> None:
        """A line came: the first after our move tells what the clock took for it."""
        if self._sent is None:
            return
        before, ours = self._sent
        if len(state.moves) > len(before.moves):
            self._overheads = self._overheads.after(before, state, color, ours)
            self._sent = None
