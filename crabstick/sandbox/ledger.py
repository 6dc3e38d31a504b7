"""The record that tests check a bot against: moves, errors, requests and streams.

No I/O here. Games and challenges are in `state.py`; the ledger holds the rest.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from crabstick.sandbox.errors import Json

__all__ = ["Ledger", "MoveRecord", "RefusedMove", "StreamRecord"]


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

    def to_json(self) -> dict[str, Json]:
        """The move in the ledger's JSON."""
        overhead = None if self.overhead_ms is None else round(self.overhead_ms, 3)
        return {
            "ply": self.ply,
            "uci": self.uci,
            "by": self.by,
            "received_ms": round(self.received_ms, 3),
            "user_agent": self.user_agent,
            "overhead_ms": overhead,
            "left_ms": self.left_ms,
        }


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


class Ledger:
    """The record of one sandbox; only grows."""

    def __init__(self) -> None:
        self.refused_moves: list[RefusedMove] = []
        self.ended_streams: list[StreamRecord] = []
        self.requests: Counter[tuple[str, str, str]] = Counter()
        """(endpoint, user or "", status or "lost") -> count"""

    def request_rows(self) -> list[Json]:
        """The counts of requests."""
        return [
            {"endpoint": endpoint, "user": user, "status": status, "count": count}
            for (endpoint, user, status), count in sorted(self.requests.items())
        ]

    def refused_rows(self) -> list[Json]:
        """The refused moves, oldest first."""
        return [_row(asdict(row)) for row in self.refused_moves]


def _row(fields: Mapping[str, Json]) -> Json:
    return dict(fields)
