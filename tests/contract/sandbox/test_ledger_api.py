"""The ledger over HTTP."""

import aiohttp
from pydantic import SecretStr

from crabstick.lichess.game_client import open_games
from crabstick.sandbox.options import Options
from crabstick.sandbox.testing import RunningSandbox, running
from tests.contract.sandbox.clients import two_players


async def test_the_ledger_holds_moves_with_overhead_and_clock(sandbox: RunningSandbox) -> None:
    async with two_players(sandbox) as (mine, other, game_id):
        stream = await mine.open_game(game_id, user_agent="bot/1")
        await stream.next_of("gameFull")
        await other.command(game_id, "move/e2e4")
        await stream.next_of("gameState")
        await mine.command(game_id, "move/e7e5")
        await other.command(game_id, "move/e1e3")
        stream.close()
        (game,) = sandbox.ledger()["games"]
        refused_moves = sandbox.ledger()["refused_moves"]
    first, second = game["moves"]
    assert (game["id"], game["white"], game["black"]) == (game_id, "sparring1", "crabstick")
    assert (game["status"], game["clock"]) == ("started", {"limit_s": 60, "increment_s": 1})
    assert (first["ply"], first["uci"], first["by"]) == (1, "e2e4", "sparring1")
    assert first["overhead_ms"] is None
    assert 0 < second["overhead_ms"] < 1000
    assert second["received_ms"] > first["received_ms"]
    assert (second["left_ms"], second["user_agent"]) == (60_000, "test/1")
    assert [(row["uci"], row["by"]) for row in refused_moves] == [("e1e3", "sparring1")]


async def test_the_ledger_holds_the_outcome_of_challenges(sandbox: RunningSandbox) -> None:
    async with two_players(sandbox) as (mine, other, game_id):
        declined = await other.challenge("crabstick")
        await mine.post(f"/api/challenge/{declined}/decline", data={"reason": "later"})
        waiting = await other.challenge("crabstick")
        rows = {row["id"]: row for row in sandbox.ledger()["challenges"]}
    assert rows[game_id]["outcome"] == "accepted"
    assert (rows[declined]["outcome"], rows[declined]["reason"]) == ("declined", "later")
    assert (rows[waiting]["outcome"], rows[waiting]["answered_ms"]) == ("created", None)
    assert rows[declined]["answered_ms"] >= rows[declined]["made_ms"]


async def test_the_ledger_counts_requests_by_class_user_and_status(
    sandbox: RunningSandbox,
) -> None:
    async with two_players(sandbox) as (mine, other, game_id):
        await other.command(game_id, "move/e2e4")
        await mine.get("/api/challenge/abcdefgh/show")
        rows = sandbox.ledger()["requests"]
    counts = {(row["endpoint"], row["user"], row["status"]): row["count"] for row in rows}
    assert counts["move", "sparring1", "200"] == 1
    assert counts["challenge-show", "crabstick", "404"] == 1
    assert counts["challenge-accept", "crabstick", "200"] == 1


async def test_running_games_are_listed_in_short(sandbox: RunningSandbox) -> None:
    async with two_players(sandbox) as (_, other, game_id):
        await other.command(game_id, "move/e2e4")
        (row,) = sandbox.games()
        await other.command(game_id, "abort")
        assert sandbox.games() == []
    assert (row["id"], row["ply"], row["turn"]) == (game_id, 1, "black")


async def test_the_ledger_can_be_read_for_one_game(sandbox: RunningSandbox) -> None:
    async with two_players(sandbox) as (_, _, game_id):
        assert [game["id"] for game in sandbox.ledger(game_id)["games"]] == [game_id]
        assert sandbox.ledger("abcdefgh")["games"] == []


async def test_what_is_not_served_is_counted_and_reported_once_for_each_path() -> None:
    asked = [
        ("GET", "/api/tournament?nb=3"),
        ("POST", "/api/tournament/abcdefgh/join"),
        ("GET", "/api/team/%1b[31m/users"),
        ("POST", "/api/account"),
        ("DELETE", "/api/account"),
        ("GET", "/"),
    ]
    reports: list[str] = []
    with running(options=Options(on_unserved=reports.append)) as sandbox:
        async with aiohttp.ClientSession(sandbox.url) as session:
            for method, path in asked * 2:
                async with session.request(method, path) as response:
                    assert (response.status, await response.json()) == (404, {"error": "Not found"})
        ledger = sandbox.ledger()
    row = {"endpoint": "unknown", "user": "", "status": "404", "count": 2 * len(asked)}
    assert row in ledger["requests"]
    assert reports == [
        "GET /api/tournament",
        "POST /api/tournament/abcdefgh/join",
        "GET /api/team/%1B%5B31m/users",
        "POST /api/account",
        "GET /",
    ]
    assert ledger["unserved_paths"] == [line.split()[1] for line in reports]


async def test_what_crabstick_asks_to_warm_its_connections_is_served(
    sandbox: RunningSandbox,
) -> None:
    games = open_games(sandbox.url, SecretStr(sandbox.token("crabstick")), "crabstick")
    assert await games.warm()
    await games.close()
    (row,) = sandbox.ledger()["requests"]
    assert (row["endpoint"], row["status"]) == ("robots", "200")
