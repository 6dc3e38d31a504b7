"""Messages for streams, returned by operations on the world, delivered by `streams.py`.

No I/O here. Lines do not include the line feed.
"""

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class EventMessage:
    """A line for the event streams of one user."""

    user_id: str
    text: bytes


@dataclass(frozen=True, slots=True)
class GameMessage:
    """A line for the streams of a game; `ply` counts the moves in the line."""

    game_id: str
    text: bytes
    ply: int
    """-1 for lines without moves."""
    reader: bool | None = None
    """The colour that gets the line; None for both."""


@dataclass(frozen=True, slots=True)
class GameStreamEnd:
    """Ends the streams of a game, after earlier lines."""

    game_id: str


@dataclass(frozen=True, slots=True)
class ChallengeOutcome:
    """Ends the keep-alive stream of a challenge, with its outcome."""

    challenge_id: str
    outcome: str


StreamMessage: TypeAlias = EventMessage | GameMessage | GameStreamEnd | ChallengeOutcome
