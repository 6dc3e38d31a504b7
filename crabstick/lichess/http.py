"""The aiohttp side: one session per actor, and what its failures are called.

For the streams and for what is posted in a game. Redirects are never followed (the token would
travel along), proxies are looked up once, cookies are not kept.
"""

from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp
from aiohttp.http import HttpProcessingError

from crabstick.lichess.answers import BODY_LIMIT, Answer
from crabstick.lichess.login import Login

__all__ = ["LOST", "describe", "open_session", "read_answer"]

LOST: Final = (
    aiohttp.ClientError,
    HttpProcessingError,  # the other side does not speak HTTP
    OSError,  # TimeoutError is one
)
"""What aiohttp raises when an exchange did not come to its end."""

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
        proxy=_proxy_for(url),
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
    """Why an exchange failed, in a few words without the token.

    Only the words: the exceptions of HTTP libraries hold the request and so its headers. Whoever
    maps one to an error of ours raises that outside of the `except` block, so that it has no
    `__context__` either.
    """
    if isinstance(lost, TimeoutError):
        return "no answer in time"
    return login.scrub(f"{type(lost).__name__}: {lost}")[:200]


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    body = bytearray()
    while len(body) < BODY_LIMIT:
        data = await content.readany()
        if not data:
            break
        body += data
    return bytes(body[:BODY_LIMIT])


def _proxy_for(url: str) -> str | None:
    """The proxy of the environment; aiohttp itself would look, in a thread, for each request."""
    parts = urlsplit(url)
    if proxy_bypass(parts.netloc):
        return None
    return getproxies().get(parts.scheme)
