"""Starts Ray Serve on the head, with our guard in its proxy, and deploys the bot's endpoints."""

import asyncio
import logging
import os
from contextlib import suppress
from datetime import timedelta
from typing import Any

import ray
from ray import serve
from ray.serve.exceptions import RayServeException

from actors.clients import WORKER_SET
from actors.cluster import ON_THE_HEAD, ActorFailed, ActorGone, ActorSilent, ask, find_actor
from actors.http.endpoints import http_app
from actors.http.proxy_guard import ENVIRONMENT as GUARD
from actors.messages import ActorConfig
from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings

logging.getLogger("ray.serve").setLevel(logging.ERROR)  # its import sets INFO
ANSWER_PATIENCE = timedelta(seconds=10)
START_PATIENCE = timedelta(minutes=3)


def check_http(config: ActorConfig, settings: Settings) -> None:
    """Checks that a running Serve has our host and port, and that `/` is free or ours.

    Raises:
        EnvironmentProblem: Serve listens elsewhere, or another application has our paths.
    """
    client = _client()
    if client is None:
        return
    wanted = (settings.http.host, settings.http.port)
    has = (client.http_config.host, client.http_config.port)
    if has != wanted:
        raise EnvironmentProblem(
            f"Ray Serve on this cluster listens on {has[0]}:{has[1]}, not on "
            f"{wanted[0]}:{wanted[1]}: set http.host and http.port to those, or end it first "
            "(`crabstick down`)"
        )
    for name, application in client.get_serve_details()["applications"].items():
        if name != config.namespace and application["route_prefix"] == "/":
            raise EnvironmentProblem(
                f"the application {name!r} has this cluster's HTTP paths already: "
                "a second bot needs a cluster of its own"
            )


def _client() -> Any:  # noqa: ANN401 -- Serve has no public name for it
    """The client of the Serve that runs on this cluster; None while none runs."""
    return serve.context._get_global_client(raise_if_no_controller_running=False)  # noqa: SLF001


async def ensure_http(config: ActorConfig, settings: Settings) -> None:
    """Makes Serve run the endpoints as `config` says; the WorkerSet must run already.

    Raises:
        EnvironmentProblem: Serve does not start.
    """
    if await asyncio.to_thread(_client) is None:
        address = (settings.http.host, settings.http.port)
        if await _head_has_guard(config.namespace):
            await asyncio.to_thread(_start, *address)
        else:
            await _start_with_guard(*address)
    app = http_app(config)
    try:
        await asyncio.to_thread(serve.run, app, name=config.namespace, route_prefix="/")
    except RuntimeError as error:  # Serve raises it for an application that does not come up
        raise EnvironmentProblem(f"the HTTP endpoints do not start: {error}") from None


def _start(host: str, port: int) -> None:
    serve.start(proxy_location="HeadOnly", http_options={"host": host, "port": port})


async def _start_with_guard(host: str, port: int) -> None:
    """Starts Serve from a task, whose environment the proxy inherits; takes seconds longer."""
    task = ray.remote(_start).options(
        num_cpus=0, resources=ON_THE_HEAD, runtime_env={"env_vars": GUARD}
    )
    try:
        await ask(task.remote(host, port), START_PATIENCE)
    except (ActorSilent, ActorGone, ActorFailed) as error:
        raise EnvironmentProblem(f"Ray Serve does not start: {error}") from None


async def _head_has_guard(namespace: str) -> bool:
    """Whether Ray on the head was started with the variables that install our guard.

    Asks the WorkerSet, which runs on the head in the same environment as Serve's proxy.
    """
    worker_set = await find_actor(WORKER_SET, namespace)
    if worker_set is None:
        return False
    call = worker_set.__ray_call__
    try:
        # Ray sends a lambda by value. For a named function of this module, the WorkerSet would
        # import the module, and Ray Serve with it, and keep both in memory.
        answer = call.remote(lambda _actor: {name: os.environ.get(name) for name in GUARD})
        return await ask(answer, ANSWER_PATIENCE) == GUARD
    except (ActorSilent, ActorGone, ActorFailed):
        return False


async def end_http(namespace: str) -> None:
    """Deletes the bot's endpoints from Ray Serve; other applications stay."""
    with suppress(RayServeException):  # Serve does not run
        await asyncio.to_thread(serve.delete, namespace)
