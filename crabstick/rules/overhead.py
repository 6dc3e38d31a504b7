"""The overhead of our last moves, measured by what Lichess's clock charged for them.

Pure. Bots get no lag compensation (lila: `Clock.step`), so the network's time is our time: what the
clock charged, less the time that passed here, is the way there and back.
"""

from dataclasses import dataclass
from datetime import timedelta

import chess

from crabstick.rules.lichess_types import GameState

UNTIMED_PLIES = 2
"""The first move of each side is free. Source: lila, the clock starts with the second ply."""
REMEMBERED = 5
"""After so many moves a slow moment of the network is forgotten."""


@dataclass(frozen=True, slots=True)
class Overheads:
    """The overheads of our last moves, the latest last, and the move that is on its way.

    `sent_after` is the last line before that move was sent, `spent` the time between the two.
    """

    recent: tuple[timedelta, ...] = ()
    sent_after: GameState | None = None
    spent: timedelta = timedelta(0)

    def sent(self, after: GameState | None, spent: timedelta) -> "Overheads":
        """A move was sent, `spent` after the line `after` arrived."""
        return Overheads(self.recent, after, spent)

    def shown(self, state: GameState, color: chess.Color) -> "Overheads":
        """A line came; the first one with our move shows what the clock charged `color` for it.

        A line that has the opponent's answer as well shows nothing: our clock runs again by then.
        """
        before = self.sent_after
        if before is None or len(state.moves) <= len(before.moves):
            return self
        charged = _charged(before, state, color)
        plies = len(before.moves)
        if charged is None or plies < UNTIMED_PLIES or len(state.moves) != plies + 1:
            return Overheads(self.recent)
        overhead = max(charged - self.spent, timedelta(0))
        return Overheads((*self.recent, overhead)[-REMEMBERED:])

    def expected(self, least: timedelta) -> timedelta:
        """The overhead to expect of the next move: the worst of the last ones, at least `least`."""
        return max(least, *self.recent) if self.recent else least


def _charged(before: GameState, later: GameState, color: chess.Color) -> timedelta | None:
    """What the clock charged for our move, before it added the increment."""
    white = color == chess.WHITE
    left_before = before.white_time if white else before.black_time
    left_later = later.white_time if white else later.black_time
    if left_before is None or left_later is None:
        return None
    return left_before + (later.white_increment if white else later.black_increment) - left_later
