"""The two profiles of a local Ray cluster: full and small. docs/small.md has the cost of each.

Neither profile starts processes that serve only other programs. The small profile also leaves out
the dashboard and the processes that feed the dashboard; the bot needs none of them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ray._private import ray_constants, services
from ray._private.parameter import RayParams

from actors.local_ray.low_memory_launcher import mask_modules

HOOK_VARIABLE = "RAY_START_HOOK"
"""Names a function that `ray start` calls before it starts any process."""
DASHBOARD_DEPENDENCIES = "ray.dashboard.optional_deps"
"""Ray imports this module to find out whether its dashboard is installed."""
AGENT_DEPENDENCIES = (
    DASHBOARD_DEPENDENCIES,
    *("aiohttp", "aiohttp_cors", "opencensus", "opentelemetry", "prometheus_client", "pydantic"),
)
"""Ray without its dashboard lacks these modules; the agent imports some before it checks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How each node of a local Ray cluster is started, whatever its part in the cluster.

    Attributes:
        options: `ray start` options of every node.
        head_options: `ray start` options of the head alone.
        variables: environment of every node; their hook identifies the profile of a running node.
    """

    options: tuple[str, ...] = ()
    head_options: tuple[str, ...] = ()
    variables: Mapping[str, str]


def without_client_server(parameters: RayParams, _is_head: bool) -> None:  # noqa: FBT001 -- Ray's signature
    """Leaves out the server of Ray Client; `ray start` has no option for that.

    On a busy machine that server starts too late, and its lateness ends the whole node.
    """
    parameters.ray_client_server_port = None


def without_unused(parameters: RayParams, is_head: bool) -> None:  # noqa: FBT001 -- Ray's signature
    """Leaves out what serves other programs: Ray Client, and the copying of logs to drivers."""
    without_client_server(parameters, is_head)
    parameters.include_log_monitor = False  # type: ignore[assignment]  # Ray says str


def without_dashboard(parameters: RayParams, is_head: bool) -> None:  # noqa: FBT001 -- Ray's signature
    """Leaves out the dashboard's server as well, and most of its agent.

    Ray behaves as if the dashboard's dependencies were not installed and its server had not come
    up. Ray tolerates both.
    """
    without_unused(parameters, is_head)
    mask_modules([DASHBOARD_DEPENDENCIES])
    services.start_api_server = lambda *_, **__: (None, None)
    build = services._build_python_executable_command_memory_profileable  # noqa: SLF001
    services._build_python_executable_command_memory_profileable = _lean(build)  # noqa: SLF001


def _lean(build: Callable[..., list[str]]) -> Callable[..., list[str]]:
    """Runs both agents of a node through the launcher, the dashboard's with masked modules."""

    def lean(component: str, *args: object, **options: object) -> list[str]:
        command = [
            *build(component, *args, **options),
            "-P",
            "-m",
            "actors.local_ray.low_memory_launcher",
        ]
        if component == ray_constants.PROCESS_TYPE_DASHBOARD_AGENT:
            command += ["--without", ",".join(AGENT_DEPENDENCIES)]
        return command

    return lean


ALWAYS = {
    "RAY_preload_python_modules": "actors.local_ray.preload_trim_heap",
    # the guard of Serve's proxy: configured later it costs one more process, and seconds
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "actors.http.proxy_guard.install_guard",
    # an idle worker costs as much as a busy one, and Ray would keep one for each slot
    "RAY_num_workers_soft_limit": "0",
    "RAY_prestart_worker_first_driver": "0",
}
FULL = Profile(
    variables=MappingProxyType({HOOK_VARIABLE: f"{__name__}.{without_unused.__name__}", **ALWAYS})
)
SMALL = Profile(
    options=("--object-store-memory=80000000",),  # unused; Ray's minimum leaves more for games
    head_options=("--include-dashboard=false", "--no-monitor"),
    variables=MappingProxyType(
        {
            HOOK_VARIABLE: f"{__name__}.{without_dashboard.__name__}",
            **ALWAYS,
            "RAY_enable_metrics_collection": "0",  # without the agent they cannot be fetched
            "RAY_task_events_report_interval_ms": "0",  # only the dashboard shows them
        }
    ),
)
