"""Faults of engines and of the actors that own them."""

import asyncio
import signal
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import psutil

from tests.chaos.engine import mischief
from tests.chaos.scene import (
    MOMENT_LIMIT_S,
    Moment,
    NotNow,
    Scene,
    at_moment,
    find_victim,
    frozen,
    send,
)

__all__ = [
    "freeze_actor",
    "freeze_engine",
    "kill_actor",
    "kill_at_full_capacity",
    "kill_engine",
    "kill_standbys",
    "mislead_engine",
]

LOOK_S: Final = 0.005


def _engine_of(pid: int) -> psutil.Process:
    with suppress(psutil.Error):
        for child in psutil.Process(pid).children(recursive=True):
            if "tests.chaos.engine" in child.cmdline() or "engine.embedded" in child.cmdline():
                return child
    raise NotNow("the actor has no engine")


async def kill_engine(scene: Scene) -> str:
    victim = await find_victim(scene)
    send(_engine_of(victim.pid).pid, signal.SIGKILL)
    return victim.game


async def freeze_engine(scene: Scene) -> str:
    """The host has to notice, and kills it."""
    victim = await find_victim(scene)
    send(_engine_of(victim.pid).pid, signal.SIGSTOP)
    return victim.game


async def mislead_engine(scene: Scene, mode: str) -> str:
    victim = await find_victim(scene)
    if "tests.chaos.engine" not in _engine_of(victim.pid).cmdline():
        raise NotNow("its engine is the embedded one by now")
    order = mischief(scene.arena.orders, victim.pid, mode)
    until_s = time.monotonic() + MOMENT_LIMIT_S
    while order.exists():
        if time.monotonic() > until_s:
            order.unlink(missing_ok=True)
            raise NotNow("the engine was not asked for a move")
        await asyncio.sleep(LOOK_S)
    return victim.game


# Actors.


async def kill_actor(scene: Scene, moment: Moment) -> str:
    victim = await at_moment(scene, moment)
    send(victim.pid, signal.SIGKILL)
    return victim.game


async def freeze_actor(scene: Scene, moment: Moment) -> str:
    victim = await at_moment(scene, moment)
    with frozen(victim.pid):
        await asyncio.sleep(scene.span_s)
    return victim.game


def _idle_actors(scene: Scene, busy: Mapping[str, str]) -> list[int]:
    """The processes of actors that play nothing."""
    playing = {scene.arena.logs.pids.get(actor) for actor in busy.values()}
    return [
        process.pid
        for node in scene.arena.workers
        for process in node.processes()
        if process.title.startswith("ray::EngineActor") and process.pid not in playing
    ]


async def kill_standbys(scene: Scene) -> None:
    busy = {row["id"]: row["actor"] for row in await scene.doctor.games()}
    await asyncio.to_thread(scene.arena.logs.read)
    unknown = [actor for actor in busy.values() if actor not in scene.arena.logs.pids]
    idle = _idle_actors(scene, busy)
    if unknown or not idle:
        raise NotNow("nobody is known to wait")
    for pid in idle:
        send(pid, signal.SIGKILL)


async def kill_at_full_capacity(scene: Scene) -> str:
    """With the standbys gone too, the game waits for a cold start."""
    victim = await find_victim(scene)
    await kill_standbys(scene)
    send(victim.pid, signal.SIGKILL)
    return victim.game
