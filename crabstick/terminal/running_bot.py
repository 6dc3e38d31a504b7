"""Deploys and queries the bot on the connected cluster, and waits for its games."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
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
from actors.messages import ActorConfig, Description, GameRow, Statistics
from actors.ops.connect import connect, dashboard_url, disconnect
from actors.ops.deploy import deploy
from actors.ops.shutdown import end_manager
from crabstick.explain import counted
from crabstick.settings import Settings
from crabstick.terminal.bot_deployer import print_addresses
from crabstick.terminal.find_cluster import BotCluster, require_cluster

T = TypeVar("T")

STATISTICS_PATIENCE = timedelta(seconds=5)
RAY_PATIENCE = timedelta(seconds=60)
"""How long Ray may be silent before we give up games that go on without its head."""
REFRESH_S = 0.5
GONE_AFTER_S = 10
"""While new code or settings replace the WorkerSet, there is none for a second or two."""
GOING_DOWN = "the bot is going down: no more challenges"
LOST_BY_CTRL_C = "Ctrl-C ends Ray, and they run out of time"


@contextmanager
def connected(settings: Settings, address: str | None, advice: str = "") -> Iterator[BotCluster]:
    """Connects this process to the bot's cluster, the named one or the local one.

    Raises:
        EnvironmentProblem: no bot runs here, and then `advice` says what else could be meant; or
            the cluster does not answer.
    """
    cluster = require_cluster(settings, address, advice)
    connect(cluster.address, settings.cluster.namespace)
    try:
        yield cluster
    finally:
        disconnect()


def deploy_bot(config: ActorConfig, console: Console) -> None:
    """Deploys the bot on the connected cluster.

    Raises:
        EnvironmentProblem: the cluster cannot run the bot, or its listener does not hear Lichess.
    """
    asyncio.run(deploy(config))
    print_addresses(Settings.from_message(config.settings), dashboard_url(), console)


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
    """Draws the state of the bot periodically; returns when the bot has been gone for a while.

    After another command has shut the bot down, the games that are played to their ends are drawn.
    """
    clock = asyncio.get_running_loop().time
    gone_since_s: float | None = None
    bot = ""
    while gone_since_s is None or clock() - gone_since_s < GONE_AFTER_S:
        with suppress(ActorSilent):  # the head is away: the games go on
            worker_set = await find_worker_set(namespace)
            if worker_set is None:
                left = await _games_left(namespace)
                gone_since_s = None if left else gone_since_s or clock()
                if left:
                    draw(Statistics(bot=bot, problem=GOING_DOWN, games=left))
            else:
                gone_since_s = None
                statistics = await _statistics_of(worker_set)
                if statistics is not None:
                    bot = statistics.bot
                    draw(statistics)
        await asyncio.sleep(REFRESH_S)


async def _games_left(namespace: str) -> tuple[GameRow, ...]:
    """The games that actors still play, as they tell it themselves."""
    actors = await engine_actors(namespace)
    told = await asyncio.gather(*(_description_of(actor) for actor in actors))
    return tuple(
        GameRow(**dict(one.progress), id=one.game, actor=one.name, node=one.node)
        for one in told
        if one is not None and one.game is not None
    )


async def _description_of(actor: EngineActorClient) -> Description | None:
    with suppress(*CALL_ERRORS):
        return await actor.describe(STATISTICS_PATIENCE)
    return None


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
