"""Which local Ray is found again; starting and ending one is tested with a real one."""

import importlib
import os
from pathlib import Path

import psutil
import pytest
from ray._private.parameter import RayParams

from actors import local_ray
from actors.local_ray import LocalRay, find_local_ray
from actors.local_record import Record, recall, remember
from actors.ray_start_hook import HOOK

NOBODY = 2**22 + 1
"""No pid is that large."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ray").mkdir()


def record(pid: int, born_s: float = 0) -> Record:
    return Record(address="127.0.0.1:1", pid=pid, born_s=born_s, is_up=True)


def test_nothing_remembered_is_no_ray() -> None:
    assert find_local_ray() is None


@pytest.mark.parametrize("pid", [NOBODY, os.getpid()])
def test_a_record_of_another_process_is_no_ray(pid: int) -> None:
    remember(record(pid, psutil.Process().create_time()))
    assert find_local_ray() is None


def test_ending_what_is_gone_forgets_it() -> None:
    remember(record(NOBODY))
    LocalRay(address="127.0.0.1:1", pid=NOBODY).end()
    assert recall() is None


def test_ending_one_does_not_forget_another() -> None:
    remember(record(NOBODY))
    LocalRay(address="127.0.0.1:1", pid=NOBODY + 1).end()
    assert recall() == record(NOBODY)


def test_the_environment_of_our_ray_lets_games_outlive_its_head() -> None:
    assert local_ray.ENVIRONMENT["RAY_gcs_rpc_server_reconnect_timeout_s"] == "600"
    assert local_ray.ENVIRONMENT["RAY_worker_niceness"] == "0"


def test_ray_finds_our_hook_and_starts_no_client_server() -> None:
    module, _, name = HOOK.rpartition(".")
    hook = getattr(importlib.import_module(module), name)
    parameters = RayParams(ray_client_server_port=10001)
    hook(parameters, "as head")
    assert parameters.ray_client_server_port is None
