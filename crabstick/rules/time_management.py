"""How long a move may take: from Lichess's clocks to the engine's limit and our own deadline.

Pure, and the only place where durations become python-chess's float seconds.
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
MOVE_TIME_SLACK = timedelta(seconds=1)


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
