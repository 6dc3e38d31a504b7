"""The two forms of a Ray of our own: whole, and small. docs/small.md has what each costs.

Neither starts what nobody uses on one machine. The small one is also without its dashboard and
what feeds it: those are for people, the bot needs none of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from ray._private import ray_constants, services

from actors.local_ray.ray_command import mask_modules
from actors.local_ray.start_hook import without_client_server

__all__ = ["FULL", "HOOK_VARIABLE", "SMALL", "Profile", "without_dashboard", "without_unused"]

HOOK_VARIABLE = "RAY_START_HOOK"
"""The function that it names is called by `ray start` before anything is started."""
DASHBOARD_NEEDS = "ray.dashboard.optional_deps"
"""Where Ray looks whether it is installed with its dashboard."""
AGENT_NEEDS = (
    DASHBOARD_NEEDS,
    *("aiohttp", "aiohttp_cors", "opencensus", "opentelemetry", "prometheus_client", "pydantic"),
)
"""What such an installation lacks: the dashboard's agent tries to import it before it looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How each node of a Ray of ours is started, beside what its part in the cluster asks for.

    Attributes:
        options: of `ray start`, on each node.
        head_options: those of the head alone.
        variables: in the environment of each node; the hook that they name tells the profile.
    """

    options: tuple[str, ...] = ()
    head_options: tuple[str, ...] = ()
    variables: Mapping[str, str]


def without_unused(parameters: Any, is_head: bool) -> None:  # noqa: ANN401, FBT001 -- Ray's profile
    """Leaves out what serves other programs: Ray Client, and the copying of logs to drivers."""
    without_client_server(parameters, is_head)
    parameters.include_log_monitor = False


def without_dashboard(parameters: Any, is_head: bool) -> None:  # noqa: ANN401, FBT001 -- Ray's profile
    """Leaves out the dashboard's server as well, and most of its agent.

    To Ray it is as if its dashboard's dependencies were not installed, which it puts up with, and
    as if the server had not come up.
    """
    without_unused(parameters, is_head)
    mask_modules([DASHBOARD_NEEDS])
    services.start_api_server = lambda *_, **__: (None, None)
    build = services._build_python_executable_command_memory_profileable  # noqa: SLF001
    services._build_python_executable_command_memory_profileable = _lean(build)  # noqa: SLF001


def _lean(build: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """Has `ray_command` run the two agents, the dashboard's as if it were installed without."""

    def lean(component: str, *args: Any, **options: Any) -> list[str]:  # noqa: ANN401 -- Ray's
        command = [*build(component, *args, **options), "-P", "-m", "actors.local_ray.ray_command"]
        if component == ray_constants.PROCESS_TYPE_DASHBOARD_AGENT:
            command += ["--without", ",".join(AGENT_NEEDS)]
        return command

    return lean


ALWAYS = {
    "RAY_preload_python_modules": "actors.local_ray.preload",
    # the door of `http_door`, for Serve's proxy: given later it costs a process more, and seconds
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "actors.http.guard.install_guard",
    # a worker that waits for work costs as much as one that works, and Ray would keep one a slot
    "RAY_num_workers_soft_limit": "0",
    "RAY_prestart_worker_first_driver": "0",
}
FULL = Profile(
    variables=MappingProxyType({HOOK_VARIABLE: f"{__name__}.{without_unused.__name__}", **ALWAYS})
)
SMALL = Profile(
    options=("--object-store-memory=80000000",),  # unused; Ray's least, and the rest is for games
    head_options=("--include-dashboard=false", "--no-monitor"),
    variables=MappingProxyType(
        {
            HOOK_VARIABLE: f"{__name__}.{without_dashboard.__name__}",
            **ALWAYS,
            "RAY_enable_metrics_collection": "0",  # nobody could fetch them
            "RAY_task_events_report_interval_ms": "0",  # only the dashboard shows them
        }
    ),
)
