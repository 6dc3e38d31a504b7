"""A fake stream: the lines sent to one reader, and the end."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

from crabstick.errors import LichessError, StreamEnded

_Item = TypeVar("_Item")


class FakeStream(Generic[_Item]):
    """One connection with a single reader; like on a real connection, the end comes last."""

    def __init__(self) -> None:
        self._unread: deque[_Item | None] = deque()
        self._end: LichessError | None = None
        self._changed = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether the stream has not ended."""
        return self._end is None

    @property
    def is_current(self) -> bool:
        """Whether the stream is open and all lines were read."""
        return self.is_open and not self._unread

    def send(self, item: _Item | None) -> None:
        """Sends a line, or (None) a keep-alive; has no effect after the end."""
        if self._end is None:
            self._unread.append(item)
            self._changed.set()

    def end(self, how: LichessError | None = None) -> None:
        """Ends the stream after the lines sent so far: cleanly, unless `how` is an error."""
        if self._end is None:
            self._end = how or StreamEnded("The fake server ended the stream.")
            self._changed.set()

    def close(self) -> None:
        """Ends the stream from the reader's side; drops unread lines."""
        self._unread.clear()
        self.end(StreamEnded("The stream was closed on our side."))

    async def lines(self) -> AsyncGenerator[_Item | None, None]:
        """Yields the lines as they are sent.

        Raises:
            LichessError: the stream ended.
        """
        try:
            while True:
                while self._unread:
                    yield self._unread.popleft()
                if self._end is not None:
                    raise self._end
                self._changed.clear()
                await self._changed.wait()
        finally:
            self.close()
