"""Faults of nodes, of the managers, of Ray Serve and of the head."""

import asyncio
import signal
import time

from crabstick.errors import EnvironmentProblem
from tests.chaos.nodes import RayNode
from tests.chaos.scene import NotNow, NotPossible, Scene, frozen, send
from tests.chaos.schedule import chosen

__all__ = [
    "cut_node",
    "drain_node",
    "freeze_node",
    "freeze_process",
    "kill_head",
    "kill_node",
    "kill_process",
]


def _node(scene: Scene) -> RayNode:
    return chosen(scene.injection.pick, scene.arena.workers)


async def kill_node(scene: Scene) -> None:
    node = _node(scene)
    await asyncio.to_thread(node.kill)
    await asyncio.to_thread(node.start)


async def drain_node(scene: Scene) -> None:
    node = _node(scene)
    node.drain()
    until_s = time.monotonic() + scene.injection.kind.recovery.total_seconds()
    while not node.has_ended:
        if time.monotonic() > until_s:
            raise EnvironmentProblem(f"{node.name} drains for ever")
        await asyncio.sleep(0.1)
    await asyncio.to_thread(scene.arena.replace, node)


async def freeze_node(scene: Scene) -> None:
    node = _node(scene)
    node.signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(scene.span_s)
    finally:
        node.signal(signal.SIGCONT)


async def cut_node(scene: Scene, links: slice) -> None:
    node = _node(scene)
    if not node.place.links:
        raise NotPossible("no network namespaces here")
    for link in node.place.links[links]:
        await _run("ip", "link", "set", link, "down")
    try:
        await asyncio.sleep(scene.span_s)
    finally:
        for link in node.place.links[links]:
            await _run("ip", "link", "set", link, "up")


async def _run(*command: str) -> None:
    child = await asyncio.create_subprocess_exec(*command)
    if await child.wait():
        raise EnvironmentProblem(f"{' '.join(command)} failed")


# Managers.


async def kill_process(scene: Scene, title: str) -> None:
    send(_pid(scene, title), signal.SIGKILL)


async def freeze_process(scene: Scene, title: str) -> None:
    with frozen(_pid(scene, title)):
        await asyncio.sleep(scene.span_s)


def _pid(scene: Scene, title: str) -> int:
    process = scene.arena.process(title)
    if process is None:
        raise NotNow(f"no process is called {title}")
    return process.pid


async def kill_head(scene: Scene) -> None:
    await asyncio.to_thread(scene.arena.head.kill)
    await asyncio.sleep(scene.span_s)
    await asyncio.to_thread(scene.arena.head.start)
