"""One NDJSON stream of Lichess with a silence watchdog, over aiohttp.

Lichess sends a lone line feed every 7 s on each stream. berserk drops these, so that a dead stream
looks like a quiet one; here they are handed out as None, and their absence is `StreamSilent`.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final, TypeAlias

import aiohttp
from yarl import URL

from crabstick.errors import LichessError, StreamEnded, StreamSilent, Unavailable
from crabstick.lichess.fields import JsonObject, quote
from crabstick.lichess.http import LOST, describe, read_answer
from crabstick.lichess.identity import Login
from crabstick.lichess.port import SILENCE_LIMIT
from crabstick.lichess.responses import failure
from crabstick.rules.model import GameId, Unexpected

__all__ = ["LINE_LIMIT", "LineSplitter", "NdjsonStream", "RawLine", "StreamSource"]

RawLine: TypeAlias = JsonObject | Unexpected | None
"""A JSON object, a line that is none, or (None) a keep-alive."""

LINE_LIMIT: Final = 1024 * 1024
"""Bytes of one line; `gameFull` of the longest game Lichess allows has about 4 kB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSource:
    """Which stream to open, as whom, and how patiently."""

    login: Login
    path: str
    game_id: GameId | None = None
    silence_limit: timedelta = SILENCE_LIMIT
    open_limit: timedelta = timedelta(seconds=10)
    """From the first packet to the status line; Lichess sends its headers at once."""


class LineSplitter:
    """Bytes in, whole lines out, however the bytes were cut up; holds `LINE_LIMIT` at most."""

    def __init__(self) -> None:
        self._tail = bytearray()

    @property
    def has_part(self) -> bool:
        """Whether a line has begun and not ended."""
        return bool(self._tail)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The lines that this piece completes, each without its line feed.

        Raises:
            StreamEnded: a line grew over `LINE_LIMIT`; nothing after it can be read.
        """
        *ends, rest = data.split(b"\n")
        for end in ends:
            yield bytes(self._tail) + end
            self._tail.clear()
        self._tail += rest
        if len(self._tail) > LINE_LIMIT:
            raise StreamEnded(f"Lichess sent a line of more than {LINE_LIMIT} bytes: closed.")


class NdjsonStream:
    """One connection to one stream: `lines` may be iterated once."""

    def __init__(self, session: aiohttp.ClientSession, source: StreamSource) -> None:
        self._session = session
        self._source = source
        self._response: aiohttp.ClientResponse | None = None
        self._opening: asyncio.Timeout | None = None
        self._closed = False
        self._handed_out = 0  # bytes

    @property
    def is_open(self) -> bool:
        """Whether the stream is up and neither an end nor an error was received."""
        if self._response is None or self._closed:
            return False
        content = self._response.content
        return content.exception() is None and not content.is_eof()

    def is_current(self) -> bool:
        """Whether it is open and all bytes that were received have been handed out as lines."""
        response = self._response
        return (
            response is not None
            and self.is_open
            and response.content.total_bytes == self._handed_out
        )

    async def lines(self) -> AsyncGenerator[RawLine, None]:
        """Opens the connection and yields line by line; never ends but by an error.

        Raises:
            StreamEnded: the server ended it at a line's end, or `close` was called.
            StreamSilent: nothing was heard for the silence limit.
            RateLimited, Unauthorized, Refused: instead of the stream.
            Unavailable: no connection, or it broke.
        """
        response = self._response = await self._open()
        splitter = LineSplitter()
        try:
            while data := await self._read(response):
                for line in splitter.feed(data):
                    self._handed_out += len(line) + 1
                    yield _parse(line)
        finally:
            response.close()
            self._response = None
        if splitter.has_part:
            raise Unavailable(f"The stream {self._source.path} broke off within a line.")
        raise StreamEnded(f"Lichess ended the stream {self._source.path}.")

    async def close(self) -> None:
        """Ends it at once, also while it is being opened or another task waits for a line."""
        self._closed = True
        if self._opening is not None:
            self._opening.reschedule(asyncio.get_running_loop().time())
        if self._response is not None:
            self._response.close()

    async def _open(self) -> aiohttp.ClientResponse:
        limit_s = self._source.open_limit.total_seconds()
        problem: LichessError
        if self._closed or self._session.closed:
            raise self._closed_by_us()
        try:
            async with asyncio.timeout(limit_s) as self._opening:
                return await self._request()
        except LichessError:
            raise
        except LOST as lost:
            problem = self._problem(lost)
        finally:
            self._opening = None
        raise problem

    async def _request(self) -> aiohttp.ClientResponse:
        source = self._source
        response = await self._session.get(
            URL(source.login.address(source.path), encoded=True),
            headers={
                **source.login.headers(source.game_id),
                "Accept": "application/x-ndjson",
                "Accept-Encoding": "identity",  # a compressed line may wait for the next one
            },
            timeout=aiohttp.ClientTimeout(sock_read=source.silence_limit.total_seconds()),
            allow_redirects=False,
        )
        if response.status == HTTPStatus.OK:
            return response
        try:
            answer = await read_answer(response)
        finally:
            response.close()
        raise failure(f"open {source.path}", answer, source.login)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        """The next piece; empty at the end."""
        problem: LichessError
        try:
            return await response.content.readany()
        except aiohttp.SocketTimeoutError:
            limit_s = self._source.silence_limit.total_seconds()
            problem = StreamSilent(f"The stream {self._source.path} was silent for {limit_s:g} s.")
        except LOST as lost:
            problem = self._problem(lost)
        raise problem

    def _problem(self, lost: BaseException) -> LichessError:
        if self._closed:
            return self._closed_by_us()
        why = describe(lost, self._source.login)
        return Unavailable(f"The stream {self._source.path} failed: {why}")

    def _closed_by_us(self) -> StreamEnded:
        return StreamEnded(f"The stream {self._source.path} was closed on our side.")


def _parse(line: bytes) -> RawLine:
    if not line.strip():
        return None
    with suppress(ValueError, RecursionError):
        value = json.loads(line)
        if isinstance(value, dict):
            return value
    return Unexpected(why=f"no JSON object: {quote(line[:100])}")
