"""The outcomes of posts in a game, over real sockets."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta

import pytest
from pydantic import SecretStr

from crabstick.errors import InvariantBroken, StreamEnded
from crabstick.lichess.game_client import HttpGame, HttpGames, open_games
from crabstick.rules.model import (
    Denied,
    GameId,
    Limited,
    Posted,
    PostOutcome,
    RefusedPost,
    Unanswered,
)
from tests.contract.lichess.tiny_server import Exchange, Script, TinyServer, serving, until

TOKEN = "lip_verysecret"  # noqa: S105 - a made-up one
GAME = GameId("abcdefgh")
SOON = timedelta(milliseconds=150)


@asynccontextmanager
async def some_games(script: Script) -> AsyncGenerator[tuple[HttpGames, TinyServer], None]:
    async with serving(script) as server:
        games = open_games(server.url, SecretStr(TOKEN), "crabby")
        try:
            yield games, server
        finally:
            await games.close()


@asynccontextmanager
async def a_game(script: Script) -> AsyncGenerator[tuple[HttpGame, TinyServer], None]:
    async with some_games(script) as (games, server):
        yield games.game(GAME), server


def answering(status: int, body: object, **headers: str) -> Script:
    async def script(exchange: Exchange) -> None:
        await exchange.respond(status, body, **headers)

    return script


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, Posted()),
        (400, RefusedPost(why="because")),
        (404, RefusedPost(why="because")),
        (429, Limited(retry_after=None)),
        (500, Unanswered(why="because")),
        (502, Unanswered(why="because")),
    ],
)
async def test_the_status_decides_the_outcome(status: int, outcome: PostOutcome) -> None:
    async with a_game(answering(status, {"error": "because"})) as (game, server):
        assert await game.move("e2e4") == outcome
    assert server.paths == ["POST /api/bot/game/abcdefgh/move/e2e4"]


@pytest.mark.parametrize("status", [401, 403])
async def test_a_bad_token_is_denied_with_advice(status: int) -> None:
    async with a_game(answering(status, {"error": f"No such token {TOKEN}"})) as (game, _):
        outcome = await game.move("e2e4")
    assert isinstance(outcome, Denied)
    assert "bot:play" in outcome.why
    assert TOKEN not in outcome.why


async def test_an_answer_that_does_not_come_in_time_is_unanswered() -> None:
    async def script(_: Exchange) -> None:
        await asyncio.sleep(60)

    async with a_game(script) as (game, server):
        outcome = await game.move("e2e4", within=SOON)
    assert outcome == Unanswered(why="no answer in time")
    assert len(server.requests) == 1


async def test_a_reset_is_unanswered_and_not_repeated() -> None:
    async def script(exchange: Exchange) -> None:
        exchange.reset()

    async with a_game(script) as (game, server):
        assert isinstance(await game.move("e2e4"), Unanswered)
    assert len(server.requests) == 1


async def test_a_server_that_is_down_is_unanswered() -> None:
    games = open_games("http://127.0.0.1:9", SecretStr(TOKEN), "crabby")
    try:
        outcome = await games.game(GAME).move("e2e4")
    finally:
        await games.close()
    assert isinstance(outcome, Unanswered)
    assert TOKEN not in outcome.why


async def test_a_status_of_200_is_enough_when_the_body_breaks_off() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{")
        exchange.hang_up()

    async with a_game(script) as (game, _):
        assert await game.move("e2e4") == Posted()


async def test_an_endless_refusal_is_cut_off() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(b"HTTP/1.1 400 Bad\r\nContent-Length: 99999999\r\n\r\n")
        while True:
            await exchange.send(b"x" * 65536)

    async with a_game(script) as (game, _):
        assert await game.move("e2e4") == RefusedPost(why="HTTP status 400")


async def test_a_connection_that_the_server_closed_is_replaced() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.ok()
        exchange.half_close()

    async with a_game(script) as (game, server):
        outcomes = []
        for uci in ("e2e4", "d2d4"):
            outcomes.append(await game.move(uci))
            await until(server.requests[-1].reader.at_eof)
    assert list(outcomes) == [Posted(), Posted()]
    assert server.connections == 2


async def test_a_connection_that_closes_under_the_post_is_unanswered_and_a_repeat_works() -> None:
    async def script(exchange: Exchange) -> None:
        if exchange.connection == 1 and exchange.path.endswith("d2d4"):
            exchange.hang_up()  # as if it had not been read
        else:
            await exchange.ok()

    async with a_game(script) as (game, _):
        await game.move("e2e4")
        first, repeated = await game.move("d2d4"), await game.move("d2d4")
    assert isinstance(first, Unanswered)
    assert repeated == Posted()


async def test_posts_share_one_connection() -> None:
    async with a_game(answering(200, {"ok": True})) as (game, server):
        for uci in ("e2e4", "d2d4", "a7a8q"):
            await game.move(uci)
    assert (len(server.requests), server.connections) == (3, 1)


async def test_a_warm_connection_carries_the_first_move() -> None:
    async with some_games(answering(404, b"")) as (games, server):
        assert await games.warm()
        warm = server.connections
        await games.game(GAME).move("e2e4")
        assert server.connections == warm
    assert all("authorization" not in asked.headers for asked in server.requests[:-1])


async def test_an_unsolicited_response_does_not_answer_the_next_move() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.ok()
        if exchange.connection == 1:
            await exchange.respond(408, {"error": "you were silent for too long"})

    async with a_game(script) as (game, server):
        await game.move("e2e4")
        await until(server.requests[0].reader.at_eof)
        assert await game.move("d2d4") == Posted()


async def test_two_posts_at_once_do_not_wait_for_each_other() -> None:
    both = asyncio.Barrier(2)

    async def script(exchange: Exchange) -> None:
        await both.wait()
        await exchange.ok()

    async with a_game(script) as (game, _):
        outcomes = await asyncio.gather(game.move("e2e4"), game.move("d2d4"))
    assert list(outcomes) == [Posted(), Posted()]


async def test_behind_a_proxy_moves_go_through_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with serving(answering(200, {"ok": True})) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        games = open_games("http://lichess.invalid", SecretStr(TOKEN), "crabby")
        outcome = await games.game(GAME).move("e2e4")
        await games.close()
    assert outcome == Posted()
    assert proxy.paths == ["POST http://lichess.invalid/api/bot/game/abcdefgh/move/e2e4"]


async def test_warming_up_returns_false_when_lichess_is_down() -> None:
    games = open_games("http://127.0.0.1:9", SecretStr(TOKEN), "crabby")
    warm = await games.warm()
    await games.close()
    assert (warm, await games.warm()) == (False, False)


async def test_a_draw_is_offered_only_when_asked_for() -> None:
    async with a_game(answering(200, {"ok": True})) as (game, server):
        await game.move("e2e4")
        await game.move("e2e4", offering_draw=True)
    base = "POST /api/bot/game/abcdefgh/move/e2e4"
    assert server.paths == [base, f"{base}?offeringDraw=true"]


async def test_each_command_has_its_address() -> None:
    async with a_game(answering(200, {"ok": True})) as (game, server):
        outcomes = [await game.abort(), await game.resign(), await game.claim_victory()]
    assert outcomes == [Posted()] * 3
    commands = [path.rpartition("/")[2] for path in server.paths]
    assert commands == ["abort", "resign", "claim-victory"]


@pytest.mark.parametrize("uci", ["", "0000", "e2e4/../resign", "e2 e4", "e9e4", "resign"])
async def test_an_invalid_move_is_never_sent(uci: str) -> None:
    async with a_game(answering(200, {"ok": True})) as (game, server):
        with pytest.raises(InvariantBroken):
            await game.move(uci)
    assert server.requests == []


async def test_stream_and_posts_of_a_game_carry_the_same_user_agent() -> None:
    async def script(exchange: Exchange) -> None:
        if exchange.method == "POST":
            await exchange.ok()
        else:
            await exchange.start_stream()
            await exchange.end_stream()

    async with a_game(script) as (game, server):
        with pytest.raises(StreamEnded):
            async with aclosing(game.lines()) as lines:
                await anext(lines)
        await game.move("e2e4")
        await game.abort()
    agents = {request.headers["user-agent"] for request in server.requests}
    assert len(agents) == 1
    assert agents.pop().endswith(" user:crabby game:abcdefgh")


async def test_the_stream_has_a_connection_of_its_own() -> None:
    async def script(exchange: Exchange) -> None:
        if exchange.method == "POST":
            await exchange.ok()
        else:
            await exchange.start_stream()
            await exchange.chunk(b"\n")

    async with a_game(script) as (game, server), aclosing(game.lines()) as lines:
        assert await anext(lines) is None
        assert await game.move("e2e4", within=SOON) == Posted()
    assert server.connections == 2
