"""The account's calls through berserk, against a server that misbehaves."""

import asyncio
import logging
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta

import pytest
import stamina
from pydantic import SecretStr

from crabstick.errors import LichessError, RateLimited, Refused, Unauthorized, Unavailable
from crabstick.lichess.account_client import ANSWER_LIMIT, BerserkLichess, CallLimits
from crabstick.lichess.http import Identity
from crabstick.rules.lichess_types import Account, GameId
from tests.contract.lichess.tiny_server import Exchange, Script, TinyServer, chain, serving

TOKEN = "lip_verysecret"  # noqa: S105 - a made-up one
GAME = GameId("abcdefgh")
SOON = timedelta(milliseconds=200)
BRIEF = CallLimits(connect=SOON, silence=SOON, body=SOON, call=SOON * 5)

Ask = Callable[[BerserkLichess], Awaitable[object]]
CALLS: dict[str, Ask] = {
    "GET /api/account": lambda port: port.account(),
    "GET /api/account/playing?nb=50": lambda port: port.playing(),
    "POST /api/token/test": lambda port: port.token_scopes(),
    "POST /api/challenge/abcdefgh/accept": lambda port: port.accept(GAME),
    "POST /api/challenge/abcdefgh/decline": lambda port: port.decline(GAME, "tooSlow"),
    "POST /api/bot/account/upgrade": lambda port: port.upgrade_account(),
    "DELETE /api/token": lambda port: port.revoke_token(),
}
every_call = pytest.mark.parametrize("ask", CALLS.values(), ids=list(CALLS))


@pytest.fixture(autouse=True)
def without_pauses() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3):
        yield


@asynccontextmanager
async def a_port(script: Script) -> AsyncGenerator[tuple[BerserkLichess, TinyServer], None]:
    async with serving(script) as server:
        identity = Identity(url=server.url, token=SecretStr(TOKEN), user="crabby")
        port = BerserkLichess(identity, limits=BRIEF)
        try:
            yield port, server
        finally:
            await port.close()


def answering(status: int, body: object, **headers: str) -> Script:
    async def script(exchange: Exchange) -> None:
        await exchange.respond(status, body, **headers)

    return script


@pytest.mark.parametrize("path", CALLS)
async def test_each_call_has_its_path_names_the_bot_and_carries_the_token(path: str) -> None:
    async with a_port(answering(200, {"username": "crabby", "nowPlaying": []})) as (port, server):
        await CALLS[path](port)
    headers = server.requests[0].headers
    assert server.paths == [path]
    assert headers["user-agent"].endswith(" user:crabby")
    assert headers["authorization"] == f"Bearer {TOKEN}"


async def test_a_decline_carries_its_reason() -> None:
    async with a_port(answering(200, {"ok": True})) as (port, server):
        await port.decline(GAME, "tooSlow")
    assert b"tooSlow" in server.requests[0].body


async def test_the_token_test_returns_the_scopes() -> None:
    body = {TOKEN: {"userId": "crabby", "scopes": "bot:play,challenge:write", "expires": None}}
    async with a_port(answering(200, body)) as (port, server):
        assert await port.token_scopes() == {"bot:play", "challenge:write"}
    assert server.requests[0].body == TOKEN.encode()


async def test_a_code_is_traded_once_and_without_a_token() -> None:
    async with a_port(answering(200, {"access_token": "lio_new"})) as (port, server):
        got = await port.trade_code({"code": "liu_1", "code_verifier": "a b"})
    (request,) = server.requests
    assert (got.get_secret_value(), server.paths) == ("lio_new", ["POST /api/token"])
    assert request.body == b"code=liu_1&code_verifier=a+b"
    assert "authorization" not in request.headers
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    async with a_port(answering(503, b"")) as (port, server):
        with pytest.raises(Unavailable):
            await port.trade_code({"code": "liu_1"})
    assert len(server.requests) == 1


@pytest.mark.parametrize("body", [b"<html>", b"{}", b"[]", b'"x"'])
async def test_an_answer_without_a_token_is_unavailable(body: bytes) -> None:
    async with a_port(answering(200, body)) as (port, _):
        with pytest.raises(Unavailable, match="request to log in"):
            await port.trade_code({"code": "liu_1"})


async def test_a_refused_code_is_explained_in_lichess_words() -> None:
    said = {"error": "invalid_grant", "error_description": "authorization code expired"}
    async with a_port(answering(400, said)) as (port, _):
        with pytest.raises(Refused, match=r"log in: authorization code expired$"):
            await port.trade_code({"code": "liu_1"})


async def test_trouble_on_the_way_is_tried_again() -> None:
    async def script(exchange: Exchange) -> None:
        if exchange.connection == 1:
            exchange.reset()
        elif exchange.connection == 2:
            await exchange.respond(502, b"<html>bad gateway</html>")
            exchange.hang_up()
        else:
            await exchange.respond(200, {"username": "crabby", "title": "BOT"})

    async with a_port(script) as (port, server):
        assert await port.account() == Account(name="crabby", title="BOT")
    assert len(server.requests) == 3


@every_call
async def test_lasting_trouble_is_unavailable_after_three_tries(ask: Ask) -> None:
    async with a_port(answering(503, {"error": "maintenance"})) as (port, server):
        with pytest.raises(Unavailable, match="maintenance"):
            await ask(port)
    assert len(server.requests) == 3


@every_call
async def test_a_rate_limit_is_raised_at_once(ask: Ask) -> None:
    limit = {"error": "slow down", "ratelimit": {"key": "bot.vsBot.day", "seconds": 99}}
    async with a_port(answering(429, limit)) as (port, server):
        with pytest.raises(RateLimited, match="slow down") as caught:
            await ask(port)
    assert caught.value.retry_after == timedelta(seconds=99)
    assert len(server.requests) == 1


@every_call
async def test_a_refusal_is_raised_at_once_with_the_text_of_lichess(ask: Ask) -> None:
    async with a_port(answering(400, {"error": {"global": ["Not today"]}})) as (port, server):
        with pytest.raises(Refused, match="Not today") as caught:
            await ask(port)
    assert caught.value.status == 400
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_a_bad_token_is_unauthorized_with_advice(status: int) -> None:
    async with a_port(answering(status, {"error": "No such token"})) as (port, server):
        with pytest.raises(Unauthorized, match=r"No such token.*bot:play.*LICHESS_BOT_TOKEN"):
            await port.account()
    assert len(server.requests) == 1


async def test_the_event_stream_is_known_to_be_open_before_its_first_line() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.start_stream()
        await asyncio.sleep(60)

    async with a_port(script) as (port, _), aclosing(port.events()) as events:
        async with asyncio.timeout(2):
            assert await anext(events) is None


async def test_an_accept_whose_answer_was_lost_is_refused_with_404_when_repeated() -> None:
    async def script(exchange: Exchange) -> None:
        if exchange.connection == 1:
            exchange.reset()  # accepted, but the response is lost
        else:
            await exchange.respond(404, {"error": "Not found"})

    async with a_port(script) as (port, _):
        with pytest.raises(Refused) as caught:
            await port.accept(GAME)
    assert caught.value.status == 404


@every_call
async def test_a_server_that_does_not_answer_is_unavailable(ask: Ask) -> None:
    async def script(_: Exchange) -> None:
        await asyncio.sleep(60)

    async with a_port(script) as (port, server):
        with pytest.raises(Unavailable, match=r"did not answer the request to .+ in time"):
            await ask(port)
    assert len(server.requests) == 3


async def test_a_server_that_is_not_there_is_named_with_the_reason() -> None:
    url = f"http://127.0.0.1:{a_free_port()}"
    port = BerserkLichess(Identity(url=url, token=SecretStr(TOKEN)))
    with pytest.raises(Unavailable) as caught:
        await port.account()
    await port.close()
    assert str(caught.value) == f"{url} cannot be reached to read the account: Connection refused"


async def test_a_proxy_that_is_not_there_is_blamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{a_free_port()}")
    port = BerserkLichess(Identity(url="http://lichess.invalid", token=SecretStr(TOKEN)))
    with pytest.raises(Unavailable, match="through the proxy to read the account: Connection refu"):
        await port.account()
    await port.close()


def a_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def test_an_answer_that_trickles_is_unavailable() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
        while True:
            await exchange.send(b" ")
            await asyncio.sleep(SOON.total_seconds() / 10)

    async with a_port(script) as (port, _):
        with pytest.raises(Unavailable, match=r"did not answer the request to .+ in time"):
            await port.account()


async def test_headers_that_trickle_are_unavailable_though_their_thread_waits_on() -> None:
    async def script(exchange: Exchange) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"y" * 999:
            await exchange.send(bytes([byte]))
            await asyncio.sleep(SOON.total_seconds() / 10)

    async with serving(script) as server:
        limits = CallLimits(silence=SOON, call=SOON)
        port = BerserkLichess(Identity(url=server.url, token=SecretStr(TOKEN)), limits=limits)
        with pytest.raises(Unavailable, match=r"did not answer the .+ account within 0\.2 s"):
            await port.account()
        await port.close()


async def test_an_answer_that_breaks_off_is_unavailable() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")
        exchange.hang_up()

    async with a_port(script) as (port, _):
        with pytest.raises(Unavailable, match=r"failed at the request to .+ broke off"):
            await port.account()


async def test_an_endless_answer_is_unavailable() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n")
        for _ in range(ANSWER_LIMIT // 65536 + 9):
            await exchange.send(b"x" * 65536)

    async with serving(script) as server:
        port = BerserkLichess(Identity(url=server.url, token=SecretStr(TOKEN)))
        with pytest.raises(Unavailable, match="more than"):
            await port.account()
        await port.close()


@pytest.mark.parametrize(
    "body",
    [b"<html>", b"[]", b"{}", b"null", b'"x"', b'{"username":1}', b'{"seenAt":"x"}', b"\xff"],
)
async def test_an_answer_that_is_not_as_promised_is_unavailable(body: bytes) -> None:
    async with a_port(answering(200, body)) as (port, _):
        with pytest.raises(Unavailable, match="the request to read the account"):
            await port.account()


async def test_a_redirect_is_refused_and_never_followed() -> None:
    async with a_port(answering(301, b"", Location="https://example.org/")) as (port, server):
        with pytest.raises(Refused, match=r"example\.org.*lichess\.url"):
            await port.account()
    assert len(server.requests) == 1


async def test_calls_share_a_connection() -> None:
    async with a_port(answering(200, {"username": "crabby"})) as (port, server):
        for _ in range(3):
            await port.account()
    assert (len(server.requests), server.connections) == (3, 1)


@every_call
@pytest.mark.parametrize("status", [0, 200, 301, 400, 401, 404, 429, 500])
async def test_neither_errors_nor_logs_give_the_token_away(
    ask: Ask, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def script(exchange: Exchange) -> None:
        if status == 0:
            exchange.reset()
        else:
            body = f'{{"error": "what is {TOKEN}?", "username": 1}}'.encode()
            await exchange.respond(status, body, Location=f"/{TOKEN}")

    caplog.set_level(logging.DEBUG)
    descriptions: list[str] = []
    async with a_port(script) as (port, _):
        try:
            await ask(port)
        except LichessError as error:
            descriptions = [f"{e!r} {e} {vars(e)}" for e in chain(error)]
    assert len(descriptions) <= 1
    assert TOKEN not in "".join(descriptions)
    assert TOKEN not in caplog.text
