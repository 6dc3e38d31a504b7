"""Lines from a file descriptor, with and without waiting.

The search asks for them without waiting, in its own thread: no reader thread competes for the
interpreter, and an end of input is seen in the middle of a search.
"""

import os
import select
from collections import deque

_CHUNK_BYTES = 65_536


class LineReader:
    """Reads lines from a pipe or terminal (POSIX).

    Args:
        descriptor: where they come from.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: deque[str] = deque()
        self._rest = b""
        self._ended = False

    @property
    def has_ended(self) -> bool:
        """Whether the other side has closed the input; read lines may still be waiting."""
        return self._ended

    def wait(self) -> str | None:
        """Waits for the next line; None at the end of the input."""
        while not self._lines and not self._ended:
            self._read(None)
        return self._lines.popleft() if self._lines else None

    def arrived(self) -> list[str]:
        """Takes the lines that have arrived by now."""
        if not self._ended:
            self._read(0)
        lines = list(self._lines)
        self._lines.clear()
        return lines

    def _read(self, timeout_s: float | None) -> None:
        """Reads once if there is something to read in time; None waits without end."""
        if not select.select([self._descriptor], [], [], timeout_s)[0]:
            return
        chunk = os.read(self._descriptor, _CHUNK_BYTES)
        self._ended = not chunk
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if self._ended and self._rest:
            lines.append(self._rest)
        self._lines.extend(line.decode("utf-8", "replace").strip() for line in lines)
