"""What an HTTP answer of Lichess means: an error of ours for a call, an outcome for a post.

No I/O here. Lichess's refusals are `{"error": "text"}` or `{"error": {"field": ["text"]}}`.
"""

import json
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

from crabstick.errors import LichessError, RateLimited, Refused, Unauthorized, Unavailable
from crabstick.lichess.identity import Login
from crabstick.rules.model import Denied, Limited, Posted, PostOutcome, RefusedPost, Unanswered
from crabstick.rules.retry import Verdict, asked_wait, classify

__all__ = ["BODY_LIMIT", "Answer", "failure", "outcome"]

BODY_LIMIT = 64 * 1024
"""Bytes that are read of an answer that is not a success; the rest is never looked at."""

_WORDS_LIMIT = 200
_DENIALS = (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Status, `Retry-After` header and body (or its beginning) of an HTTP answer."""

    status: int
    retry_after: str | None = None
    body: bytes = b""


def failure(call: str, answer: Answer, login: Login) -> LichessError:
    """The error that a call raises for an answer of status 300 or more.

    Args:
        call: what was asked, as in "Lichess refused to <call>".
        answer: what came back.
        login: whose token must not appear in the message.
    """
    words = _words(answer, login)
    if answer.status in _DENIALS:
        return Unauthorized(_advice(call, words, login))
    verdict = classify(answer.status)
    if verdict is Verdict.COOL_DOWN:
        limited = f"Lichess limits how often we may {call}: {words}"
        return RateLimited(limited, _wait(answer), _key(answer))
    if verdict is Verdict.RETRY:
        return Unavailable(f"Lichess could not {call}: {words}")
    return Refused(f"Lichess refused to {call}: {words}", answer.status)


def outcome(answer: Answer, login: Login) -> PostOutcome:
    """What became of something posted in a game."""
    if answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return Posted()
    words = _words(answer, login)
    if answer.status in _DENIALS:
        return Denied(why=_advice("play", words, login))
    verdict = classify(answer.status)
    if verdict is Verdict.COOL_DOWN:
        return Limited(retry_after=_wait(answer))
    if verdict is Verdict.RETRY:
        return Unanswered(why=words)
    return RefusedPost(why=words)


def _advice(call: str, words: str, login: Login) -> str:
    """One sentence on what to do about a token that is no good."""
    return (
        f"Lichess does not let this token {call} ({words}): create one with the scope bot:play at "
        f"{login.address('/account/oauth/token')} and give it as LICHESS_BOT_TOKEN."
    )


def _wait(answer: Answer) -> timedelta | None:
    return asked_wait(answer.retry_after, _ratelimit(answer).get("seconds"))


def _key(answer: Answer) -> str:
    key = _ratelimit(answer).get("key")
    return key if isinstance(key, str) else ""


def _ratelimit(answer: Answer) -> dict[str, object]:
    limit = _json_field(answer.body, "ratelimit")
    return limit if isinstance(limit, dict) else {}


def _words(answer: Answer, login: Login) -> str:
    """Lichess's own words without line breaks, shortened; the status when it has none."""
    error = _json_field(answer.body, "error")
    if isinstance(error, dict):
        error = "; ".join(f"{key}: {value}" for key, value in list(error.items())[:3])
    if not isinstance(error, str) or not error:
        return f"HTTP status {answer.status}"
    brief = login.scrub(error)[:_WORDS_LIMIT]
    return "".join(c if c.isprintable() else " " for c in brief)


def _json_field(body: bytes, key: str) -> object:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value.get(key) if isinstance(value, dict) else None
