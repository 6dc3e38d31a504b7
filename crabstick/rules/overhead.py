"""What our moves cost beside the thinking, learnt from what Lichess's clock took for them.

Pure. Bots get no lag compensation (lila: `Clock.step`), so the network's time is our time: the
difference between what the clock lost and what passed here is the way there and back.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

import chess

from crabstick.rules.model import GameState

__all__ = ["UNTIMED_PLIES", "Overheads"]

UNTIMED_PLIES = 2
"""The first move of each side is free. Source: lila, the clock starts with the second ply."""
REMEMBERED = 5
"""A network that was slow for a moment is forgiven after so many moves."""


@dataclass(frozen=True, slots=True)
class Overheads:
    """Those of our last moves, the latest last."""

    recent: tuple[timedelta, ...] = ()

    def after(
        self, before: GameState, later: GameState, color: chess.Color, ours: timedelta
    ) -> "Overheads":
        """With one more move of ours.

        Args:
            before: the last line before the move.
            later: the first line that shows it. One that shows the opponent's answer as well tells
                nothing: our clock runs again by then.
            color: our side.
            ours: from the arrival of `before` to the sending of the move.
        """
        charged = _charged(before, later, color)
        plies = len(before.moves)
        if charged is None or plies < UNTIMED_PLIES or len(later.moves) != plies + 1:
            return self
        cost = max(charged - ours, timedelta(0))
        return replace(self, recent=(*self.recent, cost)[-REMEMBERED:])

    def expected(self, least: timedelta) -> timedelta:
        """What to keep out of the engine's hands: the worst that was seen, `least` at least."""
        return max(least, *self.recent) if self.recent else least


def _charged(before: GameState, later: GameState, color: chess.Color) -> timedelta | None:
    """What the clock took for our move, before it gave the increment."""
    white = color == chess.WHITE
    left_before = before.white_time if white else before.black_time
    left_later = later.white_time if white else later.black_time
    if left_before is None or left_later is None:
        return None
    return left_before + (later.white_increment if white else later.black_increment) - left_later
