"""How far a WorkerSet is with being shut down."""

import asyncio
from contextlib import suppress
from datetime import timedelta

__all__ = ["ShutdownState"]

PATIENCE = timedelta(seconds=15)
"""For an actor that has to start; those who end us wait for longer."""
ORDERS_WITHIN = timedelta(seconds=9)
"""Who is told to leave its game later than that would leave it to nobody."""
LEFT_ALONE = timedelta(seconds=30)
"""Who closed us ends us within a second; whoever died over that has left us to our games."""


class ShutdownState:
    """First the games get what they need, then nothing is done any more; moments are monotonic."""

    def __init__(self) -> None:
        self._begun_at: timedelta | None = None
        self._closed_at: timedelta | None = None
        self._is_well = asyncio.Event()

    def begin(self, now: timedelta) -> None:
        """Somebody wants us to end."""
        self._begun_at = now

    @property
    def has_begun(self) -> bool:
        """Whether somebody wants us to end."""
        return self._begun_at is not None

    def may_move(self, now: timedelta) -> bool:
        """Whether a game that is to be handed over would still find its next actor."""
        return self._begun_at is None or now - self._begun_at < ORDERS_WITHIN

    @property
    def is_closed(self) -> bool:
        """Whether nothing is done any more."""
        return self._closed_at is not None

    def all_is_well(self) -> None:
        """Every game has an actor that keeps it."""
        self._is_well.set()

    async def wait_well(self) -> None:
        """Returns when all is well, or will not be soon."""
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE.total_seconds()):
                await self._is_well.wait()

    def close(self, now: timedelta) -> None:
        """From now on nothing is done."""
        self._closed_at = now

    def is_forgotten(self, now: timedelta) -> bool:
        """Whether it was closed long ago, and nobody has ended us."""
        return self._closed_at is not None and now - self._closed_at >= LEFT_ALONE
