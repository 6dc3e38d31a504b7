"""The interface of an engine, whatever its implementation."""

from datetime import timedelta
from typing import Protocol

from engine.spec import SearchRequest, SearchResult

QUIT_PATIENCE = timedelta(seconds=1)
"""How long an engine may take to end after `quit`, and again after the kill."""


class Engine(Protocol):
    """Finds moves: `UciEngine`, `ResilientEngine`, or a script in tests."""

    @property
    def name(self) -> str:
        """The engine's own name; before its start, the label of its spec."""

    @property
    def hash_mb(self) -> int | None:
        """The size of the hash table; None when unknown."""

    async def open(self) -> None:
        """Starts the engine and makes it ready. Idempotent.

        Raises:
            EngineError: the engine cannot be started; another call tries again.
        """

    async def search(self, request: SearchRequest) -> SearchResult:
        """Finds a move, one request at a time; opens the engine first if needed.

        A cancelled search leaves the engine usable.

        Raises:
            EngineError: there is no move; after EngineDied and EngineHung there is no process.
        """

    async def close(self, patience: timedelta = QUIT_PATIENCE) -> None:
        """Ends the engine: `quit`, a kill after `patience`, reaped. Never raises, never hangs."""
