"""Faults of engines and of the actors that own them."""

import asyncio
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import psutil

from tests.chaos.faulty_engine import order_fault
from tests.chaos.target import (
    ENGINE_ACTORS,
    PHASE_LIMIT_S,
    NotNow,
    Phase,
    Target,
    find_actor,
    frozen,
    send,
    wait_phase,
)

POLL_S: Final = 0.005


def _engine_of(pid: int) -> psutil.Process:
    with suppress(psutil.Error):
        for child in psutil.Process(pid).children(recursive=True):
            if "tests.chaos.faulty_engine" in child.cmdline() or "engine.fairy" in child.cmdline():
                return child
    raise NotNow("the actor has no engine")


async def kill_engine(target: Target) -> str:
    actor = await find_actor(target)
    send(_engine_of(actor.pid).pid, signal.SIGKILL)
    return actor.game


async def freeze_engine(target: Target) -> str:
    """The actor has to notice the frozen engine and kill it."""
    actor = await find_actor(target)
    send(_engine_of(actor.pid).pid, signal.SIGSTOP)
    return actor.game


async def make_engine_fail(target: Target, mode: str) -> str:
    actor = await find_actor(target)
    if "tests.chaos.faulty_engine" not in _engine_of(actor.pid).cmdline():
        raise NotNow("its engine is the bundled one by now")
    order = order_fault(target.cluster.folder, actor.pid, mode)
    until_s = time.monotonic() + PHASE_LIMIT_S
    while order.exists():
        if time.monotonic() > until_s:
            order.unlink(missing_ok=True)
            raise NotNow("the engine got no search")
        await asyncio.sleep(POLL_S)
    return actor.game


# Actors.


async def kill_actor(target: Target, phase: Phase) -> str:
    actor = await wait_phase(target, phase)
    send(actor.pid, signal.SIGKILL)
    return actor.game


async def freeze_actor(target: Target, phase: Phase) -> str:
    actor = await wait_phase(target, phase)
    with frozen(actor.pid):
        await asyncio.sleep(target.span_s)
    return actor.game


def _idle_actors(target: Target, busy: Mapping[str, str]) -> list[int]:
    """The processes of the actors without a game."""
    playing = {target.cluster.logs.pids.get(actor) for actor in busy.values()}
    return [
        process.pid
        for node in target.cluster.workers
        for process in node.processes()
        if process.title.startswith(ENGINE_ACTORS) and process.pid not in playing
    ]


async def kill_standbys(target: Target) -> None:
    busy = {row["id"]: row["actor"] for row in await target.health.games()}
    await asyncio.to_thread(target.cluster.logs.read)
    unknown = [actor for actor in busy.values() if actor not in target.cluster.logs.pids]
    idle = _idle_actors(target, busy)
    if unknown or not idle:
        raise NotNow("no standby is known")
    for pid in idle:
        send(pid, signal.SIGKILL)


async def kill_at_full_capacity(target: Target) -> str:
    """Kills the standbys too, so that the game waits for a cold start."""
    actor = await find_actor(target)
    await kill_standbys(target)
    send(actor.pid, signal.SIGKILL)
    return actor.game
