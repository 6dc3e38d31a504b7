"""Which node of a fault-tolerant cluster is restarted; test_head_loss.py in tests/e2e kills one."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from actors.local_ray import fault_tolerant, local_cluster
from actors.local_ray.fault_tolerant import replace_worker, restart_head, start_fault_tolerant
from actors.local_ray.local_cluster import (
    ClusterFiles,
    ClusterRecord,
    LocalCluster,
    find_local_cluster,
)
from actors.local_ray.profiles import FULL, HOOK_VARIABLE, SMALL, Profile
from actors.local_ray.ray_node import LocalNode
from crabstick.errors import EnvironmentProblem

NO_PID = 2**22 + 1
"""Larger than any pid."""
FILES = ClusterFiles("crabstick")
HEAD, WORKER = LocalNode(pid=NO_PID, created_s=0), LocalNode(pid=NO_PID + 1, created_s=0)
CLUSTER = LocalCluster(
    record=ClusterRecord(address="127.0.0.1:1", head=HEAD, worker=WORKER), files=FILES
)


class FakeNodes:
    """Nodes that are up as soon as they are started, except the kind that `fails` names."""

    def __init__(self) -> None:
        self.alive: set[int] = set()
        self.started: list[str] = []
        self.ended: list[int] = []
        self.records: list[ClusterRecord | None] = []
        self.fails = ""
        self.commands: list[list[str]] = []
        self.hooks: dict[int, str] = {}

    def start(
        self,
        command: Callable[[], list[str]],
        on_change: Callable[[LocalNode], None],
        _notify: Callable[[str], None],
        variables: Mapping[str, str],
    ) -> LocalNode:
        self.commands.append(command())
        kind = "head" if "--head" in self.commands[-1] else "worker"
        assert ("RAY_gcs_storage" in variables) == (kind == "head")
        node = LocalNode(pid=NO_PID + 10 + len(self.started), created_s=0, is_up=False)
        self.hooks[node.pid] = variables[HOOK_VARIABLE]
        self.started.append(kind)
        self._change(node, on_change)
        if self.fails == kind:
            raise EnvironmentProblem("Ray did not start")
        self.alive.add(node.pid)
        node = replace(node, is_up=True)
        self._change(node, on_change)
        return node

    def _change(self, node: LocalNode, on_change: Callable[[LocalNode], None]) -> None:
        on_change(node)
        self.records.append(FILES.load())

    def end(self, pid: int, _created_s: float | None = None) -> None:
        self.ended.append(pid)
        self.alive.discard(pid)

    def variable_of(self, node: LocalNode, name: str) -> str | None:
        assert name == HOOK_VARIABLE
        return self.hooks.get(node.pid) if node.pid in self.alive else None


@pytest.fixture(autouse=True)
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeNodes:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    (tmp_path / ".ray").mkdir()
    nodes = FakeNodes()
    monkeypatch.setattr(fault_tolerant, "start_node", nodes.start)
    for module in (fault_tolerant, local_cluster):
        monkeypatch.setattr(module, "authenticate", lambda: None)
        monkeypatch.setattr(module, "end_node", nodes.end)
    monkeypatch.setattr(local_cluster, "is_alive", lambda node: node.pid in nodes.alive)
    monkeypatch.setattr(local_cluster, "variable_of", nodes.variable_of)
    FILES.save(CLUSTER.record)
    return nodes


def start(profile: Profile = FULL) -> LocalCluster:
    return start_fault_tolerant(cpus=3, files=FILES, notify=print, profile=profile)


def test_a_cluster_is_started_head_first_and_found_again(nodes: FakeNodes) -> None:
    cluster = start()
    assert nodes.started == ["head", "worker"]
    assert find_local_cluster(FILES) == cluster
    assert FILES.store.is_dir()
    assert not cluster.has_lost_head
    assert not cluster.has_lost_worker
    assert int(cluster.address.rpartition(":")[2]) in fault_tolerant.PORTS


def test_no_record_of_a_start_looks_like_a_finished_cluster_of_one_node(nodes: FakeNodes) -> None:
    start()
    for record in nodes.records:
        assert record is not None
        assert not (record.head.is_up and record.worker is None)


@pytest.mark.parametrize("kind", ["head", "worker"])
def test_a_failed_start_leaves_nothing(nodes: FakeNodes, kind: str) -> None:
    nodes.fails = kind
    with pytest.raises(EnvironmentProblem, match="Ray did not start"):
        start()
    assert nodes.alive == set()
    assert FILES.load() is None
    assert not FILES.store.exists()


def test_without_a_loss_nothing_is_started(nodes: FakeNodes) -> None:
    nodes.alive |= {HEAD.pid, WORKER.pid}
    assert restart_head(CLUSTER, print) == CLUSTER
    assert replace_worker(CLUSTER, cpus=3, notify=print) == CLUSTER
    assert nodes.started == []
    assert nodes.ended == []


def test_a_lost_head_is_restarted_at_its_address_beside_the_same_games(nodes: FakeNodes) -> None:
    nodes.alive.add(WORKER.pid)
    cluster = restart_head(CLUSTER, print)
    assert (nodes.started, nodes.ended) == (["head"], [HEAD.pid])
    assert (cluster.address, cluster.record.worker) == (CLUSTER.address, WORKER)
    assert find_local_cluster(FILES) == cluster
    assert not cluster.has_lost_head


def test_a_head_that_does_not_come_up_stays_lost(nodes: FakeNodes) -> None:
    nodes.alive.add(WORKER.pid)
    nodes.fails = "head"
    with pytest.raises(EnvironmentProblem, match="Ray did not start"):
        restart_head(CLUSTER, print)
    cluster = find_local_cluster(FILES)
    assert cluster is not None
    assert cluster.has_lost_head
    assert not cluster.is_unfinished
    assert WORKER.pid in nodes.alive


@pytest.mark.parametrize("ours", [CLUSTER.address, "192.0.2.2:1", "[2001:db8::2]:1"])
def test_only_the_note_of_our_own_address_is_removed(
    ours: str, nodes: FakeNodes, tmp_path: Path
) -> None:
    nodes.alive.add(WORKER.pid)
    file = tmp_path / "ray" / "ray_current_cluster"
    file.parent.mkdir()
    file.write_text("127.0.0.1:2", encoding="utf-8")
    restart_head(CLUSTER, print)
    assert file.read_text(encoding="utf-8") == "127.0.0.1:2"
    file.write_text(ours, encoding="utf-8")
    restart_head(CLUSTER, print)
    assert not file.exists()


def test_a_lost_worker_is_replaced(nodes: FakeNodes) -> None:
    nodes.alive.add(HEAD.pid)
    cluster = replace_worker(CLUSTER, cpus=3, notify=print)
    assert (nodes.started, nodes.ended) == (["worker"], [WORKER.pid])
    assert cluster.record.head == HEAD
    assert not cluster.has_lost_worker
    assert find_local_cluster(FILES) == cluster


@pytest.mark.parametrize("profile", [FULL, SMALL])
def test_restarted_nodes_keep_the_profile(nodes: FakeNodes, profile: Profile) -> None:
    cluster = start(profile)
    assert cluster.profile is profile
    nodes.alive.discard(cluster.record.head.pid)
    cluster = restart_head(cluster, print)
    assert cluster.record.worker is not None
    nodes.alive.discard(cluster.record.worker.pid)
    replace_worker(cluster, cpus=3, notify=print)
    assert nodes.started == ["head", "worker", "head", "worker"]
    assert set(nodes.hooks.values()) == {profile.variables[HOOK_VARIABLE]}
    for kind, command in zip(nodes.started, nodes.commands, strict=True):
        assert {*profile.options, *(profile.head_options if kind == "head" else ())} <= set(command)
