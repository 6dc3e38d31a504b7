"""Limits of what clients can ask of the endpoints: which requests, and how many.

No endpoint needs a body, and no honest client needs many answers a second.
"""

import asyncio
import hashlib
import hmac
from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from datetime import timedelta
from typing import Final, Generic, TypeVar

from starlette.responses import JSONResponse

T = TypeVar("T")
Headers = Collection[tuple[bytes, bytes]]
"""As ASGI has them: lower-case names, one entry for each header line."""

MAX_BODY_BYTES: Final = 4096
"""A smaller body is harmless, and is ignored."""
MAX_HEAD_BYTES: Final = 16_384
"""All header lines together."""
MAX_HEADERS: Final = 100
CLOSE: Final = {"connection": "close"}
RETRY: Final = {"retry-after": "1"}


def error_response(
    status: int, error: str, headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """A response that states an error in one sentence."""
    return JSONResponse({"error": error}, status, headers)


def objection(headers: Headers) -> JSONResponse | None:
    """Refuses a request because of its headers; None accepts it.

    A refusal closes the connection, so the body need not be read.
    """
    size = sum(len(name) + len(value) for name, value in headers)
    if size > MAX_HEAD_BYTES or len(headers) > MAX_HEADERS:
        return error_response(431, "the header is too large", CLOSE)
    if any(_announces_large_body(name, value) for name, value in headers):
        return error_response(413, "no endpoint takes a body", CLOSE)
    return None


def _announces_large_body(name: bytes, value: bytes) -> bool:
    """A body of unstated length counts as large."""
    if name == b"content-length":
        has_few_digits = len(value) <= len(str(MAX_BODY_BYTES))  # int() raises for too many
        return not (value.isdigit() and has_few_digits and int(value) <= MAX_BODY_BYTES)
    return name == b"transfer-encoding"


def is_bearer(authorizations: Sequence[str], expected: str) -> bool:
    """Whether there is exactly one authorization, and it is the expected token.

    Compares digests in constant time, so that the time reveals nothing, not even a length.
    """
    scheme, _, given = authorizations[0].partition(" ") if authorizations else ("", "", "")
    digests = (hashlib.sha256(text.encode()).digest() for text in (given, expected))
    fits = hmac.compare_digest(*digests)
    return fits and scheme.lower() == "bearer" and len(authorizations) == 1


class TokenBucket:
    """Lets `burst` requests in at once, and then one in every `interval`."""

    def __init__(self, burst: int, interval: timedelta) -> None:
        self._burst = burst
        self._interval_s = interval.total_seconds()
        self._tokens = float(burst)
        self._updated_s: float | None = None

    def take(self, now_s: float) -> bool:
        """Whether one more request is let in; `now_s` is monotonic."""
        if self._updated_s is not None:
            earned = (now_s - self._updated_s) / self._interval_s
            self._tokens = min(self._tokens + earned, self._burst)
        self._updated_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class SingleFlight(Generic[T]):
    """One fetch for all callers that want the same thing at about the same time.

    Args:
        fetch: returns or raises in bounded time.
        max_age: how long a result, or an error, is reused.
    """

    def __init__(self, fetch: Callable[[], Coroutine[object, None, T]], max_age: timedelta) -> None:
        self._fetch = fetch
        self._max_age_s = max_age.total_seconds()
        self._fetching: asyncio.Task[T] | None = None
        self._fresh_until_s = 0.0

    async def get(self) -> T:
        """The shared result. Cancelling one caller does not cancel the fetch.

        Raises:
            Exception: what `fetch` raised.
        """
        loop = asyncio.get_running_loop()
        if self._fetching is None or (self._fetching.done() and loop.time() > self._fresh_until_s):
            self._fetching = loop.create_task(self._fetch_once())
        return await asyncio.shield(self._fetching)

    async def _fetch_once(self) -> T:
        try:
            return await self._fetch()
        finally:
            self._fresh_until_s = asyncio.get_running_loop().time() + self._max_age_s
