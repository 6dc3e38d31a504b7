"""The aiohttp side: one session per actor, and what its failures are called.

For the streams and for what is posted in a game. Redirects are never followed (the token would
travel along), proxies are looked up once, cookies are not kept.
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

from crabstick.lichess.identity import Login
from crabstick.lichess.responses import BODY_LIMIT, Answer

__all__ = ["LOST", "describe", "open_session", "proxy_for", "read_answer"]

LOST: Final = (
    aiohttp.ClientError,
    HttpProcessingError,  # the other side does not speak HTTP
    h11.RemoteProtocolError,  # the same, in a post of a move
    OSError,  # TimeoutError is one
)
"""What is raised when an exchange did not come to its end."""

_SSL_NOISE = re.compile(r"^\[[A-Z0-9_: ]+\] | \(_ssl\.c:\d+\)$")
_DNS_CACHE_S = 300
_KEEP_ALIVE_S = 60  # Lichess's front end is assumed to close idle connections after 75 s
_CONNECTIONS = 16


def open_session(url: str) -> aiohttp.ClientSession:
    """A session for requests to one server; must be called on a running event loop."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(
            limit=_CONNECTIONS, ttl_dns_cache=_DNS_CACHE_S, keepalive_timeout=_KEEP_ALIVE_S
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        proxy=proxy_for(url),
        skip_auto_headers=("Content-Type",),
    )


async def read_answer(response: aiohttp.ClientResponse) -> Answer:
    """The answer with the beginning of its body; a body that breaks off is as good as none."""
    try:
        body = await _beginning(response.content)
    except LOST:
        body = b""
    return Answer(
        status=response.status, retry_after=response.headers.get("Retry-After"), body=body
    )


def describe(lost: BaseException, login: Login) -> str:
    """Why an exchange failed, in a few words without the token: those of the innermost cause.

    Only the words: the exceptions of HTTP libraries hold the request and so its headers. Whoever
    maps one to an error of ours raises that outside of the `except` block, so that it has no
    `__context__` either.
    """
    cause = _innermost(lost)
    if isinstance(lost, TimeoutError) or isinstance(cause, TimeoutError):
        return "no answer in time"
    where = "the proxy: " if isinstance(lost, aiohttp.ClientProxyConnectionError) else ""
    return login.scrub(where + " ".join(_words(cause).split()))[:200]


def _innermost(error: BaseException) -> BaseException:
    """Where a chain of exceptions began, as far as it is not hidden by `from None`."""
    cause: BaseException | None = error
    while cause is not None:
        error = cause
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return error


def _words(cause: BaseException) -> str:
    if isinstance(cause, ssl.SSLError):
        return "TLS: " + _SSL_NOISE.sub("", cause.strerror or str(cause))
    if isinstance(cause, socket.gaierror):
        return cause.strerror or str(cause)
    if isinstance(cause, OSError) and str(cause):
        known = cause.errno if cause.errno in errno.errorcode else None
        return os.strerror(known) if known else str(cause)  # asyncio's own words do not help
    return f"{type(cause).__name__}: {cause}"


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    while len(body) < BODY_LIMIT:
        data = await content.readany()
        if not data:
            break
        body += data
    return bytes(body[:BODY_LIMIT])


def proxy_for(url: str) -> str | None:
    """The proxy of the environment; aiohttp itself would look, in a thread, for each request."""
    parts = urlsplit(url)
    if proxy_bypass(parts.netloc):
        return None
    return getproxies().get(parts.scheme)
