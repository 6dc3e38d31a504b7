"""The two profiles of a local Ray cluster: full and small. docs/small.md has the cost of each.

Neither profile starts processes that serve only other programs. The small profile also leaves out
the dashboard and the processes that feed the dashboard; the bot needs none of them. This module
does not import Ray, which takes longer than everything else in `crabstick up`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

HOOK_VARIABLE = "RAY_START_HOOK"
"""Names a function that `ray start` calls before it starts any process."""
_HOOKS = "actors.local_ray.start_hooks"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """How the node of a local Ray cluster is started.

    Attributes:
        options: of `ray start --head`.
        variables: its environment.
        has_dashboard: whether Ray's dashboard is started.
    """

    options: tuple[str, ...]
    variables: Mapping[str, str]
    has_dashboard: bool


ALWAYS = {
    "RAY_preload_python_modules": "actors.local_ray.preload_trim_heap",
    # the guard of Serve's proxy: configured later it costs one more process, and seconds
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "actors.http.proxy_guard.install_guard",
    # an idle worker costs as much as a busy one, and Ray would keep one for each slot
    "RAY_num_workers_soft_limit": "0",
    "RAY_prestart_worker_first_driver": "0",
    # Serve has one replica that never scales: its loops may turn more slowly
    "RAY_SERVE_CONTROL_LOOP_INTERVAL_S": "0.5",
    "RAY_SERVE_METRICS_EXPORT_INTERVAL_MS": "5000",
}
FULL = Profile(
    options=("--no-monitor",),  # the autoscaler's: no node comes here
    variables=MappingProxyType({HOOK_VARIABLE: f"{_HOOKS}.full", **ALWAYS}),
    has_dashboard=True,
)
SMALL = Profile(
    options=(
        "--object-store-memory=80000000",  # unused; Ray's minimum leaves more for games
        "--include-dashboard=false",
        "--no-monitor",
    ),
    variables=MappingProxyType(
        {
            HOOK_VARIABLE: f"{_HOOKS}.small",
            **ALWAYS,
            "RAY_enable_pipe_based_agent_to_parent_health_check": "1",  # by `start_hooks.NO_AGENT`
            "RAY_enable_metrics_collection": "0",  # without the agent they cannot be fetched
            "RAY_task_events_report_interval_ms": "0",  # only the dashboard shows them
        }
    ),
    has_dashboard=False,
)
PROFILES: Mapping[str, Profile] = MappingProxyType({"full": FULL, "small": SMALL})
