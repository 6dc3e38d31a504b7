"""uvicorn's HTTP protocol with limits, for Ray Serve's proxy.

uvicorn waits for ever for the end of a request's head, accepts heads of any size, and accepts any
number of connections. Here a head must be small and arrive soon, and a client that does not read
its answer is cut off. When there are too many connections, the one that has been idle longest is
closed, so that a new one, such as a probe, always gets in.
"""

import asyncio
from datetime import timedelta
from typing import Final

from starlette.responses import Response
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from actors.http.limits import CLOSE, MAX_HEAD_BYTES, error_response

HEAD_TIMEOUT: Final = timedelta(seconds=10)
"""From the connection, or from the last answer, to the end of the next head."""
WRITE_TIMEOUT: Final = timedelta(seconds=10)
"""How long a client may read nothing of its answer."""
MAX_CONNECTIONS: Final = 512
MAX_PIPELINED: Final = 8
"""Requests on one connection that wait for their answers."""


class BoundedHttp(HttpToolsProtocol):
    """One connection."""

    _pending = 0
    """Requests without an answer yet."""
    _is_in_head = False
    _head_bytes = 0
    _idle_since_s = 0.0
    _head_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None

    # Called by asyncio.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's
        super().connection_made(transport)
        self._start_head_timer()
        if len(self.connections) > MAX_CONNECTIONS:
            self._longest_idle().transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(error_response(431, "the header is too large", CLOSE))

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timers()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        abort = self.transport.abort
        self._write_timer = self.loop.call_later(WRITE_TIMEOUT.total_seconds(), abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()

    # Called by the parser.

    def on_message_begin(self) -> None:
        """Handles the beginning of a request."""
        super().on_message_begin()
        self._is_in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """Handles the end of a request's head.

        Raises:
            ValueError: too many requests wait already; the parser reports a bad request.
        """
        self._is_in_head = False
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before:  # otherwise the connection is about to become a websocket
            self._pending += 1
            self._stop_head_timer()
            shown = [row for row in self.cycle.default_headers if row[0] != b"server"]
            self.cycle.default_headers = shown
        if self._pending > MAX_PIPELINED:
            raise ValueError("too many requests at once")

    def on_response_complete(self) -> None:
        """Handles the end of an answer."""
        self._pending -= 1
        super().on_response_complete()
        if not self._pending:
            self._start_head_timer()

    def handle_websocket_upgrade(self) -> None:
        """Hands the connection over to another protocol, which has its own limits."""
        self._stop_timers()
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Refuses a client that does not speak HTTP; our text replaces `msg`, uvicorn's text."""
        del msg
        self._refuse(error_response(400, "this is not a valid HTTP request", CLOSE))

    # Our own.

    def _longest_idle(self) -> "BoundedHttp":
        ours = (one for one in self.connections if isinstance(one, BoundedHttp))
        idle = (one for one in ours if not one._pending and not one.transport.is_closing())  # noqa: SLF001 -- our class
        return min(idle, key=lambda one: one._idle_since_s)  # noqa: SLF001 -- our class

    def _refuse(self, refusal: Response) -> None:
        lines = b"".join(name + b": " + value + b"\r\n" for name, value in refusal.raw_headers)
        self.transport.write(STATUS_LINE[refusal.status_code] + lines + b"\r\n" + refusal.body)
        self.transport.close()
        self._start_head_timer()  # limits how long the client may take to read the refusal

    def _start_head_timer(self) -> None:
        self._idle_since_s = self.loop.time()
        self._stop_head_timer()
        abort = self.transport.abort
        self._head_timer = self.loop.call_later(HEAD_TIMEOUT.total_seconds(), abort)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()

    def _stop_timers(self) -> None:
        self._stop_head_timer()
        if self._write_timer is not None:
            self._write_timer.cancel()
