"""Deploys the bot on the connected cluster, queries the bot, and waits for its games."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import TypeVar

from rich.console import Console

from actors.clients import (
    CALL_ERRORS,
    ActorClient,
    WorkerSetClient,
    engine_actors,
    find_listener,
    find_worker_set,
)
from actors.cluster import ActorFailed, ActorGone, ActorSilent
from actors.messages import ActorConfig, Statistics
from actors.ops.connect import dashboard_url
from actors.ops.deploy import deploy, wait_listening
from actors.ops.shutdown import end_manager
from crabstick.errors import EnvironmentProblem
from crabstick.explain import counted
from crabstick.settings import Settings

T = TypeVar("T")

LISTENER_PATIENCE = timedelta(seconds=20)
STATISTICS_PATIENCE = timedelta(seconds=5)
RESTORE_PATIENCE = timedelta(seconds=60)
RAY_PATIENCE = timedelta(seconds=60)
"""How long Ray may be silent before we give up games that go on without its head."""
REFRESH_S = 0.5
GONE_AFTER_S = 10
"""While new code or settings replace the WorkerSet, there is none for a second or two."""
LOST_BY_CTRL_C = "Ctrl-C ends Ray, and they run out of time"


def deploy_bot(config: ActorConfig, console: Console) -> bool:
    """Deploys the bot; returns False when the bot already ran with this `config`.

    Raises:
        EnvironmentProblem: the cluster cannot run the bot, or its listener does not hear Lichess.
    """
    settings = Settings.from_message(config.settings)
    changed = asyncio.run(deploy(config))
    problem = asyncio.run(wait_listening(config.namespace, LISTENER_PATIENCE))
    if problem:
        raise EnvironmentProblem(f"{config.bot} is up but does not hear Lichess: {problem}")
    address = dashboard_url()
    console.print(f"Ray dashboard: {address or 'none'}", soft_wrap=True)
    if address and os.environ.get("RAY_AUTH_MODE") == "token":
        console.print("  (it asks for the token that `ray get-auth-token` prints)")
    host = "127.0.0.1" if settings.http.host == "0.0.0.0" else settings.http.host  # noqa: S104
    console.print(f"Metrics: http://{host}:{settings.http.port}/metrics", soft_wrap=True)
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
    while await _answer(lambda: engine_actors(namespace)):  # noqa: ASYNC110 -- we get no event
        await asyncio.sleep(REFRESH_S)


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


async def wait_restored(namespace: str) -> None:
    """Waits until Ray has restarted the managers on the head; gives up after a minute."""
    until_s = time.monotonic() + RESTORE_PATIENCE.total_seconds()
    for find in (find_worker_set, find_listener):
        while time.monotonic() < until_s:
            if await _is_restored(find, namespace):
                break
            await asyncio.sleep(REFRESH_S)


async def _is_restored(
    find: Callable[[str], Awaitable[ActorClient | None]], namespace: str
) -> bool:
    """Whether the manager answers, or does not exist at all."""
    try:
        manager = await find(namespace)
        if manager is not None:
            await manager.ping(STATISTICS_PATIENCE)
    except (ActorGone, ActorSilent):
        return False
    except ActorFailed:
        pass  # that is an answer too
    return True
