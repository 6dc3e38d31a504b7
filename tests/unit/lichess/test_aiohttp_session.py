import errno
import socket
import ssl
from itertools import pairwise

import aiohttp
import pytest
from pydantic import SecretStr

from crabstick.lichess.aiohttp_session import describe_error, open_session
from crabstick.lichess.identity import Identity

IDENTITY = Identity(url="https://lichess.org", token=SecretStr("lip_secret"))


@pytest.fixture(autouse=True)
def without_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


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


def test_a_suppressed_cause_is_not_described() -> None:
    error = ValueError("outside")
    error.__context__ = KeyError("inside")
    assert describe_error(error, IDENTITY) == "KeyError: 'inside'"
    error.__suppress_context__ = True
    assert describe_error(error, IDENTITY) == "ValueError: outside"


def test_a_description_is_short_and_without_the_token() -> None:
    description = describe_error(ValueError("x" * 190 + "lip_secret"), IDENTITY)
    assert "lip_se" not in description
    assert len(description) <= 200
