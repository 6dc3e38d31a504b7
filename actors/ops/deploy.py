"""Starts a bot on a Ray cluster, unless the bot already runs there.

`deploy` compares the fingerprint of code and settings with that of the running bot. If they differ,
it replaces listener and WorkerSet; the games stay with their actors. A game is played to its end by
the code that it began with, so the old code and the new code have to speak the same protocol.
Conditions are checked first; if one does not hold, nothing is changed.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import partial

from actors.clients import (
    CALL_ERRORS,
    EVENT_LISTENER,
    WORKER_SET,
    EngineActorClient,
    EventListenerClient,
    WorkerSetClient,
    engine_actors,
    find_listener,
    find_worker_set,
)
from actors.cluster import (
    ON_THE_HEAD,
    ActorError,
    Handle,
    NameTaken,
    create_actor,
    find_actors,
    in_gcs_thread,
    read_nodes,
    require_life,
)
from actors.event_listener.event_listener import EventListener
from actors.messages import (
    PROTOCOL,
    ActorConfig,
    ForeignDescription,
    ListenerDescription,
    WorkerSetDescription,
)
from actors.ops.node_probe import PACKAGES
from actors.ops.shutdown import HALFWAY_PATIENCE, PATIENCE, end_manager
from actors.worker_set.worker_set import WorkerSet
from crabstick.errors import EnvironmentProblem
from crabstick.rules.cluster_view import DEFAULT_ENGINE, Demand, unplaced
from crabstick.settings import Settings

ANSWER_PATIENCE = timedelta(seconds=10)
START_PATIENCE = timedelta(minutes=3)
LISTENER_PATIENCE = timedelta(seconds=20)
STANDBY_PATIENCE = timedelta(seconds=10)
SERVE = "serve"
"""The namespace of Ray Serve's actors. Source: ray.serve._private.constants."""
NAME_PATIENCE_S = 15
"""Ray frees the name of a killed actor a moment after the kill."""
POLL_S = 0.1
LOOK_EVERY_S = 1.0


async def deploy(
    config: ActorConfig, on_play: Callable[[], None] = lambda: None
) -> WorkerSetDescription | None:
    """Makes the bot run with `config`; returns what ran before, None when that was the same.

    `on_play` is called when a changed bot plays; Ray Serve with its endpoints follows.

    Raises:
        EnvironmentProblem: the cluster cannot run it, or its listener does not hear Lichess.
        ActorAway, ActorFailed: Ray's GCS does not answer in time, or Ray refuses.
    """
    settings = Settings.from_message(config.settings)
    serve = await find_actors(SERVE, lambda _: True)
    is_served = any(name.startswith(f"SERVE_REPLICA::{config.namespace}#") for name in serve)
    if serve and settings.http.enabled:
        from actors.http.start_serve import check_http

        await asyncio.to_thread(check_http, config, settings)
    before = await ensure_manager(config)
    problem = await wait_listening(config.namespace, LISTENER_PATIENCE)
    if problem:
        raise EnvironmentProblem(f"{config.bot} is up but does not hear Lichess: {problem}")
    if before:
        on_play()
        await _wait_for_standby(config.namespace)  # Serve's start would take the core from it
    if settings.http.enabled and (before or not is_served):
        from actors.http.start_serve import ensure_http

        await ensure_http(config, settings)
    if is_served and not settings.http.enabled:
        from actors.http.start_serve import end_http

        await end_http(config.namespace)
    return before


async def problem_of(namespace: str) -> str:
    """Why the bot cannot play as it should; empty when it can, or does not tell."""
    with suppress(*CALL_ERRORS):
        if (worker_set := await find_worker_set(namespace)) is not None:
            return (await worker_set.statistics(ANSWER_PATIENCE)).problem
    return ""


async def _wait_for_standby(namespace: str) -> None:
    """Returns when an actor is ready or plays and no game waits, or after `STANDBY_PATIENCE`."""
    with suppress(TimeoutError, *CALL_ERRORS):
        async with asyncio.timeout(STANDBY_PATIENCE.total_seconds()):
            while (worker_set := await find_worker_set(namespace)) is not None:
                seen = await worker_set.statistics(ANSWER_PATIENCE)
                placed = [actor for actor in seen.actors if actor.node]  # a node may never come
                is_any_starting = any(actor.phase == "starting" for actor in placed)
                if placed and not is_any_starting and all(game.actor for game in seen.games):
                    return
                await asyncio.sleep(POLL_S)


async def ensure_manager(config: ActorConfig) -> WorkerSetDescription | None:
    """Makes WorkerSet and EventListener run with `config`; returns what `deploy` returns.

    Raises:
        EnvironmentProblem: one of them does not start, or must not replace the running one.
        ActorAway, ActorFailed: Ray's GCS does not answer in time, or Ray refuses.
    """
    worker_set, listener = await _running(config.namespace)
    if worker_set.fingerprint == listener.fingerprint == config.fingerprint:
        return None
    require_same_bot(worker_set.bot or config.bot, config.bot)
    settings = Settings.from_message(config.settings)
    await in_gcs_thread(lambda: require_slots(settings))
    await require_compatible(config.namespace)
    await end_manager(config.namespace)
    manager = WorkerSetClient(await _create(WorkerSet, WORKER_SET, config))
    handle = await _create(EventListener, EVENT_LISTENER, config, manager.handle)
    for name, client in ((WORKER_SET, manager), (EVENT_LISTENER, EventListenerClient(handle))):
        ping = asyncio.ensure_future(client.ping(START_PATIENCE))
        try:
            while not (await asyncio.wait({ping}, timeout=LOOK_EVERY_S))[0]:
                look = partial(require_life, client.handle)
                await in_gcs_thread(look, patience=HALFWAY_PATIENCE)
            await ping
        except ActorError as error:
            raise EnvironmentProblem(_why_not(name, str(error))) from None
    return worker_set


def _why_not(name: str, error: str) -> str:
    if any(f"No module named '{package}" in error for package in PACKAGES):
        return (
            "the nodes of this cluster do not have crabstick's code: install it on every node, or "
            "submit it with `ray job submit --working-dir . -- python -m crabstick up --detach`"
        )
    return f"the {name} does not start: {error}"


async def _running(namespace: str) -> tuple[WorkerSetDescription, ListenerDescription]:
    """Describes the running managers; a manager that does not answer gets an empty description."""
    worker_set, listener = await find_worker_set(namespace), await find_listener(namespace)
    manager, listening = WorkerSetDescription(), ListenerDescription()
    with suppress(*CALL_ERRORS):
        manager = await worker_set.describe(ANSWER_PATIENCE) if worker_set else manager
    with suppress(*CALL_ERRORS):
        listening = await listener.describe(ANSWER_PATIENCE) if listener else listening
    return manager, listening


async def _create(actor: type, name: str, config: ActorConfig, *arguments: Handle) -> Handle:
    message = config.model_copy(update={"name": name}).pack()

    def create() -> Handle:
        return create_actor(
            actor,
            name,
            config.namespace,
            message,
            *arguments,
            max_restarts=-1,
            num_cpus=0,
            resources=ON_THE_HEAD,
        )

    until_s = time.monotonic() + NAME_PATIENCE_S
    while True:
        try:
            return await in_gcs_thread(create, patience=HALFWAY_PATIENCE)
        except NameTaken:
            if time.monotonic() > until_s:
                raise EnvironmentProblem(
                    f"another {name} holds its name in the namespace {config.namespace}"
                ) from None
        await asyncio.sleep(POLL_S)


async def wait_listening(namespace: str, patience: timedelta) -> str:
    """Waits for the listener's first line from Lichess; returns why none came, or an empty text."""
    until_s = time.monotonic() + patience.total_seconds()
    while True:
        listener = await find_listener(namespace)
        if listener is None:
            return "there is no EventListener"
        answer = await listener.describe(ANSWER_PATIENCE)
        if answer.age_s is not None:
            return ""
        if time.monotonic() > until_s:
            return answer.problem or "Lichess has not answered yet"
        await asyncio.sleep(POLL_S)


def require_same_bot(running: str, wanted: str) -> None:
    """Requires that the running bot has the wanted account.

    Raises:
        EnvironmentProblem: the running bot has another account.
    """
    if running.lower() != wanted.lower():
        raise EnvironmentProblem(
            f"{running} plays on this cluster, and the token is that of {wanted}: a second bot "
            "needs a cluster of its own, or end the first one with `crabstick down` (nothing was "
            "changed)"
        )


def require_slots(settings: Settings) -> None:
    """Requires a node of the connected cluster that is large enough, unless nodes come later.

    Raises:
        EnvironmentProblem: every node has too few CPUs or too little memory.
    """
    asks = settings.demands()[DEFAULT_ENGINE].resources
    size = Demand(resources={name: asks[name] for name in ("CPU", "memory")})
    players = [node for node in read_nodes() if node.cpus]
    too_small = unplaced({DEFAULT_ENGINE: size}, players)
    if too_small and players and not settings.cluster.autoscaling:
        raise EnvironmentProblem(f"{too_small} (nothing was changed)")


async def require_compatible(namespace: str) -> None:
    """Requires that the actors of all running games speak our protocol, or do not answer.

    Raises:
        EnvironmentProblem: some of them speak another protocol.
    """
    actors = await engine_actors(namespace)
    answers = await asyncio.gather(*(_protocol(actor) for actor in actors))
    foreign = [answer.v for answer in answers if answer.game and answer.v != PROTOCOL]
    if foreign:
        games = f"{len(foreign)} game{'s' * (len(foreign) > 1)}"
        raise EnvironmentProblem(
            f"{games} would be lost: their actors speak protocol {foreign[0]}, this version of "
            f"crabstick speaks {PROTOCOL}; end that bot first with `crabstick down --wait` of its "
            "own version (nothing was changed)"
        )


async def _protocol(actor: EngineActorClient) -> ForeignDescription:
    try:
        return await actor.describe_any(PATIENCE)
    except CALL_ERRORS:
        return ForeignDescription()
