"""HTTP on the wire, as Ray Serve's proxy takes it: uvicorn's own protocol with bounds.

uvicorn waits for ever for the rest of a header, holds headers of any size, and any number of
connections. Here a head has to be small and come soon, whoever does not read his answer is cut off,
and when there are too many connections the one that has been idle longest goes: so a newcomer, a
probe for one, always gets in.
"""

import asyncio
from datetime import timedelta
from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from actors.http.limits import LARGEST_HEAD, Answer, error_answer

__all__ = ["BoundedHttp"]

HEAD_LIMIT: Final = timedelta(seconds=10)
"""From the connection, or from the last answer, to the end of the next head."""
STUCK_LIMIT: Final = timedelta(seconds=10)
"""How long nothing of an answer may be read."""
MOST_CONNECTIONS: Final = 512
MOST_AT_ONCE: Final = 8
"""Requests of one connection that wait for their answers."""


class BoundedHttp(HttpToolsProtocol):
    """One connection."""

    _open = 0
    _is_in_head = False
    _head_bytes = 0
    _idle_since_s = 0.0
    _head_timer: asyncio.TimerHandle | None = None
    _stuck_timer: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is being answered."""
        return self._open == 0

    # asyncio's side

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's
        """See `asyncio.Protocol`."""
        super().connection_made(transport)
        self._wait_for_head()
        if len(self.connections) > MOST_CONNECTIONS:
            self._longest_idle().transport.abort()

    def _longest_idle(self) -> "BoundedHttp":
        ours = (one for one in self.connections if isinstance(one, BoundedHttp))
        idle = (one for one in ours if one.is_idle and not one.transport.is_closing())
        return min(idle, key=lambda one: one._idle_since_s)  # noqa: SLF001 -- our own

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        super().data_received(data)
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > LARGEST_HEAD:
                self._refuse(error_answer(431, "the header is too large"))

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self._stop_timers()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        super().pause_writing()
        self._stuck_timer = self.loop.call_later(STUCK_LIMIT.total_seconds(), self.transport.abort)

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        super().resume_writing()
        if self._stuck_timer is not None:
            self._stuck_timer.cancel()

    # The parser's side

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._is_in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """Its head is there.

        Raises:
            ValueError: there are too many before it; the parser reports it as a bad request.
        """
        self._is_in_head = False
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:  # else it is about to become a websocket
            self._open += 1
            self._stop_head_timer()
            shown = [row for row in self.cycle.default_headers if row[0] != b"server"]
            self.cycle.default_headers = shown
        if self._open > MOST_AT_ONCE:
            raise ValueError("too many requests at once")

    def on_response_complete(self) -> None:
        """It is answered."""
        self._open -= 1
        super().on_response_complete()
        if self.is_idle:
            self._wait_for_head()

    def handle_websocket_upgrade(self) -> None:
        """Another protocol takes over, with limits of its own."""
        self._stop_timers()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """What was sent is not HTTP."""
        del msg  # uvicorn's own
        self._refuse(error_answer(400, "this is no valid HTTP request"))

    # Our side

    def _refuse(self, answer: Answer) -> None:
        length = (b"content-length", str(len(answer.body)).encode())
        headers = (*answer.headers, length, (b"connection", b"close"))
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in headers)
        self.transport.write(STATUS_LINE[answer.status] + lines + b"\r\n" + answer.body)
        self.transport.close()
        self._wait_for_head()  # or rather for this to be read

    def _wait_for_head(self) -> None:
        self._idle_since_s = self.loop.time()
        self._stop_head_timer()
        self._head_timer = self.loop.call_later(HEAD_LIMIT.total_seconds(), self.transport.abort)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()

    def _stop_timers(self) -> None:
        self._stop_head_timer()
        if self._stuck_timer is not None:
            self._stuck_timer.cancel()
