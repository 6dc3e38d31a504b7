"""Which local cluster is found, and how one is started; tests/e2e start and end a real one."""

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from actors.local_ray import local_cluster
from actors.local_ray.local_cluster import (
    ClusterFiles,
    ClusterRecord,
    LocalCluster,
    find_local_cluster,
    start_local_cluster,
)
from actors.local_ray.profiles import FULL, SMALL, Profile
from actors.local_ray.ray_node import LocalNode

NO_PID = 2**22 + 1
"""Larger than any pid."""
FILES = ClusterFiles("crabstick")
HEAD, WORKER = LocalNode(pid=NO_PID + 2, created_s=0), LocalNode(pid=NO_PID + 3, created_s=0)
SINGLE = ClusterRecord(address="127.0.0.1:1", head=HEAD)
FAULT_TOLERANT = replace(SINGLE, worker=WORKER)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ray").mkdir()
    monkeypatch.setattr(local_cluster, "authenticate", lambda: None)


@pytest.fixture
def living(monkeypatch: pytest.MonkeyPatch) -> list[LocalNode]:
    """The nodes that are alive."""
    living: list[LocalNode] = []
    monkeypatch.setattr(local_cluster, "is_alive", lambda node: node in living)
    return living


@pytest.mark.parametrize("pid", [NO_PID, os.getpid()], ids=["no process", "another process"])
def test_a_record_without_its_process_is_no_cluster(pid: int) -> None:
    assert find_local_cluster(FILES) is None
    node = LocalNode(pid=pid, created_s=psutil.Process().create_time())
    FILES.save(replace(SINGLE, head=node))
    assert find_local_cluster(FILES) is None


def test_the_cluster_of_another_bot_is_not_found(living: list[LocalNode]) -> None:
    living.append(HEAD)
    FILES.save(SINGLE)
    assert find_local_cluster(FILES) == LocalCluster(record=SINGLE, files=FILES)
    assert find_local_cluster(ClusterFiles("another")) is None


@pytest.mark.parametrize(
    ("alive", "is_found", "has_lost_head", "has_lost_worker"),
    [
        ([HEAD, WORKER], True, False, False),
        ([WORKER], True, True, False),
        ([HEAD], True, False, True),
        ([], False, True, True),
    ],
)
def test_a_fault_tolerant_cluster_is_found_while_one_node_lives(
    living: list[LocalNode],
    alive: list[LocalNode],
    *,
    is_found: bool,
    has_lost_head: bool,
    has_lost_worker: bool,
) -> None:
    living += alive
    FILES.save(FAULT_TOLERANT)
    cluster = find_local_cluster(FILES)
    assert (cluster is not None) == is_found
    if cluster is not None:
        assert cluster.has_lost_head == has_lost_head
        assert cluster.has_lost_worker == has_lost_worker
        assert not cluster.is_unfinished


def test_a_node_that_never_came_up_is_lost_though_its_process_lives(
    living: list[LocalNode],
) -> None:
    head, worker = replace(HEAD, is_up=False), replace(WORKER, is_up=False)
    living += [head, worker]
    cluster = LocalCluster(record=replace(FAULT_TOLERANT, head=head, worker=worker))
    assert cluster.has_lost_head
    assert cluster.has_lost_worker
    assert not cluster.is_unfinished


def test_a_single_node_cannot_be_restarted() -> None:
    cluster = LocalCluster(record=replace(SINGLE, head=replace(HEAD, is_up=False)))
    assert not cluster.has_lost_head
    assert not cluster.has_lost_worker
    assert cluster.is_unfinished


def test_ending_a_cluster_removes_its_record_and_store_but_no_other_record() -> None:
    FILES.save(SINGLE)
    FILES.make_store()
    other = replace(SINGLE, head=replace(HEAD, pid=NO_PID))
    LocalCluster(record=other, files=FILES).end()
    assert FILES.load() == SINGLE
    assert not FILES.store.exists()
    LocalCluster(record=SINGLE, files=FILES).end()
    assert FILES.load() is None


@pytest.mark.parametrize("profile", [FULL, SMALL])
@pytest.mark.parametrize("files", [FILES, None])
def test_a_cluster_is_started_in_its_profile_and_recorded_if_wanted(
    monkeypatch: pytest.MonkeyPatch, profile: Profile, files: ClusterFiles | None
) -> None:
    started: list[tuple[list[str], Mapping[str, str]]] = []

    def start(
        command: Callable[[], list[str]],
        on_change: Callable[[LocalNode], None],
        _notify: Callable[[str], None],
        variables: Mapping[str, str],
    ) -> LocalNode:
        started.append((command(), variables))
        on_change(HEAD)
        return HEAD

    monkeypatch.setattr(local_cluster, "start_node", start)
    cluster = start_local_cluster(cpus=2.5, profile=profile, files=files)
    ((command, variables),) = started
    assert variables == profile.variables
    assert {"--head", "--num-cpus=3", *profile.options, *profile.head_options} <= set(command)
    assert FILES.load() == (cluster.record if files else None)
    assert cluster == LocalCluster(record=replace(SINGLE, address=cluster.address), files=files)


@pytest.mark.parametrize(
    ("profiles", "profile"),
    [
        ({WORKER: SMALL}, SMALL),
        ({HEAD: SMALL}, SMALL),
        ({HEAD: FULL, WORKER: FULL}, FULL),
        ({}, FULL),
    ],
)
def test_a_living_node_tells_the_profile(
    monkeypatch: pytest.MonkeyPatch, profiles: Mapping[LocalNode, Profile], profile: Profile
) -> None:
    def variable_of(node: LocalNode, name: str) -> str | None:
        return profiles[node].variables[name] if node in profiles else None

    monkeypatch.setattr(local_cluster, "variable_of", variable_of)
    assert LocalCluster(record=FAULT_TOLERANT).profile is profile
