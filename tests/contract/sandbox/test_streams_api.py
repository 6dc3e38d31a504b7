"""Event and game streams over HTTP: opening bursts, replacement, blank lines, ends."""

import time

from crabstick.sandbox.testing import RunningSandbox, running
from tests.contract.sandbox.clients import CLOCK, Client, two_players, wait_until


async def test_opening_shows_running_games_and_then_waiting_challenges(
    sandbox: RunningSandbox,
) -> None:
    async with two_players(sandbox) as (mine, other, game_id):
        waiting = await other.challenge("crabstick")
        await mine.challenge("sparring2")
        stream = await mine.open_events()
        first, second = await stream.next(), await stream.next()
        marker = await other.challenge("crabstick", color="black")
        third = await stream.next()
        stream.close()
    assert (first["type"], first["game"]["gameId"]) == ("gameStart", game_id)
    assert (second["type"], second["challenge"]["id"]) == ("challenge", waiting)
    assert "compat" not in first["game"]
    assert "compat" not in second
    assert third["challenge"]["id"] == marker
    assert third["compat"] == {"bot": True, "board": False}


async def test_the_last_line_is_followed_by_the_end_and_by_game_finish(
    sandbox: RunningSandbox,
) -> None:
    async with two_players(sandbox) as (mine, other, game_id):
        events = await mine.open_events()
        stream = await mine.open_game(game_id)
        for player, uci in ((other, "e2e4"), (mine, "e7e5")):
            assert await player.command(game_id, f"move/{uci}") == (200, {"ok": True})
        assert await other.command(game_id, "resign") == (200, {"ok": True})
        last = (await stream.rest())[-1]
        finish = await events.next_of("gameFinish")
        events.close()
    assert (last["status"], last["winner"]) == ("resign", "black")
    assert (finish["game"]["id"], finish["game"]["winner"]) == (game_id, "black")


async def test_a_reader_that_hangs_up_is_noticed(sandbox: RunningSandbox) -> None:
    async with Client(sandbox, "crabstick") as mine:
        stream = await mine.open_events()
        stream.close()
        await wait_until(lambda: sandbox.ledger()["streams"][0]["why"] == "left")


async def test_a_kept_alive_challenge_ends_with_its_outcome(sandbox: RunningSandbox) -> None:
    async with Client(sandbox, "crabstick") as mine, Client(sandbox, "sparring1") as other:
        events = await mine.open_events()
        form = {**CLOCK, "keepAliveStream": "true"}
        async with other._session.post("/api/challenge/crabstick", data=form) as response:
            event = await events.next_of("challenge")
            await mine.post(f"/api/challenge/{event['challenge']['id']}/decline")
            shown, done = (await response.text()).strip().split("\n")
        events.close()
    assert '"direction":"out"' in shown
    assert done == '{"done":"declined"}'


async def test_a_flag_falls_without_any_request() -> None:
    with running() as sandbox:
        async with Client(sandbox, "crabstick") as mine, Client(sandbox, "sparring1") as other:
            form = {"clock.limit": "0", "clock.increment": "1", "color": "white"}
            game_id = await other.challenge("crabstick", **form)
            await mine.post(f"/api/challenge/{game_id}/accept")
            stream = await mine.open_game(game_id)
            await other.command(game_id, "move/e2e4")
            await mine.command(game_id, "move/e7e5")
            began = time.monotonic()
            last = (await stream.rest())[-1]
            took_s = time.monotonic() - began
    assert (last["status"], last["winner"], last["wtime"]) == ("outoftime", "black", 0)
    assert took_s >= 3


async def test_an_absent_opponent_is_counted_down(sandbox: RunningSandbox) -> None:
    async with two_players(sandbox) as (mine, other, game_id):
        await other.command(game_id, "move/e2e4")
        await mine.command(game_id, "move/e7e5")
        stream = await mine.open_game(game_id)
        await stream.next_of("gameFull")
        assert await mine.command(game_id, "claim-victory") == (
            400,
            {"error": "You cannot claim the win on this game"},
        )
        stream.close()
