"""Sparring partners challenge the bot while it is online, and report the results."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

import pytest

from crabstick.errors import ConfigError
from crabstick.sandbox.accounts import Accounts, SandboxAccount, default_accounts
from crabstick.sandbox.move_policies import first_legal
from crabstick.sandbox.opponent import Opponent, OpponentSpec, no_delay
from crabstick.sandbox.options import Options
from crabstick.sandbox.sparring import Sparring, sparring_for
from crabstick.sandbox.testing import RunningSandbox, running
from tests.contract.sandbox.clients import Client, wait_until

MINUTE = (timedelta(minutes=1), timedelta())
MOMENT = timedelta(milliseconds=20)
LONG = timedelta(seconds=60)
"""For whole games of random moves."""
PLAYS = "bot:play challenge:write"


def quick_partners(count: int) -> Sparring:
    """Partners without think time and pauses."""
    sparring = sparring_for(default_accounts(), count, MINUTE)
    players = [replace(player, delay=no_delay) for player in sparring.specs]
    return replace(sparring, specs=players, pause=MOMENT, patience=MOMENT)


def the_bot(sandbox: RunningSandbox) -> Opponent:
    player = OpponentSpec(
        name="crabstick",
        token=sandbox.token("crabstick"),
        policy=first_legal,
        delay=no_delay,
        accepts=True,
    )
    return Opponent(sandbox.url, player)


@asynccontextmanager
async def sparring_at(sandbox: RunningSandbox, sparring: Sparring) -> AsyncIterator[list[str]]:
    reports: list[str] = []
    task = asyncio.create_task(sparring.run(sandbox.url, reports.append))
    try:
        yield reports
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_each_partner_plays_game_after_game() -> None:
    sparring = replace(quick_partners(2), variants=("atomic", "fromPosition"))
    with running(options=Options(rate_limits=False)) as sandbox:
        async with the_bot(sandbox), sparring_at(sandbox, sparring) as reports:
            for name in ("sparring1", "sparring2"):
                await wait_until(lambda name=name: _count(reports, f"{name}: game") >= 3, LONG)
        ledger = sandbox.ledger()
    assert {line.partition("game ")[2] for line in reports} <= {*map(_ending, ledger["games"])}
    assert {game["white"] for game in ledger["games"]} == {"crabstick", "sparring1", "sparring2"}
    assert {game["variant"] for game in ledger["games"]} == {"atomic", "fromPosition"}
    assert ledger["refused_moves"] == []


async def test_a_target_that_is_offline_is_not_challenged(sandbox: RunningSandbox) -> None:
    sparring = quick_partners(1)
    async with sparring_at(sandbox, sparring) as reports:
        await wait_until(lambda: _requests(sandbox, "users-status") >= 3)
        assert sandbox.ledger()["challenges"] == []
    assert reports == []


async def test_the_same_refusal_is_reported_once(sandbox: RunningSandbox) -> None:
    sparring = quick_partners(1)
    async with Client(sandbox, "crabstick") as mine:
        events = await mine.open_events()
        async with sparring_at(sandbox, sparring) as reports:
            for _ in range(3):
                challenge = (await events.next_of("challenge"))["challenge"]
                path = f"/api/challenge/{challenge['id']}/decline"
                await mine.post(path, data={"reason": "later"})
        events.close()
    assert [line.partition(":")[0] for line in reports] == ["sparring1"]
    assert reports[0].startswith("sparring1: crabstick declines: This is not the right time for me")


async def test_an_unanswered_challenge_is_cancelled_and_repeated(sandbox: RunningSandbox) -> None:
    sparring = replace(quick_partners(1), answer_limit=MOMENT)
    async with Client(sandbox, "crabstick") as mine:
        events = await mine.open_events()
        async with sparring_at(sandbox, sparring) as reports:
            for _ in range(2):
                challenge = (await events.next_of("challengeCanceled"))["challenge"]
                accepted = await mine.post(f"/api/challenge/{challenge['id']}/accept")
                assert accepted == (400, {"error": "The challenge has been canceled."})
        events.close()
    assert reports == ["sparring1: crabstick does not answer a challenge"]


@pytest.mark.parametrize("kind", ["server-error", "rate-limit"])
async def test_a_challenge_that_is_accepted_late_is_played(
    sandbox: RunningSandbox, kind: str
) -> None:
    sandbox.arm(kind, endpoint="challenge-cancel", times=3)
    sparring = replace(quick_partners(1), answer_limit=MOMENT)
    async with Client(sandbox, "crabstick") as mine:
        events = await mine.open_events()
        async with sparring_at(sandbox, sparring) as reports:
            game_id = (await events.next_of("challenge"))["challenge"]["id"]
            await wait_until(lambda: _requests(sandbox, "challenge-cancel"))
            await mine.post(f"/api/challenge/{game_id}/accept")
            await wait_until(lambda: sandbox.games()[0]["ply"] == 1)
            await asyncio.sleep(1.2)  # longer than the cancellations fail
            assert [game["id"] for game in sandbox.games()] == [game_id]
            await mine.command(game_id, "abort")
            await wait_until(lambda: reports)
        events.close()
    assert reports[0] == f"sparring1: game {game_id} is over: aborted, nobody won"


@pytest.mark.parametrize("lost", [None, "challenge-create", "challenge-cancel", "challenge-accept"])
async def test_no_partner_plays_two_games_at_once(lost: str | None) -> None:
    sparring = replace(quick_partners(1), answer_limit=3 * MOMENT)
    with running(options=Options(challenge_life=MOMENT, sweep=MOMENT)) as sandbox:
        if lost is not None:
            sandbox.arm("lose-answer", endpoint=lost, user="sparring1", times=3)
        async with Client(sandbox, "crabstick") as mine, Client(sandbox, "sparring2") as other:
            events = await mine.open_events()
            async with sparring_at(sandbox, sparring):
                for _ in range(4):
                    await events.next_of("challenge")
                    await other.challenge("sparring1")
                    await asyncio.sleep(0.2)  # enough for two challenges
                    for challenge in sandbox.ledger()["challenges"]:
                        await mine.post(f"/api/challenge/{challenge['id']}/accept")
                        assert len(sandbox.games()) <= 1
                    for game in sandbox.games():
                        player = mine if "crabstick" in game.values() else other
                        await player.command(game["id"], "resign")
            events.close()


async def test_a_partner_accepts_one_challenge_and_declines_the_next(
    sandbox: RunningSandbox,
) -> None:
    async with (
        Client(sandbox, "sparring2") as rival,
        Client(sandbox, "visitor") as visitor,
        sparring_at(sandbox, quick_partners(1)) as reports,
    ):
        await wait_until(lambda: _requests(sandbox, "event-stream"))
        _, found = await rival.get("/api/bot/online")
        _, own = await rival.get("/api/account")
        events = await rival.open_events()
        game_id = await rival.challenge("sparring1", color="white")
        assert (await events.next_of("gameStart"))["game"]["gameId"] == game_id
        refusals = await visitor.open_events()
        await visitor.challenge("sparring1")
        refusal = (await refusals.next_of("challengeDeclined"))["challenge"]
        await rival.command(game_id, "abort")
        await wait_until(lambda: reports)
        events.close()
        refusals.close()
    assert found["id"] == "sparring1"
    assert found["perfs"]["bullet"]["games"] > 0
    assert abs(found["perfs"]["bullet"]["rating"] - own["perfs"]["bullet"]["rating"]) <= 300
    assert refusal["declineReasonKey"] == "later"
    assert reports == [f"sparring1: game {game_id} is over: aborted, nobody won"]


async def test_a_partner_that_waits_for_an_answer_declines(sandbox: RunningSandbox) -> None:
    async with Client(sandbox, "crabstick") as mine:
        events = await mine.open_events()
        async with sparring_at(sandbox, quick_partners(1)):
            await events.next_of("challenge")
            declined = await mine.challenge("sparring1")
            refusal = (await events.next_of("challengeDeclined"))["challenge"]
        events.close()
    assert (refusal["id"], refusal["declineReasonKey"]) == (declined, "later")


async def test_a_game_without_first_moves_is_aborted(
    sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crabstick.sandbox.sparring._FIRST_MOVES_LIMIT", 5 * MOMENT)
    async with (
        Client(sandbox, "visitor") as visitor,
        sparring_at(sandbox, quick_partners(1)) as reports,
    ):
        await wait_until(lambda: _requests(sandbox, "event-stream"))
        game_id = await visitor.challenge("sparring1", color="white")
        await wait_until(lambda: reports)
    assert reports == [f"sparring1: game {game_id} is over: aborted, nobody won"]


def an_account(
    name: str, *, title: Literal["BOT"] | None = "BOT", scopes: str = ""
) -> SandboxAccount:
    return SandboxAccount(name=name, title=title, tokens={f"{name}_token": scopes})


def test_the_first_bot_is_challenged_by_the_next_that_may() -> None:
    accounts = Accounts(
        [
            an_account("human", title=None, scopes=PLAYS),
            an_account("mine"),
            an_account("mute", scopes="bot:play"),
            an_account("partner", scopes=PLAYS),
        ]
    )
    sparring = sparring_for(accounts, 1, MINUTE)
    assert sparring.target == "mine"
    assert [(player.name, player.token) for player in sparring.specs] == [
        ("partner", "partner_token")
    ]


@pytest.mark.parametrize(("accounts", "have"), [(default_accounts(), 8), (Accounts([]), 0)])
def test_too_few_partners_are_a_config_error(accounts: Accounts, have: int) -> None:
    with pytest.raises(ConfigError, match=f"--opponents 9: .* the accounts have {have} with"):
        sparring_for(accounts, 9, MINUTE)


def _count(reports: list[str], start: str) -> int:
    return sum(line.startswith(start) for line in reports)


def _ending(game: dict[str, Any]) -> str:
    winner = game[game["winner"]] if game["winner"] else "nobody"
    return f"{game['id']} is over: {game['status']}, {winner} won"


def _requests(sandbox: RunningSandbox, endpoint: str) -> int:
    """How many requests an endpoint had."""
    rows = sandbox.ledger()["requests"]
    return sum(row["count"] for row in rows if row["endpoint"] == endpoint)
