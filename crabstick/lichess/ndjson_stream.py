"""One NDJSON stream of Lichess with a silence watchdog, over aiohttp.

Lichess sends an empty line every 7 s on each stream. berserk drops these lines, so a dead stream
looks like a quiet one. Here they are yielded as None, and their absence raises `StreamSilent`.
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
from crabstick.lichess.game_parser import JsonObject, quote
from crabstick.lichess.http import (
    TRANSPORT_ERRORS,
    Identity,
    describe_error,
    error_for,
    read_response,
)
from crabstick.lichess.interface import SILENCE_LIMIT
from crabstick.rules.lichess_types import GameId, Unexpected

RawLine: TypeAlias = JsonObject | Unexpected | None
"""A JSON object, an unreadable line, or (None) a keep-alive."""

LINE_LIMIT: Final = 1024 * 1024
"""In bytes; `gameFull` of the longest game that Lichess allows has about 4 kB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamSource:
    """Which stream to open, with which identity and time limits."""

    identity: Identity
    path: str
    game_id: GameId | None = None
    silence_limit: timedelta = SILENCE_LIMIT
    open_limit: timedelta = timedelta(seconds=10)
    """From connecting to the response headers; Lichess sends the headers at once."""


class LineSplitter:
    """Splits chunks of bytes into lines; buffers at most `LINE_LIMIT`."""

    def __init__(self) -> None:
        self._tail = bytearray()

    @property
    def has_partial_line(self) -> bool:
        """Whether the last line is incomplete."""
        return bool(self._tail)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yields the lines that this chunk completes, without line feeds.

        Raises:
            StreamEnded: a line exceeded `LINE_LIMIT`; nothing after that line can be read.
        """
        *ends, rest = data.split(b"\n")
        for end in ends:
            yield bytes(self._tail) + end
            self._tail.clear()
        self._tail += rest
        if len(self._tail) > LINE_LIMIT:
            raise StreamEnded(f"Lichess sent a line of more than {LINE_LIMIT} bytes: closed.")


class NdjsonStream:
    """One connection to a stream; `lines` may be iterated once."""

    def __init__(self, session: aiohttp.ClientSession, source: StreamSource) -> None:
        self._session = session
        self._source = source
        self._response: aiohttp.ClientResponse | None = None
        self._opening: asyncio.Timeout | None = None
        self._closed = False
        self._yielded_bytes = 0  # bytes

    @property
    def is_open(self) -> bool:
        """Whether the stream is up, with neither an end nor an error received."""
        if self._response is None or self._closed:
            return False
        content = self._response.content
        return content.exception() is None and not content.is_eof()

    def is_current(self) -> bool:
        """Whether the stream is open and has yielded all received bytes as lines."""
        response = self._response
        return (
            response is not None
            and self.is_open
            and response.content.total_bytes == self._yielded_bytes
        )

    async def open(self) -> None:
        """Opens the connection, which `lines` does otherwise; raises what `lines` raises."""
        self._response = await self._open()

    async def lines(self) -> AsyncGenerator[RawLine, None]:
        """Opens the connection and yields line by line; ends only with an error.

        Raises:
            StreamEnded: the server ended the stream after a whole line, or `close` was called.
            StreamSilent: no bytes came within the silence limit.
            RateLimited, Unauthorized, Refused: Lichess refused to open the stream.
            Unavailable: no connection, or the connection broke.
        """
        response = self._response = self._response or await self._open()
        splitter = LineSplitter()
        try:
            while data := await self._read(response):
                for line in splitter.feed(data):
                    self._yielded_bytes += len(line) + 1
                    yield _parse(line)
        finally:
            response.close()
            self._response = None
        if splitter.has_partial_line:
            raise Unavailable(f"The stream {self._source.path} broke off within a line.")
        raise StreamEnded(f"Lichess ended the stream {self._source.path}.")

    async def close(self) -> None:
        """Ends the stream at once, even while it is opening or another task waits for a line."""
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
        except TRANSPORT_ERRORS as error:
            problem = self._problem(error)
        finally:
            self._opening = None
        raise problem

    async def _request(self) -> aiohttp.ClientResponse:
        source = self._source
        response = await self._session.get(
            URL(source.identity.address(source.path), encoded=True),
            headers={
                **source.identity.headers(source.game_id),
                "Accept": "application/x-ndjson",
                "Accept-Encoding": "identity",  # a compressed line may wait for the next one
            },
            timeout=aiohttp.ClientTimeout(sock_read=source.silence_limit.total_seconds()),
            allow_redirects=False,
        )
        if response.status == HTTPStatus.OK:
            return response
        try:
            answer = await read_response(response)
        finally:
            response.close()
        raise error_for(f"open {source.path}", answer, source.identity)

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        """The next chunk; empty at the end."""
        problem: LichessError
        try:
            return await response.content.readany()
        except aiohttp.SocketTimeoutError:
            limit_s = self._source.silence_limit.total_seconds()
            problem = StreamSilent(f"The stream {self._source.path} was silent for {limit_s:g} s.")
        except TRANSPORT_ERRORS as error:
            problem = self._problem(error)
        raise problem

    def _problem(self, error: BaseException) -> LichessError:
        if self._closed:
            return self._closed_by_us()
        why = describe_error(error, self._source.identity)
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
    return Unexpected(why=f"not a JSON object: {quote(line[:100])}")
