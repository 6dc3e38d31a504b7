"""Faults of nodes, of the managers, of Ray Serve, of the head, and of a bot's only machine."""

import asyncio
import signal
import time
from typing import Final

import psutil

from crabstick.errors import EnvironmentProblem
from tests.chaos.chaos_cluster import ON_THE_HEAD
from tests.chaos.faulty_engine import CHUNK_BYTES
from tests.chaos.ray_nodes import RayNode, processes, send_signal
from tests.chaos.schedule import chosen
from tests.chaos.target import NotNow, NotPossible, Target, frozen, send

NOTICED_S: Final = 2
OVERFULL_PERCENT: Final = 1
POLL_S: Final = 0.01


def _node(target: Target) -> RayNode:
    return chosen(target.injection.pick, target.cluster.workers)


async def kill_node(target: Target) -> None:
    node = _node(target)
    await asyncio.to_thread(node.kill)
    await asyncio.to_thread(node.start)


async def drain_node(target: Target) -> None:
    node = _node(target)
    node.drain()
    until_s = time.monotonic() + target.injection.kind.recovery.total_seconds()
    while not node.has_ended:
        if time.monotonic() > until_s:
            raise EnvironmentProblem(f"{node.name} drains for ever")
        await asyncio.sleep(0.1)
    await asyncio.to_thread(target.cluster.replace, node)


async def freeze_node(target: Target) -> None:
    node = _node(target)
    node.signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(target.span_s)
    finally:
        node.signal(signal.SIGCONT)


async def cut_node(target: Target, links: slice) -> None:
    node = _node(target)
    if not node.network.links:
        raise NotPossible("no network namespaces here")
    for link in node.network.links[links]:
        await _run("ip", "link", "set", link, "down")
    try:
        await asyncio.sleep(target.span_s)
    finally:
        for link in node.network.links[links]:
            await _run("ip", "link", "set", link, "up")


async def _run(*command: str) -> None:
    child = await asyncio.create_subprocess_exec(*command)
    if await child.wait():
        raise EnvironmentProblem(f"{' '.join(command)} failed")


# Managers.


async def kill_process(target: Target, title: str) -> None:
    send(_pid(target, title), signal.SIGKILL)


async def freeze_process(target: Target, title: str) -> None:
    with frozen(_pid(target, title)):
        await asyncio.sleep(target.span_s)


def _pid(target: Target, title: str) -> int:
    process = target.cluster.process(title)
    if process is None:
        raise NotNow(f"no process is called {title}")
    return process.pid


async def kill_head(target: Target) -> None:
    await asyncio.to_thread(target.cluster.head.kill)
    await asyncio.sleep(target.span_s)
    await asyncio.to_thread(target.cluster.head.start)


# One machine.


async def kill_ray(target: Target, program: str) -> None:
    """Kills that program of the bot's Ray, or all of it; the supervisor has to notice soon."""
    (log,) = target.cluster.folder.glob(".ray/crabstick-*.log")
    before = log.stat().st_size
    send_signal(target.cluster.leader, signal.SIGKILL, program)
    until_s = time.monotonic() + NOTICED_S
    while log.stat().st_size == before:
        if time.monotonic() > until_s:
            raise EnvironmentProblem("the supervisor does not notice")
        await asyncio.sleep(POLL_S)


async def fill_memory(target: Target) -> None:
    """Uses more memory than Ray was told to bear; it must not kill anything for that."""
    memory = psutil.virtual_memory()
    lacking = target.cluster.full_percent + OVERFULL_PERCENT - memory.percent
    count = int(lacking / 100 * memory.total / CHUNK_BYTES)
    managers = {_pid(target, title) for title in ON_THE_HEAD}
    hoard = await asyncio.to_thread(lambda: [b"." * CHUNK_BYTES for _ in range(count)])
    await asyncio.sleep(target.span_s)
    del hoard
    if managers - {process.pid for process in processes(target.cluster.leader)}:
        raise EnvironmentProblem("Ray has killed managers for want of memory")
