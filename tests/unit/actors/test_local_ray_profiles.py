"""What each profile leaves out. The canaries read Ray's own files: they fail when Ray changes."""

import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import ray
from ray._private import ray_constants, services, utils
from ray._private.node import Node
from ray._private.parameter import RayParams

from actors.http.proxy_guard import ENVIRONMENT as GUARD
from actors.local_ray.profiles import (
    AGENT_DEPENDENCIES,
    DASHBOARD_DEPENDENCIES,
    FULL,
    HOOK_VARIABLE,
    SMALL,
    Profile,
    without_client_server,
)
from actors.local_ray.ray_node import ENVIRONMENT

PROFILES = {"full": FULL, "small": SMALL}
BUILD = "_build_python_executable_command_memory_profileable"


@pytest.fixture(autouse=True)
def _restore_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("start_api_server", BUILD):
        monkeypatch.setattr(services, name, getattr(services, name))
    monkeypatch.setitem(sys.modules, DASHBOARD_DEPENDENCIES, sys)
    del sys.modules[DASHBOARD_DEPENDENCIES]


def run_hook(profile: Profile) -> Any:
    """The parameters of a head after the profile's hook, found as Ray finds it."""
    module, _, name = profile.variables[HOOK_VARIABLE].rpartition(".")
    parameters = RayParams(ray_client_server_port=10001)
    getattr(importlib.import_module(module), name)(parameters, True)  # noqa: FBT003 -- Ray's signature
    return parameters


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_no_profile_starts_what_only_other_programs_use(profile: Profile) -> None:
    parameters = run_hook(profile)
    assert parameters.ray_client_server_port is None
    assert parameters.include_log_monitor is False
    assert profile.variables["RAY_num_workers_soft_limit"] == "0"
    assert importlib.util.find_spec(profile.variables["RAY_preload_python_modules"])
    assert profile.variables.items() >= GUARD.items()


def test_the_hook_of_the_manifests_leaves_out_ray_client_alone() -> None:
    parameters = RayParams(ray_client_server_port=10001)
    without_client_server(parameters, True)  # noqa: FBT003 -- Ray's signature
    assert parameters.ray_client_server_port is None
    assert parameters.include_log_monitor == RayParams().include_log_monitor


def test_the_full_profile_keeps_the_dashboard() -> None:
    before = services.start_api_server
    run_hook(FULL)
    assert services.start_api_server is before
    assert utils.get_dashboard_dependency_error() is None
    assert (FULL.options, FULL.head_options) == ((), ())


def test_the_small_profile_looks_to_ray_like_an_installation_without_dashboard() -> None:
    run_hook(SMALL)
    assert isinstance(utils.get_dashboard_dependency_error(), ImportError)
    start: Any = services.start_api_server
    assert start(False, raise_on_failure=False) == (None, None)  # noqa: FBT003 -- Ray's signature


def test_the_small_profile_masks_modules_of_the_dashboard_agent_alone() -> None:
    run_hook(SMALL)
    command = getattr(services, BUILD)(ray_constants.PROCESS_TYPE_DASHBOARD_AGENT, "session")
    assert command[:5] == [sys.executable, "-u", "-P", "-m", "actors.local_ray.low_memory_launcher"]
    assert command[5] == "--without"
    assert DASHBOARD_DEPENDENCIES in command[6].split(",")
    other = getattr(services, BUILD)(ray_constants.PROCESS_TYPE_RUNTIME_ENV_AGENT, "session")
    assert other == command[:5], "it needs its aiohttp"


def test_canary_ray_tolerates_a_dashboard_server_that_did_not_come_up() -> None:
    """Reads Ray's source."""
    assert "if process_info is not None" in inspect.getsource(Node.start_api_server)


def test_canary_the_masked_modules_are_those_that_the_dashboard_needs() -> None:
    """Reads Ray's source."""
    dependencies = Path(ray.__file__).parent / "dashboard" / "optional_deps.py"
    imported = re.findall(
        r"^(?:import|from) (\w+)", dependencies.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert set(AGENT_DEPENDENCIES) - {DASHBOARD_DEPENDENCIES} <= set(imported)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_canary_this_ray_knows_each_option_and_variable(profile: Profile) -> None:
    """Reads Ray's source and its raylet."""
    scripts = (Path(ray.__file__).parent / "scripts" / "scripts.py").read_text(encoding="utf-8")
    options = [option.partition("=")[0] for option in (*profile.options, *profile.head_options)]
    assert [option for option in options if f'"{option}"' not in scripts] == []
    raylet = Path(services.RAYLET_EXECUTABLE).read_bytes()
    flags = [name for name in {**ENVIRONMENT, **profile.variables} if re.match("RAY_[a-z]", name)]
    assert len(flags) >= 6
    assert [name for name in flags if name.encode() not in raylet] == []
