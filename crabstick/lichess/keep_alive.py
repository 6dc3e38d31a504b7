"""The shortest way to a server: requests without a body, over connections that stay open.

For moves alone. aiohttp needs half a millisecond from the call to the wire, this 0.15, and a whole
move costs two. What goes out is a few lines of text; what comes back is read by h11.
"""

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Final, cast
from urllib.parse import urlsplit

import h11
from aiohappyeyeballs import start_connection

from crabstick.lichess.responses import BODY_LIMIT, Answer

__all__ = ["KeepAlive"]

IDLE_LIMIT_S: Final = 60.0
"""Lichess's front end is assumed to close idle connections after 75 s."""
NEXT_ADDRESS_S: Final = 0.25
"""When an address does not answer, the next is tried beside it (RFC 8305)."""


class KeepAlive:
    """Connections to one server; each carries one exchange at a time.

    Args:
        url: of the server; only scheme, host and port count.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._is_tls = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._is_tls else 80)
        self._authority = parts.netloc.rpartition("@")[2]
        self._idle: list[_Line] = []
        self._closed = False

    async def request(
        self, method: str, target: str, headers: Mapping[str, str], within: timedelta
    ) -> Answer:
        """Sends a request once; returns the answer with the beginning of its body, if that came.

        `target` and `headers` are written as they are: nothing that somebody else chose may be in
        them.

        Raises:
            OSError: there was no answer; a TimeoutError after `within`.
            h11.RemoteProtocolError: the other side does not speak HTTP.
        """
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + within.total_seconds()
        line = self._take()
        if line is None:
            async with asyncio.timeout_at(deadline_s):
                line = await self._open()
        try:
            request = self._request(method, target, headers)
            return await line.exchange(method, request, deadline_s - loop.time())
        finally:
            self._put_back(line)

    def close(self) -> None:
        """Closes what is idle; an exchange that goes on closes its own connection."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _request(self, method: str, target: str, headers: Mapping[str, str]) -> bytes:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._authority}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "Content-Length: 0", "", ""]).encode("latin-1")

    def _take(self) -> "_Line | None":
        """The connection that was used last, if one will do; the others are closed."""
        while self._idle:
            line = self._idle.pop()
            if line.is_fit():
                return line
            line.close()
        return None

    def _put_back(self, line: "_Line") -> None:
        if line.is_fit() and not self._closed:
            self._idle.append(line)
        else:
            line.close()

    async def _open(self) -> "_Line":
        if self._closed:
            raise ConnectionAbortedError(errno.ECONNABORTED, os.strerror(errno.ECONNABORTED))
        loop = asyncio.get_running_loop()
        addresses = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        connection = await start_connection(addresses, happy_eyeballs_delay=NEXT_ADDRESS_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tls = _tls() if self._is_tls else None
        name = self._host if self._is_tls else None
        _, line = await loop.create_connection(
            _Line, sock=connection, ssl=tls, server_hostname=name
        )
        return line


@dataclass(slots=True)
class _Reply:
    """What has come so far of an answer."""

    done: asyncio.Future[None]
    head: h11.Response | None = None
    body: bytearray = field(default_factory=bytearray)

    def take_in(self, event: h11.Event) -> None:
        """Takes the next part."""
        if isinstance(event, h11.Response):
            self.head = event
        elif isinstance(event, h11.Data):
            self.body += event.data
            if len(self.body) >= BODY_LIMIT:
                del self.body[BODY_LIMIT:]
                self.end()
        elif isinstance(event, h11.EndOfMessage):
            self.end()

    def end(self, error: Exception | None = None) -> None:
        """No more will come; a body that breaks off is as good as none."""
        if self.done.done():
            return
        if error is not None:
            self.body.clear()
        if self.head is None and error is not None:
            self.done.set_exception(error)
        else:
            self.done.set_result(None)

    def answer(self) -> Answer | None:
        """What it says; None without a head."""
        if self.head is None:
            return None
        retry_after = dict(self.head.headers).get(b"retry-after")
        return Answer(
            status=self.head.status_code,
            retry_after=None if retry_after is None else retry_after.decode("latin-1"),
            body=bytes(self.body),
        )


class _Line(asyncio.Protocol):
    """One connection, open until one of the sides closes it."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._http = h11.Connection(our_role=h11.CLIENT)
        self._transport: asyncio.Transport | None = None
        self._reply: _Reply | None = None
        self._used_s = self._loop.time()

    def is_fit(self) -> bool:
        """Whether it can carry the next exchange."""
        return (
            self._transport is not None
            and not self._transport.is_closing()
            and self._http.our_state is h11.IDLE
            and self._http.trailing_data == (b"", False)  # what the server said unasked
            and self._loop.time() - self._used_s < IDLE_LIMIT_S
        )

    def close(self) -> None:
        """Closes it at once."""
        if self._transport is not None:
            self._transport.abort()

    async def exchange(self, method: str, request: bytes, within_s: float) -> Answer:
        """Writes a request and waits for its answer; see `KeepAlive.request`."""
        assert self._transport is not None  # noqa: S101 -- create_connection has seen to it
        reply = self._reply = _Reply(self._loop.create_future())
        self._transport.write(request)
        for event in _as_told(method):  # after the write: h11 only has to know that we did
            self._http.send(event)
        try:
            await asyncio.wait({reply.done}, timeout=within_s)
            reply.end(TimeoutError())
            reply.done.result()
        finally:
            self._reply, self._used_s = None, self._loop.time()
        answer = reply.answer()
        assert answer is not None  # noqa: S101 -- a reply without a head has raised
        return answer

    # What asyncio tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self._reply is None:
            self.close()  # nobody has asked: the server says that it is about to close
        else:
            self._read(data, self._reply)

    def eof_received(self) -> None:
        """See `asyncio.Protocol`."""
        if self._reply is not None:
            self._read(b"", self._reply)

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        if self._reply is not None:
            reset = ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
            self._reply.end(exc or reset)

    def _read(self, data: bytes, reply: _Reply) -> None:
        try:
            self._http.receive_data(data)
            while not reply.done.done():
                event = self._http.next_event()
                if not isinstance(event, h11.Event):
                    return  # more has to come first
                if isinstance(event, h11.EndOfMessage) and self._http.our_state is h11.DONE:
                    self._http.start_next_cycle()
                reply.take_in(event)
        except h11.RemoteProtocolError as error:
            reply.end(error)
            self.close()


@cache
def _as_told(method: str) -> tuple[h11.Request, h11.EndOfMessage]:
    headers = [("Host", ""), ("Content-Length", "0")]
    return h11.Request(method=method, target="/", headers=headers), h11.EndOfMessage()


@cache
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()
