"""Brings a bot up on a Ray cluster, and changes nothing when it is there already.

`deploy` is get-or-create: the fingerprint of code and settings says whether what runs is what is
wanted. If not, listener and WorkerSet are replaced; the games stay with their actors.
"""

import asyncio
import hashlib
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import ray

from actors.cluster import ON_THE_HEAD, ActorFailed, ActorGone, ActorSilent, Handle, ask
from actors.event_listener.event_listener import EventListener
from actors.http.serve import check_http, ensure_http
from actors.messages import EMPTY, ActorConfig, Packed
from actors.names import EVENT_LISTENER, WORKER_SET
from actors.ops.compatibility import require_compatible, require_same_bot, require_slots
from actors.ops.shutdown import end_manager, find
from actors.worker_set.worker_set import WorkerSet
from crabstick import __version__
from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings

__all__ = ["actor_config", "deploy", "ensure_manager", "wait_heard"]

ANSWER_PATIENCE = timedelta(seconds=10)
START_PATIENCE = timedelta(seconds=90)
NAME_PATIENCE_S = 15
"""Ray frees the name of a killed actor a moment after the kill."""
POLL_S = 0.1


def actor_config(settings: Settings, bot: str) -> ActorConfig:
    """What every actor of this bot is made with; `name` is filled in for each."""
    code = hashlib.sha256(__version__.encode())
    root = Path(__file__).parents[2]
    for package in ("actors", "crabstick", "engine"):
        for path in sorted((root / package).rglob("*.py")):
            code.update(path.relative_to(root).as_posix().encode() + path.read_bytes())
    fingerprint = hashlib.sha256(f"{code.hexdigest()} {bot} {settings.fingerprint()}".encode())
    return ActorConfig(
        name="",
        namespace=settings.cluster.namespace,
        bot=bot,
        fingerprint=fingerprint.hexdigest()[:12],
        settings=settings.to_message(),
    )


async def deploy(config: ActorConfig) -> bool:
    """Makes the bot run as `config` says; False when it already did.

    Raises:
        EnvironmentProblem: the cluster cannot run it.
    """
    settings = Settings.from_message(config.settings)
    await asyncio.to_thread(check_http, config, settings)
    changed = await ensure_manager(config)
    await ensure_http(config, settings)
    return changed


async def ensure_manager(config: ActorConfig) -> bool:
    """WorkerSet and EventListener run as `config` says; False when they already did.

    Raises:
        EnvironmentProblem: one of them does not start, or what runs may not be replaced by it.
    """
    found = [await _described(name, config.namespace) for name in (WORKER_SET, EVENT_LISTENER)]
    if [one.get("fingerprint") for one in found] == [config.fingerprint] * 2:
        return False
    require_same_bot(str(found[0].get("bot", config.bot)), config.bot)
    await asyncio.to_thread(require_slots, Settings.from_message(config.settings).cluster)
    await require_compatible(config.namespace)
    await end_manager(config.namespace)
    worker_set = await _create(WorkerSet, WORKER_SET, config)
    listener = await _create(EventListener, EVENT_LISTENER, config, worker_set)
    for name, handle in ((WORKER_SET, worker_set), (EVENT_LISTENER, listener)):
        try:
            await ask(handle.describe.remote(EMPTY), START_PATIENCE)
        except (ActorGone, ActorSilent, ActorFailed) as error:
            raise EnvironmentProblem(_why_not(name, str(error))) from None
    return True


def _why_not(name: str, error: str) -> str:
    if "ModuleNotFoundError" in error or "No module named" in error:
        return (
            "the nodes of this cluster do not have crabstick's code: install it on every node, or "
            "submit it with `ray job submit --working-dir . -- python -m crabstick up --detach`"
        )
    return f"the {name} does not start: {error}"


async def _described(name: str, namespace: str) -> Packed:
    """What a manager says of itself; nothing when there is none or it does not answer."""
    handle = await find(name, namespace)
    if handle is None:
        return {}
    try:
        return await ask(handle.describe.remote(EMPTY), ANSWER_PATIENCE)
    except (ActorGone, ActorSilent, ActorFailed):
        return {}


async def _create(actor: type, name: str, config: ActorConfig, *args: Handle) -> Handle:
    message = config.model_copy(update={"name": name}).pack()
    remote: Any = ray.remote(actor).options(
        name=name,
        namespace=config.namespace,
        lifetime="detached",
        max_restarts=-1,
        num_cpus=0,
        resources=ON_THE_HEAD,
    )
    until_s = time.monotonic() + NAME_PATIENCE_S
    while True:
        try:
            return cast("Handle", await asyncio.to_thread(remote.remote, message, *args))
        except ValueError:  # the name is still taken
            if time.monotonic() > until_s:
                raise EnvironmentProblem(
                    f"another {name} holds its name in the namespace {config.namespace}"
                ) from None
        await asyncio.sleep(POLL_S)


async def wait_heard(namespace: str, patience: timedelta) -> str:
    """Waits until the listener has heard Lichess; else the reason why not, empty for none."""
    until_s = time.monotonic() + patience.total_seconds()
    while True:
        handle = await find(EVENT_LISTENER, namespace)
        if handle is None:
            return "there is no EventListener"
        answer = await ask(handle.describe.remote(EMPTY), ANSWER_PATIENCE)
        if answer["age_s"] is not None:
            return ""
        if time.monotonic() > until_s:
            return str(answer["problem"] or "Lichess has not answered yet")
        await asyncio.sleep(POLL_S)
