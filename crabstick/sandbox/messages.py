"""What an operation of the world wants written to streams: values, carried out by `streams.py`.

No I/O here. Lines hold no line end.
"""

from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["ChallengeDone", "EventLine", "GameEnd", "GameLine", "Outgoing"]


@dataclass(frozen=True, slots=True)
class EventLine:
    """A line for the event streams of one user."""

    user_id: str
    text: bytes


@dataclass(frozen=True, slots=True)
class GameLine:
    """A line for all streams of a game; `ply` counts the moves that the line shows."""

    game_id: str
    text: bytes
    ply: int
    """-1 for lines that show no moves."""
    reader: bool | None = None
    """The colour that reads it; None for both."""


@dataclass(frozen=True, slots=True)
class GameEnd:
    """The streams of a game end, after what was sent so far."""

    game_id: str


@dataclass(frozen=True, slots=True)
class ChallengeDone:
    """The keep-alive stream of a challenge ends with its outcome."""

    challenge_id: str
    outcome: str


Outgoing: TypeAlias = EventLine | GameLine | GameEnd | ChallengeDone
