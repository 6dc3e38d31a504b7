"""HTTP as all clients of Lichess share it: identity, session, responses, and errors in our words.

Streams, and all posts of a game except moves, use an aiohttp session: redirects are not followed
(the token would travel along), the proxy is looked up once, cookies are not kept.
"""

import errno
import json
import os
import re
import socket
import ssl
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import Final

import aiohttp
import h11
from aiohttp.http import HttpProcessingError
from pydantic import SecretStr

from crabstick import __version__
from crabstick.errors import LichessError, RateLimited, Refused, Unauthorized, Unavailable
from crabstick.lichess.route import proxy_for, tls_for
from crabstick.rules.lichess_types import GameId
from crabstick.rules.retry import Verdict, asked_wait, classify

BODY_LIMIT = 64 * 1024
"""In bytes; the rest of the body is ignored."""
IDLE_LIMIT_S: Final = 60.0
"""We assume that Lichess's front end closes idle connections after 75 s."""
DENIALS: Final = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)
"""The statuses with which Lichess refuses the token."""
TRANSPORT_ERRORS: Final = (
    aiohttp.ClientError,
    HttpProcessingError,  # the other side does not speak HTTP
    h11.RemoteProtocolError,  # the same, for a move
    OSError,  # TimeoutError is one
)
"""Raised when a request got no complete response."""

_MESSAGE_LIMIT = 200
_SSL_NOISE = re.compile(r"^\[[A-Z0-9_: ]+\] | \(_ssl\.c:\d+\)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Base URL, token and user of all requests of one bot.

    `user` is None until the account's name is known. Lichess refuses (401) a User-Agent that names
    a different user than the token's.
    """

    url: str
    token: SecretStr = field(repr=False)
    user: str | None = None

    def address(self, path: str) -> str:
        """The absolute URL of a path that begins with a slash."""
        return self.url.rstrip("/") + path

    def user_agent(self, game_id: GameId | None = None) -> str:
        """`crabstick/<version> user:<bot> game:<id>`: the same for all requests of one game."""
        parts = [f"crabstick/{__version__}"]
        if self.user is not None:
            parts.append(f"user:{self.user}")
        if game_id is not None:
            parts.append(f"game:{game_id}")
        return " ".join(parts)

    def headers(self, game_id: GameId | None = None) -> dict[str, str]:
        """The headers of a request; secret, because they hold the token."""
        return {
            "Authorization": f"Bearer {self.token.get_secret_value()}",
            "User-Agent": self.user_agent(game_id),
        }

    def redact(self, text: str) -> str:
        """The text with the token replaced."""
        return text.replace(self.token.get_secret_value(), "[token]")

    def token_advice(self, action: str, message: str) -> str:
        """One sentence on how to replace a token that Lichess does not accept."""
        return (
            f"Lichess does not let this token {action} ({message}): `crabstick login`, or make one"
            f" with the scope bot:play at {self.address('/account/oauth/token')} and give it as"
            " LICHESS_BOT_TOKEN."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LichessResponse:
    """Status, `Retry-After` header and start of the body of an HTTP response."""

    status: int
    retry_after: str | None = None
    body: bytes = b""

    @property
    def wait(self) -> timedelta | None:
        """How long Lichess asks us to wait, if it does."""
        return asked_wait(self.retry_after, self._ratelimit().get("seconds"))

    @property
    def limit_key(self) -> str:
        """Lichess's name of the limit that we hit; empty when it names none."""
        key = self._ratelimit().get("key")
        return key if isinstance(key, str) else ""

    def message(self, identity: Identity) -> str:
        """Lichess's error text on one line, shortened; the HTTP status if Lichess sent no text.

        Lichess's errors are `{"error": "text"}` or `{"error": {"field": ["text"]}}`; OAuth's have
        an `error_description`.
        """
        error = self._field("error_description") or self._field("error")
        if isinstance(error, dict):
            error = "; ".join(f"{key}: {value}" for key, value in list(error.items())[:3])
        if not isinstance(error, str) or not error:
            return f"HTTP status {self.status}"
        brief = identity.redact(error)[:_MESSAGE_LIMIT]
        return "".join(c if c.isprintable() else " " for c in brief)

    def _ratelimit(self) -> dict[str, object]:
        limit = self._field("ratelimit")
        return limit if isinstance(limit, dict) else {}

    def _field(self, key: str) -> object:
        try:
            value = json.loads(self.body)
        except (ValueError, RecursionError):
            return None
        return value.get(key) if isinstance(value, dict) else None


def error_for(action: str, response: LichessResponse, identity: Identity) -> LichessError:
    """The error that a call raises for a response with status 300 or more.

    Args:
        action: the call in words, as in "Lichess refused the request to <action>".
        response: the response.
        identity: its token must not appear in the message.
    """
    message = response.message(identity)
    if response.status in DENIALS:
        return Unauthorized(identity.token_advice(action, message))
    verdict = classify(response.status)
    if verdict is Verdict.COOL_DOWN:
        limited = f"Lichess limits how often we may {action}: {message}"
        return RateLimited(limited, response.wait, response.limit_key)
    if verdict is Verdict.RETRY:
        return Unavailable(f"Lichess failed at the request to {action}: {message}")
    return Refused(f"Lichess refused the request to {action}: {message}", response.status)


def open_session(url: str) -> aiohttp.ClientSession:
    """Opens a session for one server; needs a running event loop."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=16, ttl_dns_cache=300, keepalive_timeout=IDLE_LIMIT_S, ssl=tls_for(url) or True
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        proxy=proxy_for(url),
        skip_auto_headers=("Content-Type",),
    )


async def read_response(response: aiohttp.ClientResponse) -> LichessResponse:
    """Reads a response and the start of its body; a broken body counts as empty."""
    body = bytearray()
    try:
        while len(body) < BODY_LIMIT and (data := await response.content.readany()):
            body += data
    except TRANSPORT_ERRORS:
        body.clear()
    return LichessResponse(
        status=response.status,
        retry_after=response.headers.get("Retry-After"),
        body=bytes(body[:BODY_LIMIT]),
    )


def describe_error(error: BaseException, identity: Identity) -> str:
    """Describes the innermost cause of a failed request, without the token.

    The exceptions of HTTP libraries hold the request, and so the token in its headers. Therefore
    raise our own error outside the `except` block, so that it has no `__context__`.
    """
    cause = _innermost(error)
    if isinstance(error, TimeoutError) or isinstance(cause, TimeoutError):
        return "no answer in time"
    where = "the proxy: " if isinstance(error, aiohttp.ClientProxyConnectionError) else ""
    return identity.redact(where + " ".join(_describe_cause(cause).split()))[:200]


def _innermost(error: BaseException) -> BaseException:
    """The first exception of a chain, unless hidden by `from None`."""
    cause: BaseException | None = error
    while cause is not None:
        error = cause
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return error


def _describe_cause(cause: BaseException) -> str:
    if isinstance(cause, ssl.SSLError):
        return "TLS: " + _SSL_NOISE.sub("", cause.strerror or str(cause))
    if isinstance(cause, socket.gaierror):
        return cause.strerror or str(cause)
    if isinstance(cause, OSError) and str(cause):
        known = cause.errno if cause.errno in errno.errorcode else None
        return os.strerror(known) if known else str(cause)  # clearer than asyncio's own text
    return f"{type(cause).__name__}: {cause}"
