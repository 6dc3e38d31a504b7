import errno
import json
import pickle
import socket
import ssl
from datetime import timedelta
from itertools import pairwise

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from crabstick import __version__
from crabstick.errors import LichessError, RateLimited, Refused, Unauthorized, Unavailable
from crabstick.lichess.game_client import post_outcome
from crabstick.lichess.http import (
    Identity,
    LichessResponse,
    describe_error,
    error_for,
    open_session,
)
from crabstick.rules.lichess_types import Denied, GameId, Limited, RefusedPost, Unanswered

TOKEN = "lip_secret"  # noqa: S105 - a made-up one
IDENTITY = Identity(url="https://lichess.example/", token=SecretStr(TOKEN), user="crabby")
statuses = st.integers(min_value=300, max_value=599)


def saying(status: int, body: object, retry_after: str | None = None) -> LichessResponse:
    return LichessResponse(status=status, retry_after=retry_after, body=json.dumps(body).encode())


def test_an_error_names_the_call_and_the_text_of_lichess() -> None:
    error = error_for("accept it", saying(400, {"error": "It was canceled."}), IDENTITY)
    assert str(error) == "Lichess refused the request to accept it: It was canceled."
    assert isinstance(error, Refused)


def test_a_form_error_names_the_fields() -> None:
    error = error_for("challenge", saying(400, {"error": {"clock": ["Invalid clock"]}}), IDENTITY)
    assert "clock: ['Invalid clock']" in str(error)


def test_a_body_that_is_not_json_leaves_the_status() -> None:
    error = error_for("ask", LichessResponse(status=502, body=b"<html>"), IDENTITY)
    assert str(error) == "Lichess failed at the request to ask: HTTP status 502"


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


def test_the_user_agent_names_the_program_the_bot_and_the_game() -> None:
    agents = [IDENTITY.user_agent(), IDENTITY.user_agent(GameId("abcdefgh"))]
    assert agents == [
        f"crabstick/{__version__} user:crabby",
        f"crabstick/{__version__} user:crabby game:abcdefgh",
    ]


def test_an_identity_does_not_show_its_token() -> None:
    assert "lip_secret" not in f"{IDENTITY} {IDENTITY!r}"


def test_redacting_replaces_the_token() -> None:
    assert IDENTITY.redact("Bearer lip_secret!") == "Bearer [token]!"


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"https_proxy": "http://proxy:3128"}, "http://proxy:3128"),
        ({"http_proxy": "http://proxy:3128"}, None),
        ({"https_proxy": "http://proxy:3128", "no_proxy": "lichess.org"}, None),
    ],
)
async def test_a_session_uses_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], proxy: str | None
) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    async with open_session("https://lichess.org") as session:
        used = session._default_proxy
    assert (str(used) if used else None) == proxy


def test_a_timeout_is_described() -> None:
    assert describe_error(TimeoutError(), IDENTITY) == "no answer in time"


def raised(*chain: Exception) -> Exception:
    """The last one of the chain, each raised from the one before it."""
    for cause, error in pairwise(chain):
        error.__cause__ = cause
    return chain[-1]


REFUSED = ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed ('127.0.0.1', 9)")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (raised(REFUSED, OSError("Max retries exceeded")), "Connection refused"),
        (
            raised(socket.gaierror(-2, "Name or service not known"), ValueError("pool")),
            "Name or service not known",
        ),
        (
            raised(
                ssl.SSLError(1, "[SSL: BAD] certificate verify failed (_ssl.c:1006)"), OSError()
            ),
            "TLS: certificate verify failed",
        ),
        (raised(TimeoutError("timed out"), OSError("Max retries exceeded")), "no answer in time"),
        (ConnectionResetError("Remote end closed connection"), "Remote end closed connection"),
        (aiohttp.ServerDisconnectedError(), "ServerDisconnectedError: Server disconnected"),
        (ValueError("Bad status line:\n  'SSH'"), "ValueError: Bad status line: 'SSH'"),
        (OSError(), "OSError:"),
    ],
)
def test_the_innermost_cause_of_a_chain_is_described(error: Exception, message: str) -> None:
    assert describe_error(error, IDENTITY) == message


def test_a_description_is_short_and_without_the_token() -> None:
    description = describe_error(ValueError("x" * 190 + "lip_secret"), IDENTITY)
    assert "lip_se" not in description
    assert len(description) <= 200
