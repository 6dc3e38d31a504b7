"""What each profile leaves out. The canaries read Ray's own files: they fail when Ray changes."""

import importlib
import inspect
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import ray
import ray.experimental.internal_kv as kv
from ray._private import ray_constants, services, utils
from ray._private.node import Node
from ray._private.parameter import RayParams

from actors.http.proxy_guard import ENVIRONMENT as GUARD
from actors.local_ray import start_hooks
from actors.local_ray.profiles import FULL, HOOK_VARIABLE, SMALL, Profile
from actors.local_ray.ray_node import ENVIRONMENT
from actors.local_ray.start_hooks import (
    AGENT_PORTS,
    DASHBOARD_DEPENDENCIES,
    RUNTIME_ENV_PORTS,
    without_client_server,
)

PROFILES = {"full": FULL, "small": SMALL}
BUILD = "_build_python_executable_command_memory_profileable"


@pytest.fixture(autouse=True)
def _restore_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("start_api_server", "start_raylet", BUILD):
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


def test_the_full_profile_keeps_the_dashboard_and_waits_for_none_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[object] = []

    def start_api_server(_include: object, host: str, *, port: int) -> object:
        asked.append(kv._internal_kv_get(b"dashboard", namespace=b"dashboard"))
        return f"{host}:{port}"

    monkeypatch.setattr(services, "start_api_server", start_api_server)
    before = kv._internal_kv_get
    run_hook(FULL)
    start: Any = services.start_api_server
    assert start(None, "127.0.0.1", port=8265) == "127.0.0.1:8265"
    assert asked == [b"127.0.0.1:8265"]
    assert kv._internal_kv_get is before
    assert utils.get_dashboard_dependency_error() is None
    command = getattr(services, BUILD)(ray_constants.PROCESS_TYPE_DASHBOARD, "session")
    assert command[-4:-1] == ["--nice", "15", "--add"]
    assert [page for page in start_hooks.PAGES if page not in command[-1]] == []


def test_canary_ray_s_dashboard_has_the_pages_that_we_want() -> None:
    """Reads Ray's source: a page that is missing would end the dashboard."""
    modules = Path(ray.__file__).parent / "dashboard" / "modules"
    sources = "".join(path.read_text(encoding="utf-8") for path in modules.rglob("*_head.py"))
    assert [page for page in start_hooks.PAGES if f"class {page}(" not in sources] == []


@pytest.mark.parametrize(("profile", "has_agent"), [(FULL, True), (SMALL, False)])
def test_the_raylet_knows_the_ports_of_its_agents_before_it_asks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, profile: Profile, *, has_agent: bool
) -> None:
    names = [*AGENT_PORTS.values(), *RUNTIME_ENV_PORTS.values()]
    written: dict[str, int] = {}
    monkeypatch.setattr(
        start_hooks, "persist_port", lambda _dir, _node, name, port: written.update({name: port})
    )

    def start_raylet(  # noqa: PLR0913, PLR0917 -- Ray has forty
        node_id: str,
        session_dir: str,
        metrics_agent_port: int,
        metrics_export_port: int,
        dashboard_agent_listen_port: int,
        runtime_env_agent_port: int,
    ) -> None:
        """Ray's, as far as the hook reads it."""

    monkeypatch.setattr(services, "start_raylet", start_raylet)
    parameters = run_hook(profile)
    ports = {name: getattr(parameters, name) for name in names}
    assert len(set(ports.values())) == len(names)
    start: Any = services.start_raylet
    start("ab", str(tmp_path), **ports)
    expected = {name: ports[ours] if has_agent else -1 for name, ours in AGENT_PORTS.items()}
    assert written == {
        **expected,
        **{name: ports[ours] for name, ours in RUNTIME_ENV_PORTS.items()},
    }


def test_canary_ray_s_functions_have_the_parameters_that_the_hooks_read() -> None:
    started = inspect.signature(services.start_raylet).parameters.keys()
    assert {*AGENT_PORTS.values(), *RUNTIME_ENV_PORTS.values(), "session_dir", "node_id"} <= started
    assert {"host", "port"} <= inspect.signature(services.start_api_server).parameters.keys()
    assert "internal_kv._internal_kv_get(" in inspect.getsource(services.start_api_server)


def test_the_small_profile_looks_to_ray_like_an_installation_without_dashboard() -> None:
    run_hook(SMALL)
    assert isinstance(utils.get_dashboard_dependency_error(), ImportError)
    start: Any = services.start_api_server
    assert start(False, raise_on_failure=False) == (None, None)  # noqa: FBT003 -- Ray's signature


def test_the_small_profile_starts_programs_that_only_wait_in_place_of_the_agents() -> None:
    run_hook(SMALL)
    for agent in start_hooks.AGENTS:
        assert getattr(services, BUILD)(agent, "session") == [
            "/bin/sh",
            "-c",
            "exec cat >/dev/null",
        ]


def test_canary_ray_tolerates_a_dashboard_server_that_did_not_come_up() -> None:
    """Reads Ray's source."""
    assert "if process_info is not None" in inspect.getsource(Node.start_api_server)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_canary_this_ray_knows_each_option_and_variable(profile: Profile) -> None:
    """Reads Ray's source and its raylet."""
    scripts = (Path(ray.__file__).parent / "scripts" / "scripts.py").read_text(encoding="utf-8")
    options = [option.partition("=")[0] for option in profile.options]
    assert [option for option in options if f'"{option}"' not in scripts] == []
    raylet = Path(services.RAYLET_EXECUTABLE).read_bytes()
    flags = [name for name in {**ENVIRONMENT, **profile.variables} if re.match("RAY_[a-z]", name)]
    assert len(flags) >= 6
    assert [name for name in flags if name.encode() not in raylet] == []
