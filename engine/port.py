"""What the rest of crabstick asks of an engine, whatever stands behind it."""

from datetime import timedelta
from typing import Protocol

from engine.spec import SearchRequest, SearchResult

__all__ = ["QUIT_PATIENCE", "Engine"]

QUIT_PATIENCE = timedelta(seconds=1)
"""How long an engine may take from `quit` to its end, and the kernel from the kill to the end."""


class Engine(Protocol):
    """Whatever finds a move: a process, one that is replaced when it fails, or a script."""

    @property
    def name(self) -> str:
        """What the engine calls itself; before it was started, what the user calls it."""

    @property
    def hash_mb(self) -> int | None:
        """The size of its table; None when it is not known or there is none."""

    async def open(self) -> None:
        """Start it and make it ready; does nothing when it is.

        Raises:
            EngineError: it cannot be started; calling again tries again.
        """

    async def search(self, request: SearchRequest) -> SearchResult:
        """Find a move, one request at a time; opens the engine first when need be.

        A cancelled search leaves the engine usable.

        Raises:
            EngineError: there is no move; after EngineDied and EngineHung there is no process.
        """

    async def close(self, patience: timedelta = QUIT_PATIENCE) -> None:
        """End it: asked to `quit`, killed after `patience`, reaped. Never raises, never hangs."""
