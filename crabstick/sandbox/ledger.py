"""The record that tests check a bot against: moves, errors, requests and streams.

No I/O here. Games and challenges are in `state.py`; the ledger holds the rest.
"""

from collections import Counter
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MoveRecord:
    """A move that was played."""

    ply: int
    uci: str
    """As written in stream lines."""
    by: str
    received_ms: float
    user_agent: str
    overhead_ms: float | None
    """From writing the opponent's move until reading this move; None for the first move, and when
    the opponent's move was not written to this player."""
    left_ms: int
    """The mover's time after the move, including the increment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedMove:
    """A move that was refused."""

    game: str
    uci: str
    by: str
    why: str
    at_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRecord:
    """A stream that ended, or is still open (`ended_ms` is None)."""

    kind: str
    user: str
    game: str | None
    user_agent: str
    opened_ms: float
    ended_ms: float | None
    why: str | None
    """over, replaced, left (by the client), cut, reset or shutdown."""


class SandboxLedger:
    """The record of one sandbox; only grows."""

    def __init__(self) -> None:
        self.refused_moves: list[RefusedMove] = []
        self.ended_streams: list[StreamRecord] = []
        self.requests: Counter[tuple[str, str, str]] = Counter()
        """(endpoint, user or "", status or "lost") -> count"""
