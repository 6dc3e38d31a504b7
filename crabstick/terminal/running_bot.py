"""Deploys and queries the bot on the connected cluster, and waits for its games."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

from rich.console import Console

from actors.clients import (
    CALL_ERRORS,
    EngineActorClient,
    WorkerSetClient,
    engine_actors,
    find_worker_set,
)
from actors.cluster import ActorSilent
from actors.messages import ActorConfig, Statistics
from actors.ops.connect import dashboard_url
from actors.ops.deploy import deploy
from actors.ops.shutdown import end_manager
from crabstick.explain import counted
from crabstick.settings import Settings
from crabstick.terminal.bot_deployer import print_addresses

T = TypeVar("T")

STATISTICS_PATIENCE = timedelta(seconds=5)
RAY_PATIENCE = timedelta(seconds=60)
"""How long Ray may be silent before we give up games that go on without its head."""
REFRESH_S = 0.5
GONE_AFTER_S = 10
"""While new code or settings replace the WorkerSet, there is none for a second or two."""
LOST_BY_CTRL_C = "Ctrl-C ends Ray, and they run out of time"


def deploy_bot(config: ActorConfig, console: Console) -> bool:
    """Deploys the bot on the connected cluster; returns False when it ran there already.

    Raises:
        EnvironmentProblem: the cluster cannot run the bot, or its listener does not hear Lichess.
    """
    changed = asyncio.run(deploy(config))
    print_addresses(Settings.from_message(config.settings), dashboard_url(), console)
    return changed


async def fetch_statistics(namespace: str) -> Statistics | None:
    """The WorkerSet's statistics; None when the WorkerSet does not run or does not answer."""
    with suppress(ActorSilent):
        worker_set = await find_worker_set(namespace)
        if worker_set is not None:
            return await _statistics_of(worker_set)
    return None


async def _statistics_of(worker_set: WorkerSetClient) -> Statistics | None:
    with suppress(*CALL_ERRORS):
        return await worker_set.statistics(STATISTICS_PATIENCE)
    return None


async def show(namespace: str, draw: Callable[[Statistics], None]) -> None:
    """Draws the state of the bot periodically; returns when the bot has been gone for a while."""
    clock = asyncio.get_running_loop().time
    gone_since_s: float | None = None
    while gone_since_s is None or clock() - gone_since_s < GONE_AFTER_S:
        with suppress(ActorSilent):  # the head is away: the games go on
            worker_set = await find_worker_set(namespace)
            if worker_set is None:
                gone_since_s = gone_since_s or clock()
            else:
                gone_since_s = None
                statistics = await _statistics_of(worker_set)
                if statistics is not None:
                    draw(statistics)
        await asyncio.sleep(REFRESH_S)


async def wait_for_games(
    namespace: str, say: Callable[[str], None], ctrl_c: str = LOST_BY_CTRL_C
) -> None:
    """Ends the manager and returns after the last game; `ctrl_c` says what Ctrl-C would do.

    Raises:
        ActorSilent: Ray has not answered for a minute.
    """
    games = await _answer(lambda: end_manager(namespace))
    if games:
        say(f"no more challenges; waiting for {counted(games, 'game')} ({ctrl_c})")
    while await _answer(lambda: _is_any_game_left(namespace)):  # noqa: ASYNC110 -- we get no event
        await asyncio.sleep(REFRESH_S)


async def _is_any_game_left(namespace: str) -> bool:
    """Whether any actor may still play: after its game an actor stands by."""
    actors = await engine_actors(namespace)
    return not all(await asyncio.gather(*(_stands_by(actor) for actor in actors)))


async def _stands_by(actor: EngineActorClient) -> bool:
    try:
        return (await actor.describe_any(STATISTICS_PATIENCE)).phase == "standby"
    except CALL_ERRORS:
        return False


async def _answer(ask: Callable[[], Awaitable[T]]) -> T:
    """What Ray answers, asked again and again while its head is away: the games go on."""
    clock = asyncio.get_running_loop().time
    until_s = clock() + RAY_PATIENCE.total_seconds()
    while True:
        try:
            return await ask()
        except ActorSilent:
            if clock() >= until_s:
                raise
        await asyncio.sleep(REFRESH_S)
