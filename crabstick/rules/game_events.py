"""The events that change a game, and the effects that follow.

Pure; `game_state_machine` has the state and the transitions. Lichess's move API names no ply, so
every event and effect about a move carries its ply here. A late answer, timer or search result is
recognised by its ply and dropped.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

import chess

from crabstick.rules.lichess_types import GameFull, GameState, OpponentGone, PostOutcome

Intent = Literal["play", "draw", "resign"]
"""Whether to play a move, offer or take a draw with it, or to play it only if resigning fails."""

# Events: what happened.


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A stream was opened and its first line read; `color` is our side."""

    full: GameFull
    color: chess.Color


@dataclass(frozen=True, slots=True, kw_only=True)
class Advanced:
    """A later line of the stream."""

    state: GameState


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLost:
    """Our stream ended or fell silent, or our own event loop stalled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Our move for `ply`, in UCI."""

    ply: int
    uci: str
    intent: Intent = "play"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """Lichess answered the move of `ply`, or failed to."""

    ply: int
    outcome: PostOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoOverdue:
    """The stream has not shown the move of `ply` in time."""

    ply: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoShow:
    """The opponent did not make the move of `ply` within the time for a first move."""

    ply: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpponentLeft:
    """Lichess reports that the opponent left, or came back."""

    line: OpponentGone


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOverRequested:
    """Another actor is to play on: as soon as it is not our turn, or `at_once`."""

    at_once: bool = False


Event = (
    Opened
    | Advanced
    | StreamLost
    | Chosen
    | Answered
    | EchoOverdue
    | NoShow
    | OpponentLeft
    | HandOverRequested
)

# Effects: what the player does next.


@dataclass(frozen=True, slots=True, kw_only=True)
class Think:
    """Search the position after `ply` moves."""

    ply: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StopSearch:
    """Stop the search: its position is out of date."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Send the move of `ply` now."""

    ply: int
    uci: str
    intent: Intent = "play"


@dataclass(frozen=True, slots=True, kw_only=True)
class PostAgain:
    """Send the same move again after a pause.

    `attempt` counts from 0. `is_limited` distinguishes a 429 from a lost answer; `after` is the
    wait that the 429 named, None without one.
    """

    ply: int
    uci: str
    attempt: int
    is_limited: bool = False
    after: timedelta | None = None
    intent: Intent = "play"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resync:
    """Reopen the stream."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Raise `event` when its time is up; it changes nothing if the game has moved on by then."""

    event: EchoOverdue | NoShow


@dataclass(frozen=True, slots=True, kw_only=True)
class Abort:
    """End the game without a result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimVictory:
    """Claim the win over an opponent who left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finish:
    """The game is over with Lichess's `status`; `winner` is None for draws and aborts."""

    status: str
    winner: chess.Color | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """Leave the game to another actor; nothing more is sent."""


Request = Post | PostAgain | Abort | ClaimVictory
"""The effects that send something to Lichess."""
Effect = Think | StopSearch | Request | Resync | Schedule | Finish | HandOver
