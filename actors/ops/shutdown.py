"""Shuts a bot down: the listener first, then the WorkerSet; running games continue.

Used by `/shutdown`, `crabstick down` and an upgrade, so that the order stands in one place.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta

from actors.clients import ActorClient, EngineActorClient, EventListenerClient, WorkerSetClient
from actors.cluster import (
    ActorFailed,
    ActorGone,
    ActorSilent,
    find_actor,
    find_actors,
    in_gcs_thread,
)
from actors.messages import WrongProtocol
from actors.names import EVENT_LISTENER, WORKER_SET, is_engine_actor

__all__ = ["end_games", "end_manager", "engine_actors", "find_listener", "find_worker_set"]

PATIENCE = timedelta(seconds=5)
SHUTDOWN_PATIENCE = timedelta(seconds=20)
"""A WorkerSet that shuts down first finds actors for games that have none."""
NO_ANSWER = (ActorGone, ActorSilent, ActorFailed, WrongProtocol)


async def find_worker_set(namespace: str) -> WorkerSetClient | None:
    """The WorkerSet of a bot; None when there is none.

    Raises:
        ActorAway: the GCS did not answer in time.
    """
    handle = await find_actor(WORKER_SET, namespace)
    return None if handle is None else WorkerSetClient(handle)


async def find_listener(namespace: str) -> EventListenerClient | None:
    """The EventListener of a bot; None when there is none.

    Raises:
        ActorAway: the GCS did not answer in time.
    """
    handle = await find_actor(EVENT_LISTENER, namespace)
    return None if handle is None else EventListenerClient(handle)


async def engine_actors(namespace: str) -> list[EngineActorClient]:
    """All EngineActors of a bot that live.

    Raises:
        ActorAway: the GCS did not answer in time.
    """
    found = await find_actors(namespace, is_engine_actor)
    return [EngineActorClient(handle) for handle in found.values()]


async def end_manager(namespace: str) -> int:
    """Ends EventListener and WorkerSet and returns how many games continue without them.

    Raises:
        ActorAway: the GCS did not answer in time.
    """
    listener = await find_listener(namespace)
    if listener is not None:
        with suppress(*NO_ANSWER):  # a challenge that is being accepted is a game soon
            await listener.shut_down(PATIENCE)
        await _kill(listener)
    worker_set = await find_worker_set(namespace)
    if worker_set is None:
        return 0
    try:
        await worker_set.ping(PATIENCE)  # it may hang
        games = (await worker_set.shut_down(SHUTDOWN_PATIENCE)).games
    except NO_ANSWER:  # it hangs or is dead
        await _kill(worker_set)
        return await _end_standbys(namespace)
    await _kill(worker_set)
    await _end_standbys(namespace)  # one that it did not know, or made at the last moment
    return games


async def _end_standbys(namespace: str) -> int:
    """Ends the actors without a game, which their WorkerSet could not; how many have a game."""
    actors = await engine_actors(namespace)
    idle = await asyncio.gather(*(_is_idle(actor) for actor in actors))
    for actor, is_idle in zip(actors, idle, strict=True):
        if is_idle:
            await _kill(actor)
    return idle.count(False)


async def _is_idle(actor: EngineActorClient) -> bool:
    try:
        return (await actor.describe_any(PATIENCE)).phase == "standby"
    except NO_ANSWER:
        return False


async def end_games(namespace: str) -> int:
    """Resigns every running game (Lichess aborts it while it may), and ends the actors.

    Returns how many games were given up.
    """
    actors = await engine_actors(namespace)
    return sum(await asyncio.gather(*(_give_up(actor) for actor in actors)))


async def _give_up(actor: EngineActorClient) -> bool:
    has_given_up = False
    with suppress(*NO_ANSWER):
        has_given_up = (await actor.give_up(PATIENCE)).gave_up
    await _kill(actor)
    return has_given_up


async def _kill(actor: ActorClient) -> None:
    await in_gcs_thread(actor.kill)
