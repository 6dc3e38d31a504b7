"""Faults over HTTP, and their record in the ledger."""

import asyncio
import json

import aiohttp
import pytest

from crabstick.sandbox.testing import RunningSandbox
from tests.contract.sandbox.clients import Client, two_players


async def test_a_cut_ends_the_body_cleanly(sandbox: RunningSandbox) -> None:
    async with two_players(sandbox) as (mine, _, game_id):
        events = await mine.open_events()
        stream = await mine.open_game(game_id)
        armed = sandbox.arm("cut", endpoint="game-stream", user="crabstick", game=game_id)
        assert armed["streams"] == 1
        assert [line["type"] for line in await stream.rest()] == ["gameFull"]
        sandbox.arm("cut")
        assert [line["type"] for line in await events.rest()] == ["gameStart"]


async def test_a_reset_resets_the_tcp_connection(sandbox: RunningSandbox) -> None:
    host, port = sandbox.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    bearer = f"Authorization: Bearer {sandbox.token('crabstick')}"
    request = ["GET /api/stream/event HTTP/1.1", "Host: sandbox", bearer, "", ""]
    writer.write("\r\n".join(request).encode())
    await reader.readuntil(b"\r\n\r\n")
    sandbox.arm("cut", how="reset")
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


async def test_a_silent_stream_drops_its_lines_and_speaks_again_when_healed(
    sandbox: RunningSandbox,
) -> None:
    async with two_players(sandbox) as (mine, other, game_id):
        stream = await mine.open_game(game_id)
        await stream.next_of("gameFull")
        sandbox.arm("silence", endpoint="game-stream", user="crabstick")
        await other.command(game_id, "move/e2e4")
        sandbox.heal()
        await mine.command(game_id, "move/e7e5")
        assert (await stream.next())["moves"] == "e2e4 e7e5"
        stream.close()


@pytest.mark.parametrize("wait", [None, 7])
async def test_a_rate_limit_is_answered_429_once(sandbox: RunningSandbox, wait: int | None) -> None:
    async with Client(sandbox, "crabstick") as mine:
        fields = {} if wait is None else {"retry_after_s": wait}
        sandbox.arm("rate-limit", endpoint="account", **fields)
        async with mine._session.get("/api/account") as response:
            shown = await response.json()
        assert (await mine.get("/api/account"))[0] == 200
    assert response.status == 429
    assert shown == {"error": "Too many requests. Try again later."}
    assert response.headers.get("Retry-After") == (None if wait is None else "7")


async def test_a_broken_server_answers_html_and_the_move_is_not_played(
    sandbox: RunningSandbox,
) -> None:
    async with two_players(sandbox) as (_, other, game_id):
        sandbox.arm("server-error", status=502, path="/api/bot/game/*/move/*")
        status, text = await other.command(game_id, "move/e2e4")
        assert (await other.command(game_id, "move/e2e4"))[0] == 200
    assert (status, text) == (502, "<h1>502 Bad Gateway</h1>\n")


async def test_a_lost_answer_still_plays_the_move(sandbox: RunningSandbox) -> None:
    async with two_players(sandbox) as (_, other, game_id):
        sandbox.arm("lose-answer", user="sparring1", game=game_id)
        with pytest.raises(aiohttp.ClientError):
            await other.command(game_id, "move/e2e4")
        assert (await other.command(game_id, "move/e2e4"))[1] == {
            "error": "Not your turn, or game already over"
        }
        ledger = sandbox.ledger()
    assert [move["uci"] for move in ledger["games"][0]["moves"]] == ["e2e4"]
    rows = {row["status"]: row["count"] for row in ledger["requests"] if row["endpoint"] == "move"}
    assert rows == {"lost": 1, "400": 1}


async def test_a_lost_answer_to_a_stream_leaves_no_stream(sandbox: RunningSandbox) -> None:
    async with Client(sandbox, "crabstick") as mine:
        sandbox.arm("lose-answer", endpoint="event-stream")
        stream = await mine.open_events()  # aiohttp asks again by itself
        assert [row["ended_ms"] is None for row in sandbox.ledger()["streams"]] == [False, True]
        stream.close()


async def test_admin_paths_require_the_admin_token(sandbox: RunningSandbox) -> None:
    async with aiohttp.ClientSession(sandbox.url) as session:
        async with session.get("/sandbox/ledger") as response:
            assert response.status == 401
        lie = {"Authorization": f"Bearer {sandbox.token('crabstick')}"}
        for method in ("POST", "GET", "DELETE"):
            async with session.request(method, "/sandbox/faults", headers=lie) as response:
                assert response.status == 403


async def test_armed_faults_can_be_seen_and_healed_one_by_one(sandbox: RunningSandbox) -> None:
    number = sandbox.arm("rate-limit", endpoint="move")["fault"]
    sandbox.arm("server-error", endpoint="move")
    admin = {"Authorization": f"Bearer {sandbox.admin_token}"}
    async with aiohttp.ClientSession(sandbox.url, headers=admin) as session:
        async with session.delete(f"/sandbox/faults/{number}") as response:
            assert response.status == 200
        async with session.delete("/sandbox/faults/all") as response:
            assert response.status == 404
        async with session.get("/sandbox/faults") as response:
            armed = json.loads(await response.text())
    assert [fault["kind"] for fault in armed] == ["server-error"]
