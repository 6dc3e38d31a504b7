"""Challenges and game commands over HTTP: paths, forms, bodies and status codes."""

from crabstick.sandbox.testing import RunningSandbox
from tests.contract.sandbox.clients import CLOCK, Client, two_players


async def test_a_challenge_is_made_by_form_or_by_json(sandbox: RunningSandbox) -> None:
    async with Client(sandbox, "sparring1") as other:
        by_form = await other.post("/api/challenge/crabstick", data={**CLOCK, "rated": "true"})
        by_json = await other.post(
            "/api/challenge/sparring2",
            json={"clock.limit": 60, "clock.increment": 1, "rated": True, "variant": None},
        )
    for status, shown in (by_form, by_json):
        assert (status, shown["status"], shown["rated"]) == (200, "created", True)
        assert (shown["direction"], shown["speed"]) == ("out", "bullet")


async def test_challenges_can_be_listed_and_shown(sandbox: RunningSandbox) -> None:
    async with Client(sandbox, "crabstick") as mine, Client(sandbox, "sparring1") as other:
        challenge_id = await other.challenge("crabstick")
        _, listed = await mine.get("/api/challenge")
        _, theirs = await other.get("/api/challenge")
        await mine.post(f"/api/challenge/{challenge_id}/accept")
        _, shown = await mine.get(f"/api/challenge/{challenge_id}/show")
    assert [row["id"] for row in listed["in"]] == [challenge_id]
    assert (listed["in"][0]["direction"], listed["out"]) == ("in", [])
    assert theirs["out"][0]["id"] == challenge_id
    assert shown["status"] == "accepted"
    assert shown["fullId"].startswith(challenge_id)


async def test_what_is_unknown_is_not_found(sandbox: RunningSandbox) -> None:
    async with Client(sandbox, "crabstick") as mine:
        for answer in ("accept", "decline", "cancel"):
            assert await mine.post(f"/api/challenge/abcdefgh/{answer}") == (
                404,
                {"error": "Not found"},
            )
        assert (await mine.get("/game/export/abcdefgh"))[0] == 404


async def test_moves_are_answered_in_lichess_words(sandbox: RunningSandbox) -> None:
    async with two_players(sandbox) as (mine, other, game_id):
        answers = [
            await player.command(game_id, f"move/{uci}")
            for player, uci in ((mine, "e7e5"), (other, "x"), (other, "e2e5"), (other, "e2e4"))
        ]
        full_id = (await other.get("/api/account/playing"))[1]["nowPlaying"][0]["fullId"]
        longer = await mine.command(game_id + full_id[8:], "move/e7e5?offeringDraw=false")
    assert answers == [
        (400, {"error": "Not your turn, or game already over"}),
        (400, {"error": "Invalid UCI: x"}),
        (400, {"error": "Piece on e2 cannot move to e5"}),
        (200, {"ok": True}),
    ]
    assert longer == (200, {"ok": True})


async def test_commands_on_other_games_are_refused(sandbox: RunningSandbox) -> None:
    async with two_players(sandbox) as (mine, _, game_id), Client(sandbox, "sparring2") as third:
        for command in ("move/e2e4", "abort", "resign", "draw/yes", "takeback/yes", "chat"):
            assert await mine.command("abcdefgh", command) == (404, {"error": "No such game"})
            assert await third.command(game_id, command) == (404, {"error": "Not your game"})
        assert await mine.command(game_id, "castle") == (404, {"error": "No such command"})


async def test_draws_and_takebacks_are_always_ok(sandbox: RunningSandbox) -> None:
    async with two_players(sandbox) as (mine, other, game_id):
        for command in ("draw/yes", "draw/no", "takeback/yes", "takeback/no", "claim-draw"):
            assert await mine.command(game_id, command) == (200, {"ok": True})
        await other.command(game_id, "move/e2e4")
        await mine.command(game_id, "move/e7e5")
        await other.command(game_id, "draw/yes")
        await mine.command(game_id, "draw/yes")
        _, shown = await mine.get(f"/game/export/{game_id}", Accept="application/json")
    assert (shown["status"], shown["moves"]) == ("draw", "e4 e5")


async def test_chat_is_streamed_and_can_be_read_again(sandbox: RunningSandbox) -> None:
    async with two_players(sandbox) as (mine, other, game_id):
        stream = await other.open_game(game_id)
        form = {"room": "player", "text": "good luck"}
        assert await mine.command(game_id, "chat", data=form) == (200, {"ok": True})
        heard = await stream.next_of("chatLine")
        status, error = await mine.command(game_id, "chat", data={"room": "player"})
        read = await other.get(f"/api/bot/game/{game_id}/chat")
        stream.close()
    assert (heard["username"], heard["text"]) == ("crabstick", "good luck")
    assert read == (200, [{"text": "good luck", "user": "crabstick"}])
    assert (status, list(error)) == (400, ["text", "error"])


async def test_a_form_too_long_is_refused(sandbox: RunningSandbox) -> None:
    async with Client(sandbox, "crabstick") as mine:
        status, _ = await mine.post("/api/challenge/sparring1", data={"message": "x" * 70_000})
    assert status == 413
