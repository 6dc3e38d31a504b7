"""A stream of the fakes: what the fake server told one reader, and how it ended."""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import Generic, TypeVar

from crabstick.errors import LichessError, StreamEnded

__all__ = ["FakeStream"]

_Item = TypeVar("_Item")


class FakeStream(Generic[_Item]):
    """One connection; like a real one it has a single reader, and its end comes last."""

    def __init__(self) -> None:
        self._unread: deque[_Item | None] = deque()
        self._end: LichessError | None = None
        self._changed = asyncio.Event()

    @property
    def is_open(self) -> bool:
        """Whether no end was told."""
        return self._end is None

    @property
    def is_current(self) -> bool:
        """Whether it is open and all was read."""
        return self.is_open and not self._unread

    def send(self, item: _Item | None) -> None:
        """Sends a line, or (None) a keep-alive; nobody hears it after the end."""
        if self._end is None:
            self._unread.append(item)
            self._changed.set()

    def end(self, how: LichessError | None = None) -> None:
        """Ends it after what was told: cleanly, unless another error is given."""
        if self._end is None:
            self._end = how or StreamEnded("The fake server ended the stream.")
            self._changed.set()

    def close(self) -> None:
        """Ends it from the reader's side; what is unread is lost."""
        self._unread.clear()
        self.end(StreamEnded("The stream was closed on our side."))

    async def lines(self) -> AsyncGenerator[_Item | None, None]:
        """What is told, as it is told.

        Raises:
            LichessError: the end.
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
