"""How a local cluster is started and named; tests/e2e start and end a real one."""

import os
import socket
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from actors.local_ray import local_cluster
from actors.local_ray.local_cluster import (
    ClusterFiles,
    LocalCluster,
    living_processes,
    start_local_cluster,
)
from actors.local_ray.low_memory_launcher import STAYS
from actors.local_ray.process_ref import ProcessRef
from actors.local_ray.profiles import PROFILES
from tests.unit.local_rays import GONE, THIS


@pytest.mark.parametrize("profile", PROFILES)
def test_a_cluster_is_told_of_when_it_has_a_process_and_when_it_is_up(
    monkeypatch: pytest.MonkeyPatch, profile: str
) -> None:
    seen: list[LocalCluster] = []
    started: list[tuple[list[str], Mapping[str, str]]] = []

    def start(
        command: list[str], variables: Mapping[str, str], on_child: Callable[[ProcessRef], None]
    ) -> ProcessRef:
        started.append((command, variables))
        on_child(THIS)
        assert not seen[-1].is_ready
        return THIS

    monkeypatch.setattr(local_cluster, "start_node", start)
    cluster = start_local_cluster(cpus=2.5, bot="b@1", profile=profile, on_change=seen.append)
    kind, ((command, variables),) = PROFILES[profile], started
    port = cluster.address.removeprefix("127.0.0.1:")
    assert {"b@1", "--head", f"--port={port}", "--num-cpus=3", *kind.options} <= set(command)
    assert variables == kind.variables
    assert bool(cluster.dashboard) is kind.has_dashboard
    assert seen == [replace(cluster, is_up=False), cluster]
    assert cluster.is_ready
    assert (cluster.node, cluster.profile) == (THIS, profile)


@pytest.mark.parametrize(
    ("node", "supervisor", "is_up", "is_ready", "is_there"),
    [
        (THIS, None, True, True, True),
        (THIS, THIS, False, False, True),
        (GONE, THIS, True, False, True),
        (GONE, GONE, True, False, False),
        (GONE, None, True, False, False),
    ],
)
def test_a_dead_cluster_is_still_there_while_its_supervisor_lives(
    node: ProcessRef,
    supervisor: ProcessRef | None,
    *,
    is_up: bool,
    is_ready: bool,
    is_there: bool,
) -> None:
    cluster = LocalCluster(address="a:1", node=node, supervisor=supervisor, is_up=is_up)
    assert (cluster.is_ready, cluster.is_there) == (is_ready, is_there)
    assert cluster.is_supervised is (supervisor is THIS)


def test_a_bot_is_its_namespace_and_its_token_and_no_secret() -> None:
    bots = [ClusterFiles.of(*bot) for bot in (("a", "lip_1"), ("a", "lip_2"), ("b", "lip_1"))]
    assert len({files.name for files in bots}) == 3
    assert ClusterFiles.of("a", "lip_1") == bots[0]
    assert bots[0].name.startswith("a@")
    assert "lip" not in bots[0].name


def test_another_host_name_changes_nothing_and_another_machine_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pathlib.Path.read_text", lambda _, encoding: f"{encoding}-id\n")
    before = ClusterFiles.of("a", "lip_1")
    monkeypatch.setattr(socket, "gethostname", lambda: "renamed")
    assert ClusterFiles.of("a", "lip_1") == before
    monkeypatch.setattr("pathlib.Path.read_text", lambda _, encoding: f"another {encoding}-id\n")
    assert ClusterFiles.of("a", "lip_1") != before


def test_the_ray_of_a_bot_is_found_among_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    starting = ["python", "-P", "-m", "launcher", "--stay", "b@1", "ray.scripts.scripts", "start"]
    commands = [
        starting,
        ["sh", "-c", "wait", STAYS, "b@1"],
        ["python", "-P", "-m", "actors.local_ray.supervisor", "b@1", "{}"],
        ["sh", STAYS, "b@2"],
        [STAYS],
        [],
        None,
    ]
    processes = [
        SimpleNamespace(pid=pid, info={"cmdline": words}) for pid, words in enumerate(commands, 1)
    ]
    monkeypatch.setattr(psutil, "process_iter", lambda _: processes)
    monkeypatch.setattr(ProcessRef, "of", lambda pid: ProcessRef(pid=pid, started=0))
    assert [process.pid for process in living_processes("b@1")] == [1, 2, 3]
    assert living_processes("b@3") == []


def test_where_another_user_has_rays_folder_ours_is_beside_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert local_cluster._own_folder() is None
    (tmp_path / "ray").mkdir()
    found = []
    for user in ((tmp_path / "ray").stat().st_uid, 61234, 0):
        monkeypatch.setattr(os, "getuid", lambda user=user: user)
        found.append(local_cluster._own_folder())
    assert found == [None, f"{tmp_path}/ray-61234", None]
