"""`crabstick up` with other settings while games run: the managers change, the games do not."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest

from actors.clients import EVENT_LISTENER, WORKER_SET
from actors.cluster import find_actor
from actors.ops.deploy import deploy
from actors.ops.fingerprint import actor_config
from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings
from crabstick.settings.changes import changes
from tests.cluster.local_bot import (
    BOT,
    NAMESPACE,
    LocalBot,
    pid_of,
    statistics,
    until,
    wait_no_game,
    wait_ply,
    wait_standbys,
)

pytestmark = pytest.mark.cluster

LONG = (timedelta(minutes=10), timedelta(0))
THINK_MS = 9000
"""Slow enough that no game ends before the deploys of a busy machine."""


@pytest.fixture
def settings(bot: LocalBot) -> Iterator[Settings]:
    """Other settings than those that run; these are brought back afterwards."""
    limits = bot.settings.engine.limits.model_copy(update={"move_time_ms": 90})
    engine = bot.settings.engine.model_copy(update={"limits": limits})
    yield bot.settings.model_copy(update={"engine": engine})
    asyncio.run(deploy(actor_config(bot.settings, BOT)))


async def begin(stack: AsyncExitStack, bot: LocalBot, number: int) -> str:
    """A game against a slow opponent, so that it lasts."""
    opponent = await stack.enter_async_context(bot.opponent(number, think_ms=THINK_MS))
    game_id = await opponent.challenge(BOT, LONG, "random")
    await wait_ply(game_id, 2)
    return game_id


async def go_on_and_end(bot: LocalBot, games: Mapping[int, str]) -> set[str]:
    """How the games end, when their opponents resign after some more moves."""
    plies = {row["id"]: row["ply"] for row in (await statistics())["games"]}
    await asyncio.gather(*(wait_ply(i, plies.get(i, 0) + 2) for i in games.values()))

    async def statuses() -> list[str]:
        for number, game_id in games.items():
            await asyncio.to_thread(bot.resign, game_id, number)
        ledger = await asyncio.to_thread(bot.sandbox.ledger)
        return [game["status"] for game in ledger["games"] if game["id"] in games.values()]

    ended = await until(statuses, lambda all_of_them: "started" not in all_of_them)
    return set(ended)


async def owners(*ids: str) -> dict[str, tuple[str, int]]:
    """The actor of each game, and its number of takeovers."""
    await asyncio.gather(*(wait_ply(game_id, 2) for game_id in ids))
    rows = {row["id"]: row for row in (await statistics())["games"]}
    return {i: (rows[i]["actor"], rows[i]["takeovers"]) for i in ids}


async def listener() -> object:
    return await find_actor(EVENT_LISTENER, NAMESPACE)


async def manager_pids() -> tuple[int, int]:
    return await pid_of(WORKER_SET), await pid_of(EVENT_LISTENER)


def test_other_settings_there_and_back_cost_no_game_and_no_challenge(
    bot: LocalBot, settings: Settings
) -> None:
    told: list[str] = []

    async def story() -> tuple[list[Any], list[Any], set[str]]:
        async with AsyncExitStack() as stack:
            await wait_standbys(2)
            games = {number: await begin(stack, bot, number) for number in (0, 1)}
            ids = list(games.values())
            who, pids = [await owners(*ids)], [await manager_pids()]
            old = repr(await listener())
            late = await stack.enter_async_context(bot.opponent(2, think_ms=THINK_MS))
            for wanted in (settings, bot.settings):
                deployed = asyncio.ensure_future(deploy(actor_config(wanted, BOT)))
                if len(games) < 3:  # a challenge comes before the new listener hears
                    await until(listener, lambda found: repr(found) != old)
                    games[2] = await late.challenge(BOT, LONG, "random")
                before = await deployed
                assert before is not None
                told.extend(changes(before.settings, wanted))
                who.append(await owners(*ids))
                pids.append(await manager_pids())
            return who, pids, await go_on_and_end(bot, games)

    who, pids, statuses = asyncio.run(story())
    assert statuses <= {"resign", "mate"}
    key, old = "engine.limits.move_time_ms", bot.settings.engine.limits.move_time_ms
    assert told == [f"{key}: {old} -> 90", f"{key}: 90 -> {old}"]
    assert who[1:] == who[:1] * 2
    assert len({pid for pair in pids for pid in pair}) == 6
    assert bot.moves_taken() - bot.moves_intended() == set()


def test_a_version_with_another_protocol_than_the_running_games_changes_nothing(
    bot: LocalBot, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story() -> tuple[tuple[int, int], tuple[int, int], set[str]]:
        await wait_no_game()
        async with AsyncExitStack() as stack:
            await wait_standbys(1)
            games = {0: await begin(stack, bot, 0)}
            before = await manager_pids()
            monkeypatch.setattr("actors.ops.deploy.PROTOCOL", 2)
            with pytest.raises(EnvironmentProblem, match=r"1 game .* speak protocol 1, .* 2;"):
                await deploy(actor_config(settings, BOT))
            monkeypatch.undo()
            return before, await manager_pids(), await go_on_and_end(bot, games)

    before, after, statuses = asyncio.run(story())
    assert after == before
    assert statuses <= {"resign", "mate"}


@pytest.mark.parametrize(
    ("account", "cluster", "words"),
    [
        (BOT, {"slot_cpus": 1000.0}, "no node has the 1000 CPUs and 256 MB that a game asks for"),
        ("another", {}, f"{BOT} plays on this cluster, and the token is that of another"),
    ],
)
def test_settings_that_cannot_work_here_replace_no_manager(
    bot: LocalBot, account: str, cluster: dict[str, Any], words: str
) -> None:
    async def story() -> tuple[tuple[int, int], tuple[int, int]]:
        before = await manager_pids()
        slots = bot.settings.cluster.model_copy(update=cluster)
        settings = bot.settings.model_copy(update={"cluster": slots})
        with pytest.raises(EnvironmentProblem, match=words):
            await deploy(actor_config(settings, account))
        return before, await manager_pids()

    before, after = asyncio.run(story())
    assert after == before
