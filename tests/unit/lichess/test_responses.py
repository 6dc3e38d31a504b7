import json
import pickle
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from crabstick.errors import LichessError, RateLimited, Refused, Unauthorized, Unavailable
from crabstick.lichess.identity import Identity
from crabstick.lichess.responses import LichessResponse, error_for, post_outcome
from crabstick.rules.model import Denied, Limited, RefusedPost, Unanswered

TOKEN = "lip_verysecret"  # noqa: S105 - a made-up one
IDENTITY = Identity(url="https://lichess.example/", token=SecretStr(TOKEN), user="crabby")
statuses = st.integers(min_value=300, max_value=599)


def saying(status: int, body: object, retry_after: str | None = None) -> LichessResponse:
    return LichessResponse(status=status, retry_after=retry_after, body=json.dumps(body).encode())


def test_an_error_names_the_call_and_the_text_of_lichess() -> None:
    error = error_for("accept it", saying(400, {"error": "It was canceled."}), IDENTITY)
    assert str(error) == "Lichess refused to accept it: It was canceled."
    assert isinstance(error, Refused)


def test_a_form_error_names_the_fields() -> None:
    error = error_for("challenge", saying(400, {"error": {"clock": ["Invalid clock"]}}), IDENTITY)
    assert "clock: ['Invalid clock']" in str(error)


def test_a_body_that_is_not_json_leaves_the_status() -> None:
    error = error_for("ask", LichessResponse(status=502, body=b"<html>"), IDENTITY)
    assert str(error) == "Lichess could not ask: HTTP status 502"


def test_a_denied_token_comes_with_the_address_where_to_make_another() -> None:
    error = error_for("play", saying(403, {"error": "Missing scope: bot:play"}), IDENTITY)
    assert isinstance(error, Unauthorized)
    assert "https://lichess.example/account/oauth/token" in str(error)


def test_a_limit_keeps_what_lichess_asked() -> None:
    error = error_for("ask", saying(429, {"ratelimit": {"seconds": 5}}, "9"), IDENTITY)
    assert isinstance(error, RateLimited)
    assert error.retry_after == timedelta(seconds=9)


@given(statuses, st.binary(max_size=60))
def test_every_failure_is_an_error_and_an_outcome_of_ours(status: int, body: bytes) -> None:
    answer = LichessResponse(status=status, body=body)
    assert isinstance(error_for("ask", answer, IDENTITY), LichessError)
    assert isinstance(post_outcome(answer, IDENTITY), RefusedPost | Unanswered | Limited | Denied)


@given(statuses)
def test_call_and_post_agree_on_a_status(status: int) -> None:
    pairs = {
        Refused: RefusedPost,
        Unavailable: Unanswered,
        RateLimited: Limited,
        Unauthorized: Denied,
    }
    answer = LichessResponse(status=status)
    assert pairs[type(error_for("ask", answer, IDENTITY))] is type(post_outcome(answer, IDENTITY))


@given(statuses, st.text(max_size=300))
def test_no_message_is_long_or_unprintable_or_holds_the_token(status: int, text: str) -> None:
    error = error_for("ask", saying(status, {"error": f"{text}{TOKEN}{text}"}), IDENTITY)
    assert TOKEN not in repr(error)
    assert str(error).isprintable()
    assert len(str(error)) <= 450


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_an_error_travels_to_another_process(status: int) -> None:
    error = error_for("ask", saying(status, {"error": "no"}), IDENTITY)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))
