"""What each profile of a local Ray cluster leaves out, and that this Ray knows each variable."""

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

from actors.http.guard import ENVIRONMENT as DOOR
from actors.local_ray.node import ENVIRONMENT
from actors.local_ray.profiles import (
    AGENT_NEEDS,
    DASHBOARD_NEEDS,
    FULL,
    HOOK_VARIABLE,
    SMALL,
    Profile,
)
from actors.local_ray.ray_command import UNUSED_COMMANDS
from actors.local_ray.start_hook import HOOK

FORMS = {"whole": FULL, "small": SMALL}
BUILD = "_build_python_executable_command_memory_profileable"


@pytest.fixture(autouse=True)
def _ray_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("start_api_server", BUILD):
        monkeypatch.setattr(services, name, getattr(services, name))
    monkeypatch.setitem(sys.modules, DASHBOARD_NEEDS, sys)
    del sys.modules[DASHBOARD_NEEDS]


def hooked(profile: Profile) -> Any:
    """The parameters of a head after the profile's hook, found as Ray finds it."""
    module, _, name = profile.variables[HOOK_VARIABLE].rpartition(".")
    parameters = RayParams(ray_client_server_port=10001)
    getattr(importlib.import_module(module), name)(parameters, True)  # noqa: FBT003 -- Ray's profile
    return parameters


@pytest.mark.parametrize("profile", FORMS.values(), ids=FORMS)
def test_no_form_has_what_only_other_programs_would_use(profile: Profile) -> None:
    parameters = hooked(profile)
    assert parameters.ray_client_server_port is None
    assert parameters.include_log_monitor is False
    assert profile.variables["RAY_num_workers_soft_limit"] == "0"
    assert profile.variables["RAY_prestart_worker_first_driver"] == "0"
    assert importlib.util.find_spec(profile.variables["RAY_preload_python_modules"])


@pytest.mark.parametrize("profile", FORMS.values(), ids=FORMS)
def test_serves_proxy_has_its_door_in_each_form(profile: Profile) -> None:
    assert {name: profile.variables.get(name) for name in DOOR} == DOOR


def test_the_whole_one_keeps_its_dashboard() -> None:
    before = services.start_api_server
    hooked(FULL)
    assert services.start_api_server is before
    assert utils.get_dashboard_dependency_error() is None
    assert (FULL.options, FULL.head_options) == ((), ())


def test_the_small_one_is_to_ray_an_installation_without_the_dashboard() -> None:
    hooked(SMALL)
    assert isinstance(utils.get_dashboard_dependency_error(), ImportError)


def test_the_small_one_starts_no_server_for_a_dashboard() -> None:
    hooked(SMALL)
    start: Any = services.start_api_server
    assert start(False, raise_on_failure=False) == (None, None)  # noqa: FBT003 -- Ray's profile
    assert "if process_info is not None" in inspect.getsource(Node.start_api_server)


def test_the_small_one_runs_its_agents_without_the_dashboard_too() -> None:
    hooked(SMALL)
    command = getattr(services, BUILD)(ray_constants.PROCESS_TYPE_DASHBOARD_AGENT, "session")
    assert command[:5] == [sys.executable, "-u", "-P", "-m", "actors.local_ray.ray_command"]
    assert command[5] == "--without"
    assert DASHBOARD_NEEDS in command[6].split(",")
    other = getattr(services, BUILD)(ray_constants.PROCESS_TYPE_RUNTIME_ENV_AGENT, "session")
    assert other == command[:5], "it needs its aiohttp"


def test_what_the_agent_is_run_without_is_what_the_dashboard_needs() -> None:
    (needs,) = (Path(ray.__file__).parent / "dashboard").glob("optional_deps.py")
    imported = re.findall(
        r"^(?:import|from) (\w+)", needs.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert set(AGENT_NEEDS) - {DASHBOARD_NEEDS} <= set(imported)


@pytest.mark.parametrize("profile", FORMS.values(), ids=FORMS)
def test_this_ray_knows_each_option(profile: Profile) -> None:
    scripts = (Path(ray.__file__).parent / "scripts" / "scripts.py").read_text(encoding="utf-8")
    options = [option.partition("=")[0] for option in (*profile.options, *profile.head_options)]
    assert [option for option in options if f'"{option}"' not in scripts] == []


@pytest.mark.parametrize("profile", FORMS.values(), ids=FORMS)
def test_this_ray_knows_each_variable(profile: Profile) -> None:
    raylet = Path(services.RAYLET_EXECUTABLE).read_bytes()
    settings = [
        name for name in {**ENVIRONMENT, **profile.variables} if re.match("RAY_[a-z]", name)
    ]
    assert len(settings) >= 6
    assert [name for name in settings if name.encode() not in raylet] == []


def test_the_hooks_tell_the_forms_apart() -> None:
    hooks = {one.variables[HOOK_VARIABLE] for one in FORMS.values()} | {HOOK}
    assert len(hooks) == 3


def test_what_our_command_line_leaves_out_is_no_part_of_a_form() -> None:
    assert DASHBOARD_NEEDS not in UNUSED_COMMANDS
