"""Whatever is killed or frozen, games go on, and every move was chosen for its ply."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from actors.clients import EVENT_LISTENER, WORKER_SET
from crabstick.sandbox.opponent import Result
from tests.cluster.local_bot import (
    BOT,
    CLOCK,
    LocalBot,
    describe,
    engine_pid_of,
    frozen,
    pid_of,
    statistics,
    wait_no_game,
    wait_ply,
    wait_standbys,
)

pytestmark = pytest.mark.cluster

FREEZE_S = 10
GAMES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """The results, and the server's ledger by game."""

    results: list[Result]
    games: dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def aftermath(bot: LocalBot) -> Aftermath:
    """Five games; in each something is killed or frozen while it is played."""
    return asyncio.run(_story(bot))


async def _story(bot: LocalBot) -> Aftermath:
    think_ms = 3000.0  # no game ends before every fault was injected
    async with AsyncExitStack() as stack:
        await wait_standbys(3)
        opponents = [
            await stack.enter_async_context(bot.opponent(n, think_ms=lambda: think_ms))
            for n in range(GAMES)
        ]
        ids = [await o.challenge(BOT, CLOCK, "random") for o in opponents]
        rows = [await wait_ply(game_id, 4) for game_id in ids]
        pids = [int((await describe(row["actor"]))["pid"]) for row in rows]
        os.kill(engine_pid_of(pids[0]), signal.SIGKILL)
        os.kill(pids[1], signal.SIGKILL)
        with frozen(pids[2]):
            os.kill(await pid_of(EVENT_LISTENER), signal.SIGKILL)
            os.kill(await pid_of(WORKER_SET), signal.SIGKILL)
            await asyncio.sleep(FREEZE_S)  # how long the freeze lasts
        think_ms = 100
        results = await asyncio.gather(
            *(o.wait_result(i) for o, i in zip(opponents, ids, strict=True))
        )
        games = {game["id"]: game for game in bot.sandbox.ledger()["games"]}
        return Aftermath(results=list(results), games=games)


def test_every_game_is_won_on_the_board(aftermath: Aftermath) -> None:
    ends = {(r.status, aftermath.games[r.game_id][r.winner or "white"]) for r in aftermath.results}
    assert ends == {("mate", BOT)}


def test_every_move_that_was_taken_was_chosen_for_that_ply(
    bot: LocalBot, aftermath: Aftermath
) -> None:
    assert aftermath.results
    assert bot.moves_taken() - bot.moves_intended() == set()


def test_no_ply_was_decided_twice_with_different_moves(bot: LocalBot, aftermath: Aftermath) -> None:
    """Shows two actors that both believed to own a game, even if Lichess took one move."""
    assert aftermath.results
    taken = bot.moves_taken()
    assert len({(game, ply) for game, ply, _ in taken}) == len(taken)


def test_a_new_challenge_is_taken_after_all_of_it(bot: LocalBot, aftermath: Aftermath) -> None:
    async def play() -> Result:
        async with bot.opponent(0, think_ms=20) as opponent:
            return await opponent.play(BOT, CLOCK, "random")

    assert aftermath.results
    assert asyncio.run(play()).status == "mate"


def test_no_takeover_follows_when_the_worker_set_stood_still_with_eight_games(
    bot: LocalBot, aftermath: Aftermath
) -> None:
    async def story() -> tuple[dict[str, Any], dict[str, Any]]:
        await wait_no_game()
        think_ms = 1500.0
        async with AsyncExitStack() as stack:
            opponents = [
                await stack.enter_async_context(bot.opponent(n, think_ms=lambda: think_ms))
                for n in range(8)
            ]
            ids = await asyncio.gather(*(o.challenge(BOT, CLOCK, "random") for o in opponents))
            rows = await asyncio.gather(*(wait_ply(game_id, 2) for game_id in ids))
            actors = {row["id"]: (row["actor"], row["takeovers"]) for row in rows}
            with frozen(await pid_of(WORKER_SET)):
                await asyncio.sleep(FREEZE_S)  # how long the freeze lasts
            think_ms = 300
            results = [
                asyncio.ensure_future(o.wait_result(i)) for o, i in zip(opponents, ids, strict=True)
            ]
            later = {}
            while not all(result.done() for result in results):
                for game in (await statistics())["games"]:
                    if game["actor"]:
                        later[game["id"]] = (game["actor"], game["takeovers"])
                await asyncio.sleep(0.5)
            assert {result.result().status for result in results} == {"mate"}
            return actors, later

    assert aftermath.results
    before, after = asyncio.run(story())
    assert {game: after.get(game, owner) for game, owner in before.items()} == before
