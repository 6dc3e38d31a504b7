"""The words of one game: its state (`Play`), what may happen to it, and what is to be done.

Pure values; `crabstick.rules.game` says how they follow from one another. The move API names no
ply, so everything that concerns a move carries its ply here, and whatever comes late (an answer, a
timer, a search result) is known by it and dropped.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum

import chess

from crabstick.rules.model import GameFull, GameState, OpponentGone, PostOutcome

__all__ = [
    "Abort",
    "Advanced",
    "Answered",
    "Chosen",
    "ClaimVictory",
    "EchoOverdue",
    "Effect",
    "Event",
    "Finish",
    "Forget",
    "Leave",
    "LeaveAsked",
    "NoShow",
    "Opened",
    "OpponentLeft",
    "Phase",
    "Play",
    "Post",
    "PostAgain",
    "Request",
    "Resync",
    "StreamLost",
    "Think",
    "WatchEcho",
    "WatchNoShow",
]


class Phase(Enum):
    """Where the game stands, seen from our side."""

    SYNCING = "syncing"  # no open stream: what we know may be old
    THINKING = "thinking"  # our turn, the engine searches
    POSTING = "posting"  # our move is on its way; the stream will echo it
    WAITING = "waiting"  # the opponent's turn
    OVER = "over"


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """The state of one game.

    `searching` is the ply that the engine works on, `chosen` our move for `ply`; both outlive a
    lost stream, so that a reconnect throws no thinking away. `is_leaving`: the game is handed over
    as soon as no thinking is lost by it.
    """

    phase: Phase = Phase.SYNCING
    color: chess.Color = chess.WHITE
    white_starts: bool = True
    can_abort: bool = True
    state: GameState | None = None
    searching: int | None = None
    chosen: str | None = None
    attempts: int = 0
    refusals: int = 0
    is_leaving: bool = False

    @property
    def ply(self) -> int:
        """How many moves have been played."""
        return len(self.state.moves) if self.state else 0

    @property
    def is_our_turn(self) -> bool:
        """Whether `color` moves next."""
        white_moves = (self.ply % 2 == 0) == self.white_starts
        return white_moves == (self.color == chess.WHITE)

    @property
    def time_left(self) -> timedelta | None:
        """Our clock as the last line told it; None without a clock, or before the first line."""
        if self.state is None:
            return None
        return self.state.white_time if self.color == chess.WHITE else self.state.black_time


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
    """Our stream ended, fell silent, or may be old since we stalled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The engine's move for `ply`, in UCI."""

    ply: int
    uci: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """How Lichess took the move of `ply`."""

    ply: int
    outcome: PostOutcome


@dataclass(frozen=True, slots=True, kw_only=True)
class EchoOverdue:
    """The move of `ply` was taken long ago, and no line has shown it."""

    ply: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoShow:
    """The opponent has not made the move of `ply` in the time for a first move."""

    ply: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpponentLeft:
    """Lichess tells that the opponent is gone, or back."""

    line: OpponentGone


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveAsked:
    """Somebody else shall play on: as soon as it is not our turn, or `at_once`."""

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
    | LeaveAsked
)

# Effects: what the player shall do.


@dataclass(frozen=True, slots=True, kw_only=True)
class Think:
    """Search the position after `ply` moves."""

    ply: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forget:
    """Stop the search: its position is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """Send the move of `ply` now."""

    ply: int
    uci: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PostAgain:
    """Send the same move again after a pause.

    `attempt` counts from 0. `is_limited` tells a 429 from a lost answer; `after` is what Lichess
    then asked for, None when it did not say.
    """

    ply: int
    uci: str
    attempt: int
    is_limited: bool = False
    after: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resync:
    """Open the stream anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchEcho:
    """Raise `EchoOverdue` when the time for the echo of `ply` is up."""

    ply: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchNoShow:
    """Raise `NoShow` when the time for a first move is up."""

    ply: int


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
class Leave:
    """The game is somebody else's from here on; nothing more is sent."""


Request = Post | PostAgain | Abort | ClaimVictory
"""What is asked of Lichess."""
Effect = Think | Forget | Request | Resync | WatchEcho | WatchNoShow | Finish | Leave
