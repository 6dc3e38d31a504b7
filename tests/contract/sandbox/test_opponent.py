"""The sparring opponent plays whole games, also over streams that end early."""

import asyncio
from datetime import timedelta

import pytest

from crabstick.errors import EnvironmentProblem
from crabstick.sandbox.move_policies import greedy, random_mover
from crabstick.sandbox.opponent import (
    ChallengeDeclined,
    Opponent,
    OpponentSpec,
    no_delay,
    think_time,
)
from crabstick.sandbox.options import Options
from crabstick.sandbox.testing import RunningSandbox, running
from crabstick.sandbox.vocabulary import VARIANTS
from tests.contract.sandbox.clients import Client, seeded, wait_until

MINUTE = (timedelta(minutes=1), timedelta())
HOUR = (timedelta(hours=1), timedelta())
UNLIMITED = Options(rate_limits=False)


def a_player(sandbox: RunningSandbox, name: str, **fields: object) -> OpponentSpec:
    rng = seeded(name)
    values: dict[str, object] = {"policy": random_mover(rng), "delay": no_delay, **fields}
    return OpponentSpec(name=name, token=sandbox.token(name), **values)  # type: ignore[arg-type]


async def test_lets_play_every_variant_at_once() -> None:
    with running(options=UNLIMITED) as sandbox:
        host = Opponent(sandbox.url, a_player(sandbox, "crabstick", accepts=True, policy=greedy))
        guest = Opponent(sandbox.url, a_player(sandbox, "sparring1"))
        async with host, guest:
            ids = []
            for variant in VARIANTS:
                ids.append(await guest.challenge("crabstick", HOUR, "random", variant))
                await wait_until(lambda: guest.has_begun(ids[-1]))
            results = await asyncio.gather(*map(guest.wait_result, ids))
        ledger = sandbox.ledger()
    games = {game["id"]: game for game in ledger["games"]}
    assert [games[game_id]["variant"] for game_id in ids] == list(VARIANTS)
    assert [(result.status, result.winner) for result in results] == [
        (games[game_id]["status"], games[game_id]["winner"]) for game_id in ids
    ]
    assert {result.status for result in results} <= {"mate", "draw", "stalemate", "variantEnd"}
    assert ledger["refused_moves"] == []


async def test_an_opponent_may_resign() -> None:
    with running(options=UNLIMITED) as sandbox:
        host = Opponent(sandbox.url, a_player(sandbox, "crabstick", accepts=True))
        slowly = think_time(timedelta(milliseconds=100), 0, seeded("think"))
        guest = Opponent(sandbox.url, a_player(sandbox, "sparring1", delay=slowly))
        async with host, guest:
            game_id = await guest.challenge("crabstick", MINUTE, "white")
            await wait_until(lambda: any(game["ply"] > 2 for game in sandbox.games()))
            await guest.resign(game_id)
            result = await guest.wait_result(game_id)
            with pytest.raises(EnvironmentProblem, match=f"{game_id} was not resigned"):
                await guest.resign(game_id)  # it is over
    assert (result.status, result.winner) == ("resign", "black")


async def test_a_game_survives_cuts_resets_errors_and_lost_answers() -> None:
    with running(options=UNLIMITED) as sandbox:
        host = Opponent(sandbox.url, a_player(sandbox, "crabstick", accepts=True))
        delay = think_time(timedelta(milliseconds=5), 0.5, seeded("think"))
        guest = Opponent(sandbox.url, a_player(sandbox, "sparring1", delay=delay))
        async with host, guest:
            game_id = await guest.challenge("crabstick", MINUTE, "white")
            await wait_until(lambda: any(game["ply"] > 4 for game in sandbox.games()))
            sandbox.arm("cut")
            sandbox.arm("server-error", endpoint="move", user="sparring1")
            sandbox.arm("lose-answer", user="crabstick")
            sandbox.arm("cut", how="reset", user="sparring1")
            result = await guest.wait_result(game_id)
        (game,) = sandbox.ledger()["games"]
    assert result.status in {"mate", "draw", "stalemate"}
    assert result.status == game["status"]


async def test_waiting_for_a_declined_challenge_raises(sandbox: RunningSandbox) -> None:
    async with (
        Client(sandbox, "crabstick") as mine,
        Opponent(sandbox.url, a_player(sandbox, "sparring1")) as guest,
    ):
        game_id = await guest.challenge("crabstick", MINUTE, "random")
        await mine.post(f"/api/challenge/{game_id}/decline", data={"reason": "later"})
        with pytest.raises(ChallengeDeclined, match="This is not the right time for me"):
            await guest.wait_result(game_id)


async def test_a_refused_challenge_raises(sandbox: RunningSandbox) -> None:
    async with Opponent(sandbox.url, a_player(sandbox, "sparring1")) as guest:
        with pytest.raises(EnvironmentProblem, match="No such user: nobody"):
            await guest.challenge("nobody", MINUTE, "random")


@pytest.mark.parametrize("is_listening", [True, False])
async def test_a_cancelled_opponent_closes_its_connections(
    sandbox: RunningSandbox, *, is_listening: bool
) -> None:
    if not is_listening:
        sandbox.arm("server-error", endpoint="event-stream", times=1000)
    guest = Opponent(sandbox.url, a_player(sandbox, "sparring1"))

    async def stay() -> None:
        async with guest:
            await asyncio.Event().wait()

    task = asyncio.create_task(stay())
    await wait_until(lambda: sandbox.ledger()["requests"] or sandbox.ledger()["streams"])
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()  # as the end of an event loop and a task group do
    await asyncio.wait({task})
    assert guest._http.closed
