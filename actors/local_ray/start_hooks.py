"""What `ray start` does differently on our clusters: Ray calls one of these before any process.

Ray imports the module in the process of `ray start` (RAY_START_HOOK), so patches of Ray's own
functions hold there alone.

A raylet waits for the ports of its two agents before it starts a worker. On two cores that takes as
long as everything else together. Here the ports are chosen beforehand, and the agents and the
dashboard start behind the bot, at a low priority.
"""

import inspect
import json
import logging
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Final, TypeVar

import ray.experimental.internal_kv as kv
from ray._private import ray_constants, services
from ray._private.authentication.authentication_token_setup import (
    enable_token_auth_by_default,
    ensure_token_if_auth_enabled,
)
from ray._private.parameter import RayParams
from ray._raylet import (  # type: ignore[attr-defined]  # no stub
    DASHBOARD_AGENT_LISTEN_PORT_NAME,
    METRICS_AGENT_PORT_NAME,
    METRICS_EXPORT_PORT_NAME,
    RUNTIME_ENV_AGENT_PORT_NAME,
    persist_port,
)

from actors.local_ray.low_memory_launcher import mask_modules
from actors.local_ray.ports import free_port
from actors.local_ray.process_ref import ProcessRef

T = TypeVar("T")

DASHBOARD_DEPENDENCIES: Final = "ray.dashboard.optional_deps"
"""Ray imports this module to find out whether its dashboard is installed."""
AGENTS: Final = (
    ray_constants.PROCESS_TYPE_DASHBOARD_AGENT,
    ray_constants.PROCESS_TYPE_RUNTIME_ENV_AGENT,
)
NO_AGENT: Final = ("/bin/sh", "-c", "exec cat >/dev/null")
"""In place of an agent, without which a raylet does not live: it waits for the raylet's death,
which closes its standard input (see `profiles.SMALL`)."""
PAGES: Final = ("NodeHead", "ReportHead", "JobHead", "StateHead", "ServeHead")
"""The dashboard's modules that a bot has something to show in; each is a process of 20 MB."""
BEHIND: Final = 15
"""The niceness of what only people look at, as long as the bot does not need the core."""
NO_SERVICE: Final = -1
"""Ray's word for the port of a service that is not there."""
AGENT_PORTS: Final = {
    METRICS_AGENT_PORT_NAME: "metrics_agent_port",
    METRICS_EXPORT_PORT_NAME: "metrics_export_port",
    DASHBOARD_AGENT_LISTEN_PORT_NAME: "dashboard_agent_listen_port",
}
"""The ports of the dashboard's agent: Ray's name in the session's files, and in its parameters."""
RUNTIME_ENV_PORTS: Final = {RUNTIME_ENV_AGENT_PORT_NAME: "runtime_env_agent_port"}
KEPT: Final = 5
"""How many folders with the logs of ended clusters stay, each of 3 to 10 MB."""
MARKER: Final = "crabstick.json"
"""Tells our folders from those of other programs; holds the `ray start` of the cluster."""


def without_client_server(parameters: RayParams, _is_head: bool) -> None:  # noqa: FBT001 -- Ray's signature
    """Leaves out the server of Ray Client; `ray start` has no option for that.

    On a busy machine that server starts too late, and its lateness ends the whole node.
    """
    parameters.ray_client_server_port = None


def authenticate() -> None:
    """Switches token authentication on, as `ray.init()` does for a cluster that it starts.

    The token is in ~/.ray/auth_token; a missing one is made. RAY_AUTH_MODE, if set, decides.
    """
    logging.getLogger("ray").setLevel(logging.ERROR)  # Ray would warn that it is on
    enable_token_auth_by_default()
    before = os.umask(0o077)  # the token gives full control of the cluster
    token = Path.home() / ".ray" / "auth_token"
    _remove_empty(token)
    try:
        ensure_token_if_auth_enabled(create_token_if_missing=True)
    finally:
        os.umask(before)
        _remove_empty(token)


def _remove_empty(file: Path) -> None:
    """Removes what a full disk has left: Ray would take it for a wrong token."""
    with suppress(OSError):
        if not file.stat().st_size:
            file.unlink()


def full(parameters: RayParams, is_head: bool) -> None:  # noqa: FBT001 -- Ray's signature
    """Leaves out what serves other programs: Ray Client, and the copying of logs to drivers."""
    _prepare(parameters, is_head, has_agents=True)
    services.start_api_server = _without_waiting(services.start_api_server)


def small(parameters: RayParams, is_head: bool) -> None:  # noqa: FBT001 -- Ray's signature
    """Leaves out the dashboard's server and the agents as well; nothing here has a `runtime_env`.

    Ray behaves as if the dashboard's dependencies were not installed and its server had not come
    up. Ray tolerates both.
    """
    mask_modules([DASHBOARD_DEPENDENCIES])
    _prepare(parameters, is_head, has_agents=False)
    services.start_api_server = lambda *_, **__: (None, None)


def _prepare(parameters: RayParams, is_head: bool, *, has_agents: bool) -> None:  # noqa: FBT001 -- as above
    authenticate()
    without_client_server(parameters, is_head)
    parameters.include_log_monitor = False  # type: ignore[assignment]  # Ray says str
    _choose_ports(parameters, has_agents=has_agents)
    _wrap_python(has_agents=has_agents)


def _choose_ports(parameters: RayParams, *, has_agents: bool) -> None:
    """Chooses the ports of the agents, and tells the raylet before it asks; marks the session."""
    for name in (*AGENT_PORTS.values(), *RUNTIME_ENV_PORTS.values()):
        setattr(parameters, name, getattr(parameters, name) or free_port())
    start: Callable[..., object] = services.start_raylet
    signature = inspect.signature(start)

    def start_raylet(*arguments: object, **options: object) -> object:
        given = signature.bind(*arguments, **options).arguments
        with suppress(OSError):  # a full disk, which Ray itself reports
            open_session(Path(given["session_dir"]), ProcessRef.of(os.getpid()))
        for port_name, parameter in {**AGENT_PORTS, **RUNTIME_ENV_PORTS}.items():
            is_there = has_agents or port_name in RUNTIME_ENV_PORTS
            port = given[parameter] if is_there else NO_SERVICE
            persist_port(given["session_dir"], given["node_id"], port_name, port)
        return start(*arguments, **options)

    services.start_raylet = start_raylet


def open_session(folder: Path, owner: ProcessRef) -> None:
    """Marks the folder of a new cluster, and removes old ones of ours beside it."""
    (folder / MARKER).write_text(json.dumps(asdict(owner)), encoding="utf-8")
    ended = [marker.parent for marker in folder.parent.glob(f"*/{MARKER}") if _has_ended(marker)]
    for old in sorted(ended, key=lambda one: one.name)[:-KEPT]:  # the names begin with the time
        shutil.rmtree(old, ignore_errors=True)


def _has_ended(marker: Path) -> bool:
    with suppress(OSError, ValueError, TypeError):
        return not ProcessRef(**json.loads(marker.read_text(encoding="utf-8"))).is_alive
    return False


def _wrap_python(*, has_agents: bool) -> None:
    """Runs dashboard and agents behind the bot, through our launcher."""
    build = services._build_python_executable_command_memory_profileable  # noqa: SLF001

    def wrapped(component: str, *arguments: object, **options: object) -> list[str]:
        if component in AGENTS and not has_agents:
            return [*NO_AGENT]
        command = [
            *build(component, *arguments, **options),  # type: ignore[arg-type]  # as given
            "-P",
            *("-m", "actors.local_ray.low_memory_launcher", "--nice", str(BEHIND)),
        ]
        if component == ray_constants.PROCESS_TYPE_DASHBOARD:
            command += ["--add", f"--modules-to-load={','.join(PAGES)}"]
        return command

    services._build_python_executable_command_memory_profileable = wrapped  # noqa: SLF001


def _without_waiting(start: Callable[..., T]) -> Callable[..., T]:
    """Starts the dashboard without waiting until it listens: its address is known."""
    signature = inspect.signature(start)

    def start_api_server(*arguments: object, **options: object) -> T:
        given = signature.bind(*arguments, **options).arguments
        address = f"{given['host']}:{given['port']}".encode()
        ask, kv._internal_kv_get = kv._internal_kv_get, lambda *_, **__: address  # noqa: SLF001
        try:
            return start(*arguments, **options)
        finally:
            kv._internal_kv_get = ask  # noqa: SLF001

    return start_api_server
