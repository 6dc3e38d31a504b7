"""Accounts, tokens and presence over HTTP."""

import aiohttp
import pytest

from crabstick.sandbox.testing import RunningSandbox
from tests.contract.sandbox.clients import Client, two_players


async def test_the_account_is_the_bearers(sandbox: RunningSandbox) -> None:
    async with Client(sandbox, "crabstick") as mine:
        status, shown = await mine.get("/api/account")
    assert status == 200
    assert (shown["id"], shown["username"], shown["title"]) == ("crabstick", "crabstick", "BOT")
    assert shown["perfs"]["blitz"]["rating"] == 2000


async def test_responses_carry_the_scopes_of_token_and_endpoint(sandbox: RunningSandbox) -> None:
    async with Client(sandbox, "crabstick") as mine:
        stream = await mine.open_events()
        stream.close()
    assert stream.headers["X-OAuth-Scopes"] == "bot:play,challenge:read,challenge:write"
    assert stream.headers["X-Accepted-OAuth-Scopes"] == "bot:play,board:play,challenge:read"
    assert stream.headers["Access-Control-Allow-Origin"] == "*"


VISITOR = "Bearer visitor_token"
NAMES_ANOTHER = "The user in the user-agent doesn't match the token bearer"
BOT_STREAM = "/api/bot/game/stream/abcdefgh"


@pytest.mark.parametrize(
    ("path", "headers", "answer"),
    [
        ("/api/account", {}, (401, "Missing authorization header")),
        ("/api/account", {"Authorization": "Basic abc"}, (401, "Missing authorization header")),
        ("/api/account", {"Authorization": "Bearer nobody"}, (401, "No such token")),
        ("/api/account", {"User-Agent": "bot/1 user:sparring1"}, (401, NAMES_ANOTHER)),
        ("/api/account", {"User-Agent": "as: crabstick"}, (401, NAMES_ANOTHER)),
        ("/api/account", {"User-Agent": "bot/1 user: Visitor game:x"}, (200, None)),
        ("/api/account", {"User-Agent": "bot/1 user:?"}, (200, None)),
        ("/api/challenge", {}, (200, None)),
        (BOT_STREAM, {}, (403, "Missing scope: bot:play")),
        ("/api/nothing", {}, (404, "Not found")),
        ("/sandbox/games", {}, (403, "This is not the admin token of the sandbox")),
    ],
)
async def test_who_asks_is_known_by_token_scopes_and_user_agent(
    sandbox: RunningSandbox, path: str, headers: dict[str, str], answer: tuple[int, str | None]
) -> None:
    token = {} if path == "/api/account" and not headers else {"Authorization": VISITOR}
    async with (
        aiohttp.ClientSession(sandbox.url, headers={**token, **headers}) as session,
        session.get(path) as response,
    ):
        body = await response.json()
    assert (response.status, body.get("error")) == answer


async def test_tokens_can_be_tested_without_a_token(sandbox: RunningSandbox) -> None:
    body = f"{sandbox.token('crabstick')},nobodys"
    async with (
        aiohttp.ClientSession(sandbox.url) as session,
        session.post("/api/token/test", data=body.encode()) as response,
    ):
        shown = await response.json()
    assert shown == {
        "crabstick_token": {
            "userId": "crabstick",
            "scopes": "bot:play,challenge:read,challenge:write",
            "expires": None,
        },
        "nobodys": None,
    }


async def test_a_revoked_token_is_unknown(sandbox: RunningSandbox) -> None:
    async with Client(sandbox, "crabstick") as mine:
        assert await mine.delete("/api/token") == 204
        assert await mine.get("/api/account") == (401, {"error": "No such token"})


async def test_an_upgrade_works_again_and_again_until_a_game_was_played(
    sandbox: RunningSandbox,
) -> None:
    async with Client(sandbox, "sparring2") as fresh:
        assert await fresh.post("/api/bot/account/upgrade") == (200, {"ok": True})
        assert await fresh.post("/api/bot/account/upgrade") == (200, {"ok": True})
    async with two_players(sandbox) as (mine, _, _):
        assert await mine.post("/api/bot/account/upgrade") == (
            400,
            {"error": "You already have games played. Make a new account."},
        )


async def test_playing_lists_my_games_the_urgent_first(sandbox: RunningSandbox) -> None:
    async with two_players(sandbox) as (mine, other, first):
        second = await other.challenge("crabstick", color="black")
        await mine.post(f"/api/challenge/{second}/accept")
        status, shown = await mine.get("/api/account/playing?nb=50")
        _, fewer = await mine.get("/api/account/playing?nb=1")
    assert status == 200
    assert [game["gameId"] for game in shown["nowPlaying"]] == [second, first]
    assert [game["isMyTurn"] for game in shown["nowPlaying"]] == [True, False]
    assert shown["nbMyTurn"] == 1
    assert shown["nowPlaying"][0]["secondsLeft"] == 60
    assert "compat" not in shown["nowPlaying"][0]
    assert len(fewer["nowPlaying"]) == 1


async def test_statuses_show_who_is_online_and_playing(sandbox: RunningSandbox) -> None:
    async with two_players(sandbox) as (mine, _, game_id):
        stream = await mine.open_events()
        query = "ids=crabstick,SPARRING1,nobody&withGameIds=true"
        status, shown = await mine.get(f"/api/users/status?{query}")
        stream.close()
    assert status == 200
    assert shown == [
        {
            "name": "crabstick",
            "title": "BOT",
            "id": "crabstick",
            "online": True,
            "playing": True,
            "playingId": game_id,
        },
        {
            "name": "sparring1",
            "title": "BOT",
            "id": "sparring1",
            "playing": True,
            "playingId": game_id,
        },
    ]


async def test_users_and_online_bots_can_be_looked_up(sandbox: RunningSandbox) -> None:
    async with Client(sandbox, "crabstick") as mine:
        assert (await mine.get("/api/user/Sparring1"))[1]["id"] == "sparring1"
        assert (await mine.get("/api/user/nobody"))[0] == 404
        stream = await mine.open_events()
        _, online = await mine.get("/api/bot/online?nb=many")
        stream.close()
    assert online["id"] == "crabstick"


async def test_polling_the_account_is_limited(sandbox: RunningSandbox) -> None:
    async with Client(sandbox, "crabstick") as mine:
        answers = [await mine.get("/api/account") for _ in range(31)]
    assert [status for status, _ in answers] == [200] * 30 + [429]
    assert answers[-1][1]["error"].startswith("Please don't poll this endpoint.")


async def test_opening_the_event_stream_is_limited_by_token(sandbox: RunningSandbox) -> None:
    async with Client(sandbox, "crabstick") as mine, Client(sandbox, "sparring1") as other:
        statuses = []
        for _ in range(31):
            stream = await mine.open_events()
            statuses.append(stream.status)
            stream.close()
        others = await other.open_events()
        others.close()
    assert statuses == [200] * 30 + [429]
    assert others.status == 200
