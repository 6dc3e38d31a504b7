"""Faults of nodes, of the managers, of Ray Serve and of the head."""

import asyncio
import signal
import time

from crabstick.errors import EnvironmentProblem
from tests.chaos.ray_nodes import RayNode
from tests.chaos.schedule import chosen
from tests.chaos.target import NotNow, NotPossible, Target, frozen, send


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
