"""Shows an actor's title in Ray's dashboard, as the name of a pending call to itself.

Ray counts calls by name in the calling process, and never drops a count. So the actor itself makes
these calls: its process ends after some games.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final

DELAY: Final = timedelta(seconds=1)
"""A title can wait; the first move goes first."""


class DashboardTitle:
    """Shows one title at a time.

    Args:
        call: makes the actor's call to itself under a title; that call waits in `hold`.
    """

    def __init__(self, call: Callable[[str], None]) -> None:
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._title = ""
        self._replaced = self._loop.create_future()

    def set(self, title: str) -> None:
        """Replaces the title that is shown, after a moment."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(DELAY.total_seconds(), self._show, title)

    async def hold(self, title: str) -> None:
        """Keeps a title's call pending; returns when another title is shown."""
        if title == self._title:
            await asyncio.shield(self._replaced)

    def _show(self, title: str) -> None:
        if title != self._title:
            self._replaced.set_result(None)
            self._title, self._replaced = title, self._loop.create_future()
            self._call(title)
