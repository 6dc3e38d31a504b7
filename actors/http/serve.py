"""Ray Serve on the head: it starts with our door in its proxy, and runs the bot's endpoints."""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

import ray
from ray import serve
from ray.serve.exceptions import RayServeException

from actors.cluster import ON_THE_HEAD, ActorFailed, ActorGone, ActorSilent, ask, find_actor
from actors.http.app import http_app
from actors.http.environment import variables
from actors.http.guard import ENVIRONMENT as DOOR
from actors.messages import ActorConfig
from actors.names import WORKER_SET
from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings

__all__ = ["check_http", "end_http", "ensure_http"]

ANSWER_PATIENCE = timedelta(seconds=10)
START_PATIENCE = timedelta(seconds=90)


def check_http(config: ActorConfig, settings: Settings) -> None:
    """Host and port belong to the cluster, whoever starts Serve first decides them; `/` is ours.

    Raises:
        EnvironmentProblem: Serve listens elsewhere, or another application has our paths.
    """
    wanted = (settings.http.host, settings.http.port)
    client = _client()
    if client is not None:
        has = (client.http_config.host, client.http_config.port)
        if has != wanted:
            raise EnvironmentProblem(
                f"Ray Serve on this cluster listens on {has[0]}:{has[1]}, not on "
                f"{wanted[0]}:{wanted[1]}: set http.host and http.port to those, or end it first "
                "(`crabstick down`)"
            )
        others = [
            name
            for name, application in client.get_serve_details()["applications"].items()
            if name != config.namespace and application["route_prefix"] == "/"
        ]
        if others:
            raise EnvironmentProblem(
                f"the application {others[0]!r} has this cluster's HTTP paths already: "
                "a second bot needs a cluster of its own"
            )


def _client() -> Any:  # noqa: ANN401 -- Serve's own, which has no public name
    """What is known of the Serve that runs on this cluster; None while there is none."""
    return serve.context._get_global_client(raise_if_no_controller_running=False)  # noqa: SLF001


async def ensure_http(config: ActorConfig, settings: Settings) -> None:
    """The endpoints run as `config` says, once its WorkerSet does.

    Raises:
        EnvironmentProblem: Serve does not start.
    """
    if await asyncio.to_thread(_client) is None:
        where = (settings.http.host, settings.http.port)
        if await _head_has_door(config.namespace):
            await asyncio.to_thread(_start, *where)
        else:
            await _start_with_door(*where)
    app = http_app(config)
    try:
        await asyncio.to_thread(serve.run, app, name=config.namespace, route_prefix="/")
    except RuntimeError as error:  # Serve's word for an application that does not come up
        raise EnvironmentProblem(f"the HTTP endpoints do not start: {error}") from None


def _start(host: str, port: int) -> None:
    serve.start(proxy_location="HeadOnly", http_options={"host": host, "port": port})


async def _start_with_door(host: str, port: int) -> None:
    """As a task, of which Serve's proxy inherits the environment; that takes seconds longer."""
    task: Any = ray.remote(_start).options(
        num_cpus=0, resources=ON_THE_HEAD, runtime_env={"env_vars": DOOR}
    )
    try:
        await ask(task.remote(host, port), START_PATIENCE)
    except (ActorSilent, ActorGone, ActorFailed) as error:
        raise EnvironmentProblem(f"Ray Serve does not start: {error}") from None


async def _head_has_door(namespace: str) -> bool:
    """Whether the head's Ray was started with what Serve's proxy needs for our door."""
    worker_set: Any = await find_actor(WORKER_SET, namespace)
    if worker_set is None:
        return False
    try:
        answer = await ask(worker_set.__ray_call__.remote(variables, [*DOOR]), ANSWER_PATIENCE)
    except (ActorSilent, ActorGone, ActorFailed):
        return False
    return answer == DOOR


async def end_http(namespace: str) -> None:
    """Takes the bot's endpoints off Ray Serve; other applications stay."""
    with suppress(RayServeException):  # Serve does not run: nothing to take off
        await asyncio.to_thread(serve.delete, namespace)
