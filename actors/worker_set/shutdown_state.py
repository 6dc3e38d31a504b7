"""How far the shutdown of a WorkerSet is."""

import asyncio
from contextlib import suppress
from datetime import timedelta

PATIENCE = timedelta(seconds=15)
"""For an actor that has to start; the caller of the shutdown waits longer."""
HAND_OVERS_WITHIN = timedelta(seconds=9)
"""A hand-over ordered later than this cannot finish before we are killed."""
FORGOTTEN_AFTER = timedelta(seconds=30)
"""The caller kills us within a second of closing; after 30 s we assume it died, and resume."""


class ShutdownState:
    """Begun: every game gets an actor first. Closed: nothing is done any more.

    Moments are monotonic.
    """

    def __init__(self) -> None:
        self._begun_at: timedelta | None = None
        self._closed_at: timedelta | None = None
        self._is_well = asyncio.Event()

    def begin(self, now: timedelta) -> None:
        """A caller asked for the shutdown."""
        self._begun_at = now

    @property
    def has_begun(self) -> bool:
        """Whether a caller asked for the shutdown."""
        return self._begun_at is not None

    def may_move(self, now: timedelta) -> bool:
        """Whether a hand-over that begins now can still finish."""
        return self._begun_at is None or now - self._begun_at < HAND_OVERS_WITHIN

    @property
    def is_closed(self) -> bool:
        """Whether nothing is done any more."""
        return self._closed_at is not None

    def all_is_well(self) -> None:
        """Every game has an actor that keeps it."""
        self._is_well.set()

    async def wait_well(self) -> None:
        """Returns when all is well, or `PATIENCE` is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE.total_seconds()):
                await self._is_well.wait()

    def close(self, now: timedelta) -> None:
        """From now on nothing is done."""
        self._closed_at = now

    def is_forgotten(self, now: timedelta) -> bool:
        """Whether the WorkerSet was closed long ago and still lives."""
        return self._closed_at is not None and now - self._closed_at >= FORGOTTEN_AFTER
