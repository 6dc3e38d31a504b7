"""What Ray's dashboard shows of an actor: the name of a call to itself, pending while that holds.

Ray counts calls by their names in the process that makes them, and forgets none: so these have to
be made by the actor, whose process ends with its game.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final

__all__ = ["DashboardTitle"]

DELAY: Final = timedelta(seconds=1)
"""People can wait; a move that is about to be made goes first."""


class DashboardTitle:
    """Shows one title at a time.

    Args:
        call: makes the actor's call of that name, which waits in `hang`.
    """

    def __init__(self, call: Callable[[str], None]) -> None:
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._title = ""
        self._taken_down = self._loop.create_future()

    def show(self, title: str) -> None:
        """Puts it in the place of what was shown, soon."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(DELAY.total_seconds(), self._put_up, title)

    async def hang(self, title: str) -> None:
        """Returns when another title is shown."""
        if title == self._title:
            await asyncio.shield(self._taken_down)

    def _put_up(self, title: str) -> None:
        if title != self._title:
            self._taken_down.set_result(None)
            self._title, self._taken_down = title, self._loop.create_future()
            self._call(title)
