"""Ends a bot: first the ear, then the manager; the games are played on by their actors.

Used by `/shutdown`, `crabstick down` and an upgrade, so the order stands in one place.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta

import ray
from ray import serve
from ray.serve.exceptions import RayServeException

from actors.cluster import ActorFailed, ActorGone, ActorSilent, Handle, ask, kill_actor
from actors.messages import EMPTY
from actors.names import EVENT_LISTENER, WORKER_SET, serial_of

__all__ = ["end_games", "end_http", "end_manager", "engine_actors", "find"]

PATIENCE = timedelta(seconds=5)
CLOSING_PATIENCE = timedelta(seconds=20)
"""A WorkerSet that closes finds actors for games that have none."""


async def find(name: str, namespace: str) -> Handle | None:
    """The handle of a named actor; None when there is none."""
    try:
        return await asyncio.to_thread(ray.get_actor, name, namespace)
    except ValueError:
        return None


async def end_manager(namespace: str) -> int:
    """Ends EventListener and WorkerSet and returns how many games go on without them."""
    listener = await find(EVENT_LISTENER, namespace)
    if listener is not None:
        await _let_finish(listener)
        await asyncio.to_thread(kill_actor, listener)
    worker_set = await find(WORKER_SET, namespace)
    if worker_set is None:
        return 0
    games = 0
    try:
        await ask(worker_set.describe.remote(EMPTY), PATIENCE)  # it may hang
        answer = await ask(worker_set.shut_down.remote(EMPTY), CLOSING_PATIENCE)
        games = int(str(answer.get("games", 0)))
    except (ActorGone, ActorSilent, ActorFailed):  # it hangs or is dead
        await asyncio.to_thread(kill_actor, worker_set)
        return await _end_standbys(namespace)
    await asyncio.to_thread(kill_actor, worker_set)
    await _end_standbys(namespace)  # one that it did not know, or made at the last moment
    return games


async def _let_finish(listener: Handle) -> None:
    """A challenge that is being accepted is a game soon, and somebody has to hear of it."""
    with suppress(ActorGone, ActorSilent, ActorFailed, AttributeError):  # it may be of older code
        await ask(listener.shut_down.remote(EMPTY), PATIENCE)


async def _end_standbys(namespace: str) -> int:
    """Ends the actors that play nothing, which their manager could not; how many play."""
    actors = await engine_actors(namespace)
    idle = await asyncio.gather(*(_is_idle(actor) for actor in actors))
    for actor, is_idle in zip(actors, idle, strict=True):
        if is_idle:
            await asyncio.to_thread(kill_actor, actor)
    return idle.count(False)


async def _is_idle(actor: Handle) -> bool:
    try:
        return (await ask(actor.describe.remote(EMPTY), PATIENCE)).get("phase") == "standby"
    except (ActorGone, ActorSilent, ActorFailed):
        return False


async def engine_actors(namespace: str) -> list[Handle]:
    """The handles of all EngineActors that live."""
    entries = await asyncio.to_thread(ray.util.list_named_actors, all_namespaces=True)
    ours = [
        entry["name"]
        for entry in entries
        if entry["namespace"] == namespace and serial_of(entry["name"]) is not None
    ]
    found = [await find(name, namespace) for name in ours]
    return [handle for handle in found if handle is not None]


async def end_games(namespace: str) -> int:
    """Resigns every running game (Lichess aborts it while it may), and ends the actors."""
    actors = await engine_actors(namespace)
    gave_up = await asyncio.gather(*(_give_up(actor) for actor in actors))
    return sum(gave_up)


async def _give_up(actor: Handle) -> bool:
    try:
        answer = await ask(actor.give_up.remote(EMPTY), PATIENCE)
    except (ActorGone, ActorSilent, ActorFailed):
        answer = {}
    await asyncio.to_thread(kill_actor, actor)
    return bool(answer.get("gave_up"))


async def end_http(namespace: str) -> None:
    """Takes the bot's endpoints off Ray Serve; other applications stay."""
    with suppress(RayServeException):  # Serve does not run: nothing to take off
        await asyncio.to_thread(serve.delete, namespace)
