"""How long a move may take: Lichess's clocks, the engine's limit, our deadline, and the overhead.

Pure, and the only place in `crabstick/` where durations become python-chess's float seconds. The
overhead is what Lichess's clock charges for a move beyond the time that passed here. Bots get no
lag compensation (lila: `Clock.step`), so our clock pays for the round trip.
"""

from dataclasses import dataclass
from datetime import timedelta

import chess
import chess.engine

from crabstick.rules.lichess_types import GameState

NO_CLOCK_MOVE_TIME = timedelta(seconds=10)
"""The time for a move in a game without a clock, unless the settings limit it."""
LEAST = timedelta(milliseconds=10)
"""Lichess counts in centiseconds: one is the least that an engine can be given."""
DEADLINE_SHARE = 0.4
"""No sane engine spends more of its clock on one move; after that we send `stop`."""
LAST_SHARE = 0.1
"""The share of the game's time that no move is held back on."""
MOVE_TIME_SLACK = timedelta(seconds=1)
UNTIMED_PLIES = 2
"""The first move of each side is free. Source: lila, the clock starts with the second ply."""
REMEMBERED = 5
"""After so many moves a slow moment of the network is forgotten."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLimits:
    """The bounds that the settings put on every search; None leaves the decision to the clock."""

    nodes: int | None = None
    depth: int | None = None
    move_time: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchBudget:
    """`limit` goes to the engine; `deadline`, from now, is enforced outside the engine."""

    limit: chess.engine.Limit
    deadline: timedelta


def budget_for(
    state: GameState,
    color: chess.Color,
    limits: EngineLimits,
    *,
    overhead: timedelta,
    elapsed: timedelta = timedelta(0),
) -> SearchBudget:
    """The limits of our next search.

    Args:
        state: the last line of the stream; its clocks are those of the moment when Lichess sent it.
        color: our side.
        limits: the bounds in the settings.
        overhead: the time that a move costs beside the search; the engine does not get it.
        elapsed: how long ago `state` was received.
    """
    (mine, increment), (theirs, _) = state.clock_of(color), state.clock_of(not color)
    if mine is None or theirs is None:
        return _without_clock(limits)
    left = _usable(mine - elapsed, overhead)
    white, black = (left, theirs) if color == chess.WHITE else (theirs, left)
    limit = chess.engine.Limit(
        white_clock=white.total_seconds(),
        black_clock=max(black, LEAST).total_seconds(),
        white_inc=state.white_increment.total_seconds(),
        black_inc=state.black_increment.total_seconds(),
        time=_seconds(limits.move_time),
        nodes=limits.nodes,
        depth=limits.depth,
    )
    deadline = min(left * DEADLINE_SHARE + increment, left)
    if limits.move_time is not None:
        deadline = min(deadline, limits.move_time + MOVE_TIME_SLACK)
    return SearchBudget(limit=limit, deadline=deadline)


def pause_for(
    target: timedelta, spent: timedelta, left: timedelta | None, initial: timedelta
) -> timedelta:
    """How long to hold a move back, so that a turn that has cost `spent` so far lasts `target`.

    Takes at most half of the clock (`left`) above the last tenth of the game's `initial` time.
    """
    pause = target - spent
    spare = pause if left is None else (left - initial * LAST_SHARE) / 2
    return max(min(pause, spare), timedelta(0))


def _usable(left: timedelta, overhead: timedelta) -> timedelta:
    """The clock less the overhead, which never takes more than half of it."""
    return max(left - min(overhead, left / 2), LEAST)


def _without_clock(limits: EngineLimits) -> SearchBudget:
    move_time = limits.move_time or NO_CLOCK_MOVE_TIME
    limit = chess.engine.Limit(
        time=move_time.total_seconds(), nodes=limits.nodes, depth=limits.depth
    )
    return SearchBudget(limit=limit, deadline=move_time + MOVE_TIME_SLACK)


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()


@dataclass(frozen=True, slots=True)
class Overheads:
    """The overheads of our last moves, the latest last, and the move that is on its way.

    `sent_after` is the last line before that move was sent, `spent` the time between the two.
    """

    recent: tuple[timedelta, ...] = ()
    sent_after: GameState | None = None
    spent: timedelta = timedelta(0)

    def sent(self, after: GameState | None, spent: timedelta) -> "Overheads":
        """Records that a move was sent, `spent` after the line `after` arrived."""
        return Overheads(self.recent, after, spent)

    def shown(self, state: GameState, color: chess.Color) -> "Overheads":
        """Records a line; the first line with our move shows what the clock charged `color` for it.

        A line that has the opponent's answer as well shows nothing: our clock runs again by then.
        """
        before = self.sent_after
        if before is None or len(state.moves) <= len(before.moves):
            return self
        left_before, _ = before.clock_of(color)
        left, increment = state.clock_of(color)
        plies = len(before.moves)
        is_measured = plies >= UNTIMED_PLIES and len(state.moves) == plies + 1
        if left_before is None or left is None or not is_measured:
            return Overheads(self.recent)
        overhead = max(left_before + increment - left - self.spent, timedelta(0))
        return Overheads((*self.recent, overhead)[-REMEMBERED:])

    def expected(self, least: timedelta) -> timedelta:
        """The overhead to expect of the next move: the worst of the last ones, at least `least`."""
        return max(least, *self.recent) if self.recent else least
