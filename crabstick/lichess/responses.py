"""Maps a response of Lichess to our error (for a call) or to a `PostOutcome` (for a post).

No I/O here. Lichess's errors are `{"error": "text"}` or `{"error": {"field": ["text"]}}`.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from crabstick.errors import LichessError, RateLimited, Refused, Unauthorized, Unavailable
from crabstick.lichess.identity import Identity
from crabstick.rules.lichess_types import (
    Denied,
    Limited,
    Posted,
    PostOutcome,
    RefusedPost,
    Unanswered,
)
from crabstick.rules.retry import Verdict, asked_wait, classify

BODY_LIMIT = 64 * 1024
"""In bytes; the rest of the body is not read."""

_MESSAGE_LIMIT = 200
_DENIALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class LichessResponse:
    """Status, `Retry-After` header and start of the body of an HTTP response."""

    status: int
    retry_after: str | None = None
    body: bytes = b""


def error_for(action: str, response: LichessResponse, identity: Identity) -> LichessError:
    """The error that a call raises for a response with status 300 or more.

    Args:
        action: the call in words, as in "Lichess refused to <action>".
        response: the response.
        identity: its token must not appear in the message.
    """
    message = _message(response, identity)
    if response.status in _DENIALS:
        return Unauthorized(_advice(action, message, identity))
    verdict = classify(response.status)
    if verdict is Verdict.COOL_DOWN:
        limited = f"Lichess limits how often we may {action}: {message}"
        return RateLimited(limited, _wait(response), _key(response))
    if verdict is Verdict.RETRY:
        return Unavailable(f"Lichess could not {action}: {message}")
    return Refused(f"Lichess refused to {action}: {message}", response.status)


def post_outcome(response: LichessResponse, identity: Identity) -> PostOutcome:
    """The outcome of a post in a game."""
    if response.status < HTTPStatus.MULTIPLE_CHOICES:
        return Posted()
    message = _message(response, identity)
    if response.status in _DENIALS:
        return Denied(why=_advice("play", message, identity))
    verdict = classify(response.status)
    if verdict is Verdict.COOL_DOWN:
        return Limited(retry_after=_wait(response))
    if verdict is Verdict.RETRY:
        return Unanswered(why=message)
    return RefusedPost(why=message)


def _advice(action: str, message: str, identity: Identity) -> str:
    """One sentence on how to replace a token that Lichess does not accept."""
    return (
        f"Lichess does not let this token {action} ({message}): create one with the scope bot:play"
        f" at {identity.address('/account/oauth/token')} and give it as LICHESS_BOT_TOKEN."
    )


def _wait(response: LichessResponse) -> timedelta | None:
    return asked_wait(response.retry_after, _ratelimit(response).get("seconds"))


def _key(response: LichessResponse) -> str:
    key = _ratelimit(response).get("key")
    return key if isinstance(key, str) else ""


def _ratelimit(response: LichessResponse) -> dict[str, object]:
    limit = _json_field(response.body, "ratelimit")
    return limit if isinstance(limit, dict) else {}


def _message(response: LichessResponse, identity: Identity) -> str:
    """Lichess's error text on one line, shortened; the status when there is no text."""
    error = _json_field(response.body, "error")
    if isinstance(error, dict):
        error = "; ".join(f"{key}: {value}" for key, value in list(error.items())[:3])
    if not isinstance(error, str) or not error:
        return f"HTTP status {response.status}"
    brief = identity.redact(error)[:_MESSAGE_LIMIT]
    return "".join(c if c.isprintable() else " " for c in brief)


def _json_field(body: bytes, key: str) -> object:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value.get(key) if isinstance(value, dict) else None
