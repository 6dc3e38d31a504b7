"""One answer for all who ask at about the same time."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Generic, TypeVar

__all__ = ["SingleFlight"]

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Asks once, however many want to know.

    Args:
        ask: brings a fresh answer, or an error, in bounded time.
        age: how long an answer is good, and an error as well.
    """

    def __init__(self, ask: Callable[[], Coroutine[object, None, T]], age: timedelta) -> None:
        self._ask = ask
        self._age_s = age.total_seconds()
        self._asking: asyncio.Task[T] | None = None
        self._good_until_s = 0.0

    async def get(self) -> T:
        """The answer; who stops waiting for it stops nobody else.

        Raises:
            Exception: what `ask` raised.
        """
        loop = asyncio.get_running_loop()
        if self._asking is None or (self._asking.done() and loop.time() > self._good_until_s):
            self._asking = loop.create_task(self._ask_once())
        return await asyncio.shield(self._asking)

    async def _ask_once(self) -> T:
        try:
            return await self._ask()
        finally:
            self._good_until_s = asyncio.get_running_loop().time() + self._age_s
