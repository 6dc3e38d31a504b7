"""Notices that our own event loop stood still: what we believe may then be long out of date."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

__all__ = ["StallDetector"]

BEAT = timedelta(milliseconds=250)
LIMIT = timedelta(seconds=1)


class StallDetector:
    """Compares the moments at which the loop came round; `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._beat = clock()
        self._has_stalled = False
        self.last_stall_s: float | None = None

    async def run(self) -> None:
        """Beats until cancelled."""
        while True:
            self._note()
            await asyncio.sleep(BEAT.total_seconds())

    def take(self) -> bool:
        """Whether the loop has stalled since the last call; the answer is given once."""
        self._note()
        stalled, self._has_stalled = self._has_stalled, False
        return stalled

    def _note(self) -> None:
        now = self._clock()
        if now - self._beat > LIMIT.total_seconds():
            self._has_stalled = True
            self.last_stall_s = now
        self._beat = now
