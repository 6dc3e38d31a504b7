"""Detects that our own event loop stalled: what we know may then be out of date."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

BEAT = timedelta(milliseconds=250)
LIMIT = timedelta(seconds=1)


class StallDetector:
    """Measures the time between two beats of the loop; `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._beat_s = clock()
        self._has_stalled = False
        self.last_stall_s: float | None = None

    async def run(self) -> None:
        """Beats until cancelled."""
        while True:
            self._measure()
            await asyncio.sleep(BEAT.total_seconds())

    def check(self) -> bool:
        """Whether the loop has stalled since the last check."""
        self._measure()
        stalled, self._has_stalled = self._has_stalled, False
        return stalled

    def _measure(self) -> None:
        now_s = self._clock()
        if now_s - self._beat_s > LIMIT.total_seconds():
            self._has_stalled = True
            self.last_stall_s = now_s
        self._beat_s = now_s
