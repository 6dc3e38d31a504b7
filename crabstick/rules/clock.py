"""How long a move may take: from Lichess's clocks to the engine's limit and our own deadline.

Pure, and the only place where durations become python-chess's float seconds.
"""

from dataclasses import dataclass
from datetime import timedelta

import chess
import chess.engine

from crabstick.rules.model import GameState

__all__ = ["EngineLimits", "SearchBudget", "budget_for"]

NO_CLOCK_MOVE_TIME = timedelta(seconds=10)
"""What a move gets in a game without a clock when the owner sets no limit."""
LEAST = timedelta(milliseconds=10)
"""Lichess counts in centiseconds; less than one cannot be given away."""
DEADLINE_SHARE = 0.4
"""No sane engine spends more of its clock on one move; past it, we call `stop`."""
MOVE_TIME_SLACK = timedelta(seconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineLimits:
    """The owner's own bounds on every search; None leaves the clock alone to decide."""

    nodes: int | None = None
    depth: int | None = None
    move_time: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchBudget:
    """`limit` is what the engine is told; `deadline` (from now) is enforced outside the engine."""

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
    """What our next move may cost.

    Args:
        state: the position's last line; its clocks are those of the moment of sending.
        color: our side.
        limits: the owner's bounds.
        overhead: what a move costs between engine and Lichess; kept out of the engine's hands.
        elapsed: how long ago `state` was received.
    """
    mine = state.white_time if color == chess.WHITE else state.black_time
    theirs = state.black_time if color == chess.WHITE else state.white_time
    if mine is None or theirs is None:
        return _without_clock(limits)
    left = _usable(mine - elapsed, overhead)
    increment = state.white_increment if color == chess.WHITE else state.black_increment
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


def _usable(left: timedelta, overhead: timedelta) -> timedelta:
    """The overhead never eats more than half of what is left."""
    return max(left - min(overhead, left / 2), LEAST)


def _without_clock(limits: EngineLimits) -> SearchBudget:
    move_time = limits.move_time or NO_CLOCK_MOVE_TIME
    limit = chess.engine.Limit(
        time=move_time.total_seconds(), nodes=limits.nodes, depth=limits.depth
    )
    return SearchBudget(limit=limit, deadline=move_time + MOVE_TIME_SLACK)


def _seconds(duration: timedelta | None) -> float | None:
    return None if duration is None else duration.total_seconds()
