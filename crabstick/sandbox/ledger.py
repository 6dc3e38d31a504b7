"""What happened, for tests to check a bot against: moves, challenges, refusals, requests, streams.

No I/O here. Games and challenges themselves are in `state.py`; this holds what they do not.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from crabstick.sandbox.errors import Json

__all__ = ["Ledger", "MoveRecord", "RefusedMove", "StreamRecord"]


@dataclass(frozen=True, slots=True)
class MoveRecord:
    """One move that was played."""

    ply: int
    uci: str
    """As stream lines show it."""
    by: str
    received_ms: float
    user_agent: str
    overhead_ms: float | None
    """From writing the opponent's move to reading this one; None for the first move of a game,
    and when the opponent's move had not been written to this player."""
    left_ms: int
    """What the mover has left after the move, increment included."""

    def to_json(self) -> dict[str, Json]:
        """Show the move in the ledger."""
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
    """One move that was not played."""

    game: str
    uci: str
    by: str
    why: str
    at_ms: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRecord:
    """One stream that ended, or is still open (`ended_ms` None)."""

    kind: str
    user: str
    game: str | None
    user_agent: str
    opened_ms: float
    ended_ms: float | None
    why: str | None
    """over, replaced, left (by the client), cut, reset or shutdown."""


class Ledger:
    """The record of one sandbox; it only grows."""

    def __init__(self) -> None:
        self.refused_moves: list[RefusedMove] = []
        self.ended_streams: list[StreamRecord] = []
        self.requests: Counter[tuple[str, str, str]] = Counter()
        """(endpoint class, user or "", status or "lost") -> how many"""

    def request_rows(self) -> list[Json]:
        """List the counts of requests."""
        return [
            {"endpoint": endpoint, "user": user, "status": status, "count": count}
            for (endpoint, user, status), count in sorted(self.requests.items())
        ]

    def refused_rows(self) -> list[Json]:
        """List the refused moves in their order."""
        return [_row(asdict(refused)) for refused in self.refused_moves]


def _row(fields: Mapping[str, Json]) -> Json:
    return dict(fields)
