"""A stream over real sockets: keep-alives, silence, broken connections, ends."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta

import pytest
from pydantic import SecretStr

from crabstick.errors import (
    CrabstickError,
    LichessError,
    RateLimited,
    Refused,
    StreamEnded,
    StreamSilent,
    Unauthorized,
    Unavailable,
)
from crabstick.lichess.http import Identity, open_session
from crabstick.lichess.ndjson_stream import NdjsonStream, RawLine, StreamSource
from crabstick.rules.lichess_types import GameId, Unexpected
from tests.contract.lichess.tiny_server import Exchange, Script, TinyServer, chain, serving, until

TOKEN = "lip_verysecret"  # noqa: S105 - a made-up one
SILENCE = timedelta(milliseconds=150)
PATIENCE = timedelta(seconds=15)
AT_ONCE_S = 10


@asynccontextmanager
async def a_stream(
    script: Script, silence: timedelta = PATIENCE, open_limit: timedelta = PATIENCE
) -> AsyncGenerator[tuple[NdjsonStream, TinyServer], None]:
    async with serving(script) as server, open_session(server.url) as session:
        source = StreamSource(
            identity=Identity(url=server.url, token=SecretStr(TOKEN), user="crabby"),
            path="/api/bot/game/stream/abcdefgh",
            game_id=GameId("abcdefgh"),
            silence_limit=silence,
            open_limit=open_limit,
        )
        yield NdjsonStream(session, source), server


async def read_all(stream: NdjsonStream) -> tuple[list[RawLine], CrabstickError]:
    """All lines, and the error that ended them."""
    lines: list[RawLine] = []
    try:
        async with asyncio.timeout(AT_ONCE_S), aclosing(stream.lines()) as raw_lines:
            async for line in raw_lines:
                lines.append(line)  # noqa: PERF401 - an error must not lose them
    except LichessError as end:
        return lines, end
    raise AssertionError("a stream must not end without an error")


async def one_line_then_end(exchange: Exchange) -> None:
    await exchange.start_stream()
    await exchange.line({"type": "gameFull"})
    await exchange.end_stream()


async def test_a_stream_yields_objects_and_ends_with_an_error() -> None:
    async with a_stream(one_line_then_end) as (stream, _):
        lines, end = await read_all(stream)
    assert lines == [{"type": "gameFull"}]
    assert type(end) is StreamEnded


async def test_a_keep_alive_is_none() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.start_stream()
        await exchange.chunk(b"\n")
        await exchange.chunk(b'\r\n{"a":1}\n\n')
        await exchange.end_stream()

    async with a_stream(script) as (stream, _):
        lines, _ = await read_all(stream)
    assert lines == [None, None, {"a": 1}, None]


@pytest.mark.parametrize(
    "garbage",
    [b"{", b"[1]", b'"text"', b"<html>", b"\xff\xfe", b"[" * 9000, b"1" * 9000, b"\x00"],
)
async def test_a_line_that_is_not_an_object_is_unexpected(
    garbage: bytes,
) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.start_stream()
        await exchange.chunk(garbage + b"\n")
        await exchange.line({"type": "gameState"})
        await exchange.end_stream()

    async with a_stream(script) as (stream, _):
        lines, _ = await read_all(stream)
    assert isinstance(lines[0], Unexpected)
    assert lines[1:] == [{"type": "gameState"}]


@pytest.mark.parametrize(
    "last",
    [b'8\r\n{"type":\r\n0\r\n\r\n', b"", b"this is no chunk\r\n"],
    ids=["within a line", "without the last chunk", "not HTTP"],
)
async def test_a_stream_that_breaks_is_unavailable(last: bytes) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.start_stream()
        await exchange.send(last)
        exchange.hang_up()

    async with a_stream(script) as (stream, _):
        _, end = await read_all(stream)
    assert type(end) is Unavailable


async def test_a_response_that_is_not_http_is_unavailable() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

    async with a_stream(script) as (stream, _):
        _, end = await read_all(stream)
    assert type(end) is Unavailable


async def test_silence_is_noticed() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.start_stream()
        await exchange.line({"type": "gameFull"})
        await asyncio.sleep(60)

    async with a_stream(script, SILENCE) as (stream, _):
        lines, end = await read_all(stream)
    assert lines == [{"type": "gameFull"}]
    assert type(end) is StreamSilent


async def test_keep_alives_are_no_silence() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.start_stream()
        for _ in range(6):
            await asyncio.sleep(SILENCE.total_seconds() / 3)
            await exchange.chunk(b"\n")
        await exchange.end_stream()

    async with a_stream(script, SILENCE) as (stream, _):
        lines, end = await read_all(stream)
    assert lines == [None] * 6
    assert type(end) is StreamEnded


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, Refused),
        (400, Refused),
        (401, Unauthorized),
        (403, Unauthorized),
        (404, Refused),
        (429, RateLimited),
        (500, Unavailable),
        (503, Unavailable),
    ],
)
async def test_another_status_is_an_error_of_ours(status: int, error: type[LichessError]) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.respond(status, {"error": "because"}, Location="http://127.0.0.1:9/")

    async with a_stream(script) as (stream, server):
        lines, end = await read_all(stream)
    assert lines == []
    assert type(end) is error
    assert "because" in str(end)
    assert len(server.requests) == 1


async def test_a_server_that_is_down_is_unavailable() -> None:
    async with a_stream(one_line_then_end) as (stream, server):
        nowhere = StreamSource(
            identity=Identity(url="http://127.0.0.1:9", token=SecretStr(TOKEN)), path="/"
        )
        error = NdjsonStream(stream._session, nowhere)
        _, end = await read_all(error)
    assert type(end) is Unavailable
    assert server.requests == []


async def test_headers_that_do_not_come_are_unavailable() -> None:
    async def script(exchange: Exchange) -> None:
        for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"y" * 100:
            await exchange.send(bytes([byte]))
            await asyncio.sleep(0.05)

    async with a_stream(script, open_limit=SILENCE) as (stream, _):
        _, end = await read_all(stream)
    assert type(end) is Unavailable


async def test_a_long_line_within_the_limit_is_read() -> None:
    moves = " ".join(["e2e4"] * 100_000)

    async def script(exchange: Exchange) -> None:
        await exchange.start_stream()
        await exchange.line({"moves": moves})
        await exchange.end_stream()

    async with a_stream(script) as (stream, _):
        lines, _ = await read_all(stream)
    assert lines == [{"moves": moves}]


async def test_an_opening_ends_when_another_task_closes() -> None:
    async def script(_: Exchange) -> None:
        await asyncio.sleep(60)

    async with a_stream(script) as (stream, server):
        reading = asyncio.create_task(read_all(stream))
        await until(lambda: len(server.requests) == 1)
        await stream.close()
        _, end = await asyncio.wait_for(reading, AT_ONCE_S)
    assert type(end) is StreamEnded


async def test_a_closed_stream_never_connects() -> None:
    async with a_stream(one_line_then_end) as (stream, server):
        await stream.close()
        _, end = await read_all(stream)
    assert type(end) is StreamEnded
    assert server.requests == []


async def test_leaving_the_iteration_closes_the_connection() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.start_stream()
        await exchange.line({"type": "gameFull"})
        await asyncio.sleep(60)

    async with a_stream(script) as (stream, server):
        async with aclosing(stream.lines()) as lines:
            await anext(lines)
        assert not stream.is_open
        await until(server.requests[0].reader.at_eof)


async def test_a_stream_is_current_once_all_that_came_was_handed_out() -> None:
    more = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await exchange.start_stream()
        await exchange.chunk(b'{"n":1}\n{"n":2}\n')
        await more.wait()
        await exchange.chunk(b'{"n":')
        await asyncio.sleep(60)

    async with a_stream(script) as (stream, _):
        assert not stream.is_current()
        async with aclosing(stream.lines()) as lines:
            assert await anext(lines) == {"n": 1}
            assert (stream.is_open, stream.is_current()) == (True, False)
            assert await anext(lines) == {"n": 2}
            assert (stream.is_open, stream.is_current()) == (True, True)
            more.set()
            await until(lambda: not stream.is_current())
            assert stream.is_open


async def test_a_reset_that_came_but_was_not_read_closes_the_stream_already() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.start_stream()
        await exchange.line({"type": "gameFull"})
        await asyncio.sleep(0.05)
        exchange.reset()

    async with a_stream(script) as (stream, _), aclosing(stream.lines()) as lines:
        await anext(lines)
        await until(lambda: not stream.is_open)


async def test_a_request_names_the_bot_and_the_game_and_asks_for_no_compression() -> None:
    async with a_stream(one_line_then_end) as (stream, server):
        await read_all(stream)
    headers = server.requests[0].headers
    assert headers["user-agent"].endswith(" user:crabby game:abcdefgh")
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["accept-encoding"] == "identity"


@pytest.mark.parametrize("status", [200, 400, 401, 429, 500])
async def test_no_error_gives_the_token_away(status: int) -> None:
    async def script(exchange: Exchange) -> None:
        if status == 200:
            exchange.reset()
        else:
            await exchange.respond(status, {"error": f"what is {TOKEN}?"})

    async with a_stream(script) as (stream, _):
        _, end = await read_all(stream)
    descriptions = [f"{e!r} {e} {vars(e)}" for e in chain(end)]
    assert len(descriptions) == 1
    assert TOKEN not in descriptions[0]
