"""The aiohttp session of an actor, and descriptions of its errors.

Streams and game posts use the session. Redirects are not followed (the token would travel along),
the proxy is looked up once, cookies are not kept.
"""

import errno
import os
import re
import socket
import ssl
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
import h11
from aiohttp.http import HttpProcessingError

from crabstick.lichess.identity import Identity
from crabstick.lichess.responses import BODY_LIMIT, LichessResponse

TRANSPORT_ERRORS: Final = (
    aiohttp.ClientError,
    HttpProcessingError,  # the other side does not speak HTTP
    h11.RemoteProtocolError,  # the same, for a move
    OSError,  # TimeoutError is one
)
"""Raised when a request got no complete response."""

_SSL_NOISE = re.compile(r"^\[[A-Z0-9_: ]+\] | \(_ssl\.c:\d+\)$")
_DNS_CACHE_S = 300
_KEEP_ALIVE_S = 60  # we assume that Lichess's front end closes idle connections after 75 s
_CONNECTIONS = 16


def open_session(url: str) -> aiohttp.ClientSession:
    """Opens a session for one server; needs a running event loop."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=_CONNECTIONS, ttl_dns_cache=_DNS_CACHE_S, keepalive_timeout=_KEEP_ALIVE_S
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        proxy=proxy_for(url),
        skip_auto_headers=("Content-Type",),
    )


async def read_response(response: aiohttp.ClientResponse) -> LichessResponse:
    """Reads a response and the start of its body; a broken body counts as empty."""
    try:
        body = await _read_start(response.content)
    except TRANSPORT_ERRORS:
        body = b""
    return LichessResponse(
        status=response.status, retry_after=response.headers.get("Retry-After"), body=body
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


async def _read_start(content: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    while len(body) < BODY_LIMIT:
        data = await content.readany()
        if not data:
            break
        body += data
    return bytes(body[:BODY_LIMIT])


def proxy_for(url: str) -> str | None:
    """The proxy from the environment; aiohttp would look it up, in a thread, for each request."""
    parts = urlsplit(url)
    if proxy_bypass(parts.netloc):
        return None
    return getproxies().get(parts.scheme)
