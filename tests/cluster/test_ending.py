"""A bot that is shut down while games begin: each game has its actor and is played to its end."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest

from actors.clients import engine_actors
from actors.ops.deploy import deploy
from actors.ops.fingerprint import actor_config
from actors.ops.shutdown import end_manager
from tests.cluster.local_bot import BOT, NAMESPACE, LocalBot, until, wait_no_game, wait_standbys

pytestmark = pytest.mark.cluster

LONG = (timedelta(minutes=10), timedelta(0))
GAMES = 5
"""Two more than there are standbys."""


@pytest.fixture
def ending(bot: LocalBot) -> Iterator[LocalBot]:
    """The bot runs again afterwards."""
    yield bot
    bot.sandbox.heal()
    asyncio.run(deploy(actor_config(bot.settings, BOT)))


async def plies(bot: LocalBot, *ids: str) -> Mapping[str, int]:
    """How far these games are, as Lichess sees them."""
    games = (await asyncio.to_thread(bot.sandbox.ledger))["games"]
    return {game["id"]: len(game["moves"]) for game in games if game["id"] in ids}


async def accepted(bot: LocalBot, *ids: str) -> bool:
    challenges = (await asyncio.to_thread(bot.sandbox.ledger))["challenges"]
    return all(c["outcome"] == "accepted" for c in challenges if c["id"] in ids)


def test_games_that_were_just_accepted_are_played_without_their_manager(
    ending: LocalBot,
) -> None:
    async def story() -> tuple[int, list[Any]]:
        await wait_no_game()
        await wait_standbys(3)
        async with AsyncExitStack() as stack:
            opponents = [
                await stack.enter_async_context(ending.opponent(number, think_ms=1000))
                for number in range(GAMES)
            ]
            ids = [await opponent.challenge(BOT, LONG, "white") for opponent in opponents]
            await until(lambda: accepted(ending, *ids), bool)
            played_on = await end_manager(NAMESPACE)
            for _ in range(3):  # after several cuts in a short time an actor asks for its lease
                before = await plies(ending, *ids)
                await until(
                    lambda: plies(ending, *ids),
                    lambda now, before=before: all(now[i] > before[i] + 1 for i in ids),  # type: ignore[misc]
                )
                await asyncio.to_thread(ending.sandbox.arm, "cut", user=BOT, endpoint="game-stream")
            for opponent, game_id in zip(opponents, ids, strict=True):
                await opponent.resign(game_id)
            await until(lambda: engine_actors(NAMESPACE), lambda left: not left)
            return played_on, [await o.wait_result(i) for o, i in zip(opponents, ids, strict=True)]

    played_on, results = asyncio.run(story())
    assert played_on == GAMES
    assert {result.status for result in results} == {"resign"}
    assert ending.moves_taken() - ending.moves_intended() == set()
