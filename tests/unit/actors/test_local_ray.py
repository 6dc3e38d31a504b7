"""The local Ray's record and ports; starting and ending one is tested with a real one."""

import json
import os
import socket
from pathlib import Path

import pytest

from actors import local_ray
from actors.local_ray import LocalRay, find_local_ray, free_port, port_is_free

NOBODY = 2**22 + 1
"""No pid is that large."""


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "crabstick.json"
    monkeypatch.setattr(local_ray, "_record_path", lambda: path)
    return path


@pytest.mark.parametrize(
    "text",
    [None, "", "{", "[]", "{}", '{"address": "a:1"}', '{"address": "a:1", "pid": "x"}', "null"],
)
def test_a_record_that_is_none_is_no_ray(record: Path, text: str | None) -> None:
    if text is not None:
        record.write_text(text, encoding="utf-8")
    assert find_local_ray() is None


@pytest.mark.parametrize("pid", [NOBODY, os.getpid()])
def test_a_record_of_another_process_is_no_ray(record: Path, pid: int) -> None:
    record.write_text(json.dumps({"address": "127.0.0.1:1", "pid": pid}), encoding="utf-8")
    assert find_local_ray() is None


def test_ending_what_is_gone_removes_the_record(record: Path) -> None:
    record.write_text("{}", encoding="utf-8")
    LocalRay(address="127.0.0.1:1", pid=NOBODY, record=record).end()
    assert not record.exists()


def test_ending_what_has_no_record_is_fine() -> None:
    LocalRay(address="127.0.0.1:1", pid=NOBODY).end()


@pytest.mark.parametrize(("host", "family"), [("127.0.0.1", socket.AF_INET)])
def test_a_port_that_somebody_holds_is_not_free(host: str, family: socket.AddressFamily) -> None:
    with socket.socket(family) as holder:
        holder.bind((host, 0))
        port = holder.getsockname()[1]
        assert not port_is_free(host, port)
    assert port_is_free(host, port)


def test_a_free_port_is_free() -> None:
    assert port_is_free("127.0.0.1", free_port())


def test_a_host_that_is_not_ours_has_no_free_port() -> None:
    assert not port_is_free("203.0.113.7", 8000)


def test_the_environment_of_our_ray_lets_games_outlive_its_head() -> None:
    assert local_ray.ENVIRONMENT["RAY_gcs_rpc_server_reconnect_timeout_s"] == "600"
    assert local_ray.ENVIRONMENT["RAY_worker_niceness"] == "0"
