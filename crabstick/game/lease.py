"""Whether a game is still ours: the WorkerSet decides, and is asked when our view may be old."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

FRESH = timedelta(seconds=5)
REPEATED_CUT = timedelta(seconds=10)
IDLE_PAUSE = timedelta(seconds=1)


class Replaced(Exception):
    """Another actor owns the game now: leave it, silently."""


class Lease:
    """Our claim on one game.

    Args:
        ask: asks the WorkerSet whether we own the game; None means that it did not answer in time.
            The function bounds its own wait to a second.
        clock: monotonic seconds.
    """

    def __init__(
        self, ask: Callable[[], Awaitable[bool | None]], clock: Callable[[], float]
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._confirmed_s: float | None = None
        self._unanswered_s: float | None = None

    async def renew(self) -> None:
        """Returns when the stream may be reopened.

        Without an answer an actor plays on. But if its stream is cut twice within ten seconds, it
        waits until the WorkerSet answers: another actor may be playing this game.

        Raises:
            Replaced: the WorkerSet says that the game is not ours.
        """
        if await self._is_confirmed():
            return
        before, self._unanswered_s = self._unanswered_s, self._clock()
        if before is None or self._unanswered_s - before > REPEATED_CUT.total_seconds():
            return
        while True:
            await asyncio.sleep(IDLE_PAUSE.total_seconds())
            if await self._is_confirmed():
                return

    async def is_fresh(self) -> bool:
        """Whether the WorkerSet confirmed our claim within the last five seconds, or does now.

        Raises:
            Replaced: the WorkerSet says that the game is not ours.
        """
        confirmed_s = self._confirmed_s
        if confirmed_s is not None and self._clock() - confirmed_s <= FRESH.total_seconds():
            return True
        return await self._is_confirmed()

    async def _is_confirmed(self) -> bool:
        answer = await self._ask()
        if answer is False:
            raise Replaced
        if answer is None:
            return False
        self._confirmed_s = self._clock()
        self._unanswered_s = None
        return True
