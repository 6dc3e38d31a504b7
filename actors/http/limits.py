"""What the HTTP endpoints take from whom: no I/O here, and no clock.

None of them needs a body, and nobody needs many answers a second.
"""

import hashlib
import hmac
import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

__all__ = [
    "LARGEST_BODY",
    "LARGEST_HEAD",
    "MOST_HEADERS",
    "TOO_MANY",
    "Answer",
    "Headers",
    "TokenBucket",
    "error_answer",
    "is_bearer",
    "objection",
]

Headers = Collection[tuple[bytes, bytes]]
"""As ASGI has them: names in lower case, as often as they were sent."""

LARGEST_BODY: Final = 4096
"""Bytes; a small body does no harm, and is ignored."""
LARGEST_HEAD: Final = 16_384
"""Bytes, of all header lines together."""
MOST_HEADERS: Final = 100
_JSON: Final = (b"content-type", b"application/json")
_CLOSE: Final = (b"connection", b"close")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole HTTP answer."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = (_JSON,)
    """All but the body's length."""


def error_answer(status: int, error: str, *headers: tuple[bytes, bytes]) -> Answer:
    """An answer that says in one sentence what is wrong."""
    body = json.dumps({"error": error}).encode()
    return Answer(status=status, body=body, headers=(_JSON, *headers))


TOO_MANY: Final = error_answer(
    503, "too many requests: try again in a second", (b"retry-after", b"1")
)


def objection(headers: Headers) -> Answer | None:
    """Why a request is refused by its head alone; None when it is not.

    The connection is closed behind a refusal, so nobody has to read a body to its end.
    """
    size = sum(len(name) + len(value) for name, value in headers)
    if size > LARGEST_HEAD or len(headers) > MOST_HEADERS:
        return error_answer(431, "the header is too large", _CLOSE)
    if any(_announces_large(name, value) for name, value in headers):
        return error_answer(413, "no endpoint takes a body", _CLOSE)
    return None


def _announces_large(name: bytes, value: bytes) -> bool:
    """A body of no stated length is as good as an endless one."""
    if name == b"content-length":
        return not value.isdigit() or len(value) > len(str(LARGEST_BODY)) or _exceeds(value)
    return name == b"transfer-encoding"


def _exceeds(digits: bytes) -> bool:
    return int(digits) > LARGEST_BODY


def is_bearer(authorizations: Sequence[str], expected: str) -> bool:
    """Whether there is one authorization, and it is this token.

    Digests are compared, so the time tells nothing, not even a length.
    """
    scheme, _, given = authorizations[0].partition(" ") if authorizations else ("", "", "")
    digests = (hashlib.sha256(text.encode()).digest() for text in (given, expected))
    fits = hmac.compare_digest(*digests)
    return fits and scheme.lower() == "bearer" and len(authorizations) == 1


class TokenBucket:
    """How many requests are let in: `burst` at once, and then one in every `interval`."""

    def __init__(self, burst: int, interval: timedelta) -> None:
        self._burst = burst
        self._interval_s = interval.total_seconds()
        self._left = float(burst)
        self._seen_s: float | None = None

    def take(self, now_s: float) -> bool:
        """Whether one more is let in; `now_s` is monotonic."""
        if self._seen_s is not None:
            earned = (now_s - self._seen_s) / self._interval_s
            self._left = min(self._left + earned, self._burst)
        self._seen_s = now_s
        if self._left < 1:
            return False
        self._left -= 1
        return True
