"""One fetch for all callers that want the same thing at about the same time."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Generic, TypeVar

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Shares the results of `fetch`.

    Args:
        fetch: returns or raises in bounded time.
        max_age: how long a result, or an error, is reused.
    """

    def __init__(self, fetch: Callable[[], Coroutine[object, None, T]], max_age: timedelta) -> None:
        self._fetch = fetch
        self._max_age_s = max_age.total_seconds()
        self._fetching: asyncio.Task[T] | None = None
        self._fresh_until_s = 0.0

    async def get(self) -> T:
        """The shared result. Cancelling one caller does not cancel the fetch.

        Raises:
            Exception: what `fetch` raised.
        """
        loop = asyncio.get_running_loop()
        if self._fetching is None or (self._fetching.done() and loop.time() > self._fresh_until_s):
            self._fetching = loop.create_task(self._fetch_once())
        return await asyncio.shield(self._fetching)

    async def _fetch_once(self) -> T:
        try:
            return await self._fetch()
        finally:
            self._fresh_until_s = asyncio.get_running_loop().time() + self._max_age_s
