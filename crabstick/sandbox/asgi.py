"""Requests and replies in ASGI's terms: a short reply in one go, and a stream of lines.

Small replies are written with as few steps as possible, for one lies in the path of each move.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Protocol, TypeAlias
from urllib.parse import parse_qsl

from starlette.types import Message, Receive, Scope, Send

from crabstick.sandbox.accounts import Bearer
from crabstick.sandbox.errors import Json, Refusal, refused
from crabstick.sandbox.render import encode
from crabstick.sandbox.streams import Hub, Stream

__all__ = [
    "OK",
    "AnyReply",
    "Call",
    "Connection",
    "Headers",
    "Reply",
    "StreamReply",
    "drop",
    "read_body",
    "wait_disconnect",
]

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]

_JSON = b"application/json"
_NDJSON = b"application/x-ndjson"
_CORS: Headers = ((b"access-control-allow-origin", b"*"),)
_LONGEST_BODY_BYTES = 65_536


class Connection(Protocol):
    """What the server offers under `extensions` of a scope: to tear the connection."""

    def tear(self, *, reset: bool) -> None:
        """Close at once without writing anything more; with a TCP reset if wanted."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request that was let in."""

    received_ms: float
    headers: Mapping[bytes, bytes]
    params: Mapping[str, str]
    """What the path says: `game`, `move`, `user`, `challenge`, ..."""
    query_text: bytes
    body: bytes
    bearer: Bearer | None

    @property
    def user_agent(self) -> str:
        """The User-Agent, or nothing."""
        return self.headers.get(b"user-agent", b"").decode("latin-1")

    @property
    def who(self) -> Bearer:
        """The bearer, where the endpoint demands one."""
        if self.bearer is None:
            raise refused("Missing authorization header", 401)
        return self.bearer

    @cached_property
    def query(self) -> Mapping[str, str]:
        """The parameters after `?`."""
        return _pairs(self.query_text)

    @cached_property
    def form(self) -> Mapping[str, str]:
        """The body as a form; JSON with the same flat names works too.

        Raises:
            Refusal: the body is neither.
        """
        if self.headers.get(b"content-type", b"").startswith(_JSON):
            return _flat(self.body)
        return _pairs(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A whole answer."""

    status: int = 200
    body: bytes = b'{"ok":true}'
    content_type: bytes = _JSON
    headers: Headers = ()

    async def send(self, _scope: Scope, _receive: Receive, send: Send, more: Headers) -> None:
        """Write it out, with `more` headers."""
        head = [
            (b"content-type", self.content_type),
            (b"content-length", str(len(self.body)).encode()),
            *_CORS,
            *self.headers,
            *more,
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": head})
        await send({"type": "http.response.body", "body": self.body})

    @staticmethod
    def of(value: Json, status: int = 200) -> "Reply":
        """Answer with JSON."""
        return Reply(status=status, body=encode(value))

    @staticmethod
    def refusing(refusal: Refusal) -> "Reply":
        """Answer with a refusal."""
        return Reply.of(refusal.body, refusal.status)

    @staticmethod
    def failing(status: int, headers: Headers = ()) -> "Reply":
        """Answer as a broken server, or one in front of it, does: with a line of HTML."""
        page = f"<h1>{status} {HTTPStatus(status).phrase}</h1>\n".encode()
        return Reply(status=status, body=page, content_type=b"text/html", headers=headers)


OK = Reply()
"""The success of every command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamReply:
    """An answer that goes on until its stream ends or the reader leaves."""

    stream: Stream
    hub: Hub
    now_ms: Callable[[], float]
    status: int = field(default=200, init=False)

    async def send(self, scope: Scope, receive: Receive, send: Send, more: Headers) -> None:
        """Write the headers at once, then each line as it comes."""
        left = asyncio.create_task(wait_disconnect(receive))
        left.add_done_callback(lambda _: self.stream.end("left"))
        head = [(b"content-type", _NDJSON), *_CORS, *more]
        try:
            await send({"type": "http.response.start", "status": 200, "headers": head})
            await self._write_lines(send, left)
            if self.stream.is_reset:
                await drop(scope, left, reset=True)
            elif not left.done():
                await send(_chunk(b"", more=False))
        finally:
            left.cancel()
            self.hub.close(self.stream)

    async def _write_lines(self, send: Send, left: asyncio.Task[None]) -> None:
        stream = self.stream
        while not left.done():
            lines = stream.take()
            if lines and not stream.is_reset:
                await send(_chunk(b"".join(line.text + b"\n" for line in lines), more=True))
                reader = stream.reader
                if reader.game is not None:
                    shown = max(line.ply for line in lines)
                    reader.game.note_written(reader.color, shown, self.now_ms())
            elif stream.is_over(self.now_ms()):
                return
            else:
                await stream.wait()


AnyReply: TypeAlias = Reply | StreamReply


async def drop(scope: Scope, left: asyncio.Task[None], *, reset: bool) -> None:
    """Tear the connection of a request and wait until the server has noticed."""
    connection: Connection | None = scope.get("extensions", {}).get("crabstick.connection")
    if connection is not None:
        connection.tear(reset=reset)
        await left


async def read_body(headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
    """Read the body of a request that has one.

    Raises:
        Refusal: it is longer than 64 KiB.
    """
    if headers.get(b"content-length", b"0") == b"0" and b"transfer-encoding" not in headers:
        return b""
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if len(body) > _LONGEST_BODY_BYTES:
            raise refused("Request body too large", 413)
        if not message.get("more_body", False):
            return body


async def wait_disconnect(receive: Receive) -> None:
    """Wait until the client has hung up (or the answer is complete)."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _chunk(body: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": body, "more_body": more}


def _pairs(text: bytes) -> dict[str, str]:
    if not text:
        return {}
    try:
        return dict(parse_qsl(text.decode(), keep_blank_values=True))
    except ValueError:
        raise refused("The form cannot be read") from None


def _flat(body: bytes) -> dict[str, str]:
    try:
        fields = json.loads(body or b"{}")
    except ValueError:
        raise refused("The JSON cannot be read") from None
    if not isinstance(fields, dict):
        raise refused("The JSON must be an object")
    return {str(key): _word(value) for key, value in fields.items() if value is not None}


def _word(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
