"""Shuts a bot down: the listener first, then the WorkerSet; running games continue.

`/shutdown`, `crabstick down` and an upgrade all use this order. Every function raises `ActorAway`
when the GCS does not answer in time, and `ActorFailed` when Ray refuses. After the first change
they wait longer for the GCS: a shutdown that stops half-way leaves a bot neither up nor down.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta

from actors.clients import (
    CALL_ERRORS,
    ActorClient,
    EngineActorClient,
    engine_actors,
    find_listener,
    find_worker_set,
)
from actors.cluster import in_gcs_thread

PATIENCE = timedelta(seconds=5)
HALFWAY_PATIENCE = timedelta(minutes=1)
"""The patience with the GCS once something has changed: as long as Ray itself would wait."""
SHUTDOWN_PATIENCE = timedelta(seconds=20)
"""A WorkerSet that shuts down first finds actors for the games without one."""


async def end_manager(namespace: str) -> int:
    """Ends EventListener and WorkerSet; returns how many games continue without them."""
    listener, worker_set = await find_listener(namespace), await find_worker_set(namespace)
    if listener is not None:
        with suppress(*CALL_ERRORS):  # an accepted challenge becomes a game first
            await listener.shut_down(PATIENCE)
        await _kill(listener)
    if worker_set is None:
        return 0
    try:
        await worker_set.ping(PATIENCE)  # it may hang
        games = (await worker_set.shut_down(SHUTDOWN_PATIENCE)).games
    except CALL_ERRORS:  # it hangs or is dead
        await _kill(worker_set)
        return await _end_standbys(namespace)
    await _kill(worker_set)
    await _end_standbys(namespace)  # standbys unknown to it, or made at the last moment
    return games


async def _end_standbys(namespace: str) -> int:
    """Ends the actors without a game; returns how many have a game."""
    actors = await engine_actors(namespace, HALFWAY_PATIENCE)
    idle = await asyncio.gather(*(_is_idle(actor) for actor in actors))
    for actor, is_idle in zip(actors, idle, strict=True):
        if is_idle:
            await _kill(actor)
    return idle.count(False)


async def _is_idle(actor: EngineActorClient) -> bool:
    try:
        return (await actor.describe_any(PATIENCE)).phase == "standby"
    except CALL_ERRORS:
        return False


async def end_games(namespace: str) -> int:
    """Resigns (or aborts) every running game and ends all EngineActors.

    Returns how many games Lichess ended. An actor that cannot be ended does not keep the others
    from resigning; the error is raised when all have tried.
    """
    actors = await engine_actors(namespace)
    results = await asyncio.gather(*(_give_up(actor) for actor in actors), return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results.count(True)


async def _give_up(actor: EngineActorClient) -> bool:
    has_given_up = False
    with suppress(*CALL_ERRORS):
        has_given_up = (await actor.give_up(PATIENCE)).gave_up
    await _kill(actor)
    return has_given_up


async def _kill(actor: ActorClient) -> None:
    await in_gcs_thread(actor.kill, patience=HALFWAY_PATIENCE)
