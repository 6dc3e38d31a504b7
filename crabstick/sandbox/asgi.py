"""Requests and replies over ASGI: short replies in one go, and streams of lines.

Short replies take as few steps as possible, because each move waits for one.
"""

import asyncio
import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias, cast
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from crabstick.sandbox.accounts import Bearer, SandboxAccount
from crabstick.sandbox.errors import Json, api_error
from crabstick.sandbox.lichess_json import encode
from crabstick.sandbox.streams import Hub, Stream

Headers: TypeAlias = tuple[tuple[bytes, bytes], ...]

_JSON = b"application/json"
_NDJSON = b"application/x-ndjson"
_CORS: Headers = ((b"access-control-allow-origin", b"*"),)
_EXTENSION = "crabstick.connection"
_LINGER_NOT = struct.pack("ii", 1, 0)
_LONGEST_BODY_BYTES = 65_536


class Connection(HttpToolsProtocol):
    """A connection that its requests can abort: they find it in their `extensions`."""

    def on_message_begin(self) -> None:
        """Begins a request."""
        super().on_message_begin()
        self.scope["extensions"] = {_EXTENSION: cast("dict[object, object]", self)}

    def abort(self, *, reset: bool) -> None:
        """Closes the connection without writing anything more, optionally with a TCP reset."""
        if reset:
            raw = self.transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self.transport.abort()


@dataclass(frozen=True)
class Call:
    """A request that passed authorization."""

    received_ms: float
    scope: Scope
    headers: Mapping[bytes, bytes]
    body: bytes
    bearer: Bearer | None

    @property
    def params(self) -> Mapping[str, str]:
        """Path parameters: `game`, `move`, `user`, `challenge`, ..."""
        params: dict[str, str] = self.scope["path_params"]
        return params

    @property
    def user_agent(self) -> str:
        """The User-Agent, or an empty string."""
        return self.headers.get(b"user-agent", b"").decode("latin-1")

    @property
    def who(self) -> Bearer:
        """The bearer, for endpoints that require one."""
        if self.bearer is None:
            raise api_error("Missing authorization header", 401)
        return self.bearer

    @property
    def account(self) -> SandboxAccount:
        """The bearer's account."""
        return self.who.account

    @cached_property
    def query(self) -> Mapping[str, str]:
        """The query parameters."""
        return _pairs(self.scope["query_string"])

    @cached_property
    def form(self) -> Mapping[str, str]:
        """The form in the body; a flat JSON object works too.

        Raises:
            ApiError: the body is neither a form nor JSON.
        """
        if self.headers.get(b"content-type", b"").startswith(_JSON):
            return _flat(self.body)
        return _pairs(self.body)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A complete reply."""

    status: int = 200
    body: bytes = b'{"ok":true}'
    content_type: bytes = _JSON
    headers: Headers = ()

    async def send(self, _scope: Scope, _receive: Receive, send: Send, more: Headers) -> None:
        """Sends the reply, with `more` headers."""
        length = (b"content-length", str(len(self.body)).encode())
        head = [(b"content-type", self.content_type), length, *_CORS, *self.headers, *more]
        await send({"type": "http.response.start", "status": self.status, "headers": head})
        await send({"type": "http.response.body", "body": self.body})

    @staticmethod
    def of(value: Json, status: int = 200, headers: Headers = ()) -> "Reply":
        """A JSON reply."""
        return Reply(status=status, body=encode(value), headers=headers)


OK = Reply()
"""The reply to a successful command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamReply:
    """A reply that goes on until its stream ends or the client disconnects."""

    stream: Stream
    hub: Hub
    status = 200

    async def send(self, scope: Scope, receive: Receive, send: Send, more: Headers) -> None:
        """Sends the headers at once, then each line as it comes."""
        left = asyncio.create_task(wait_disconnect(receive))
        left.add_done_callback(lambda _: self.stream.end("left"))
        head = [(b"content-type", _NDJSON), *_CORS, *more]
        try:
            await send({"type": "http.response.start", "status": 200, "headers": head})
            await self._write_lines(send, left)
            if self.stream.is_reset:
                await drop(scope, left, reset=True)
            elif not left.done():
                await send({"type": "http.response.body"})
        finally:
            left.cancel()
            self.hub.close(self.stream)

    async def _write_lines(self, send: Send, left: asyncio.Task[None]) -> None:
        stream = self.stream
        while not left.done():
            lines = stream.take()
            if lines and not stream.is_reset:
                body = b"".join(line.text + b"\n" for line in lines)
                await send({"type": "http.response.body", "body": body, "more_body": True})
                reader = stream.reader
                if reader.game is not None:
                    shown = max(line.ply for line in lines)
                    reader.game.record_written(reader.color, shown, self.hub.now_ms())
            elif stream.is_over(self.hub.now_ms()):
                return
            else:
                await stream.wait()


AnyReply: TypeAlias = Reply | StreamReply


async def drop(scope: Scope, left: asyncio.Task[None], *, reset: bool) -> None:
    """Aborts the connection of a request, and waits until the server has noticed."""
    scope["extensions"][_EXTENSION].abort(reset=reset)
    await left


async def read_body(headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
    """Reads the body of a request, if there is one.

    Raises:
        ApiError: the body is longer than 64 KiB.
    """
    if headers.get(b"content-length", b"0") == b"0" and b"transfer-encoding" not in headers:
        return b""
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if len(body) > _LONGEST_BODY_BYTES:
            raise api_error("Request body too large", 413)
        if not message.get("more_body", False):
            return body


async def wait_disconnect(receive: Receive) -> None:
    """Waits until the client has disconnected, or the reply is complete."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _pairs(text: bytes) -> dict[str, str]:
    if not text:
        return {}
    try:
        return dict(parse_qsl(text.decode(), keep_blank_values=True))
    except ValueError:
        raise api_error("The form cannot be read") from None


def _flat(body: bytes) -> dict[str, str]:
    try:
        fields = json.loads(body or b"{}")
    except ValueError:
        raise api_error("The JSON cannot be read") from None
    if not isinstance(fields, dict):
        raise api_error("The JSON must be an object")
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in fields.items()
        if value is not None
    }
