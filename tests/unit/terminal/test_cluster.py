"""Which cluster a command means, and what is repaired under the lock."""

from dataclasses import replace
from pathlib import Path

import pytest

from actors.local_ray.local_cluster import ClusterFiles, ClusterRecord, LocalCluster
from actors.local_ray.ray_node import LocalNode
from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings
from crabstick.terminal import find_cluster as module
from crabstick.terminal.find_cluster import BotCluster, find_cluster, game_cpus, locked_cluster

NO_PID = 2**22 + 1
"""Larger than any pid."""
NAMESPACE = "a-bot"
FILES = ClusterFiles(NAMESPACE)
NODE = LocalNode(pid=NO_PID, created_s=0)
RECORD = ClusterRecord(address="127.0.0.1:6379", head=NODE)
LOCAL = LocalCluster(record=RECORD, files=FILES)
UNFINISHED = replace(LOCAL, record=replace(RECORD, head=replace(NODE, is_up=False)))
HEADLESS = replace(LOCAL, record=replace(RECORD, worker=NODE))


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return tmp_path


def found(monkeypatch: pytest.MonkeyPatch, local: LocalCluster | None) -> None:
    def find(files: ClusterFiles) -> LocalCluster | None:
        assert files == FILES
        return local

    monkeypatch.setattr(module, "find_local_cluster", find)


@pytest.mark.parametrize(
    ("address", "variable", "local", "cluster"),
    [
        ("a:1", "b:2", LOCAL, BotCluster(address="a:1")),
        (None, "b:2", LOCAL, BotCluster(address="b:2")),
        (None, "", LOCAL, BotCluster(address="127.0.0.1:6379", local=LOCAL)),
        (None, "", None, None),
    ],
)
def test_a_named_cluster_goes_before_the_local_one(
    monkeypatch: pytest.MonkeyPatch,
    address: str | None,
    variable: str,
    local: LocalCluster | None,
    cluster: BotCluster | None,
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", variable)
    found(monkeypatch, local)
    assert find_cluster(address, NAMESPACE) == cluster


def test_a_named_cluster_needs_no_lock(home: Path) -> None:
    with (
        locked_cluster("a:1", NAMESPACE, print) as first,
        locked_cluster("a:1", NAMESPACE, print) as second,
    ):
        assert first == second == BotCluster(address="a:1")
    assert list(home.iterdir()) == []


def test_a_cluster_that_a_killed_command_left_unfinished_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found(monkeypatch, UNFINISHED)
    said: list[str] = []
    with locked_cluster(None, NAMESPACE, said.append) as cluster:
        assert cluster is None
    assert said == ["ending Ray …"]


def test_a_store_without_its_cluster_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    found(monkeypatch, None)
    FILES.store.parent.mkdir()
    FILES.make_store()
    with locked_cluster(None, NAMESPACE, print) as cluster:
        assert cluster is None
    assert not FILES.store.exists()


def test_a_lost_head_is_reported_and_restarted_only_under_the_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found(monkeypatch, HEADLESS)
    with pytest.raises(EnvironmentProblem, match="head of the bot's Ray cluster is away"):
        find_cluster(None, NAMESPACE)
    monkeypatch.setattr(module, "restart_head", lambda *_: LOCAL)
    said: list[str] = []
    with locked_cluster(None, NAMESPACE, said.append) as cluster:
        assert cluster == BotCluster(address=LOCAL.address, local=LOCAL, has_new_head=True)
    assert "starting it anew" in said[0]


def test_a_lost_worker_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "replace_worker", lambda *_, **__: LOCAL)
    said: list[str] = []
    damaged = BotCluster(address=HEADLESS.address, local=HEADLESS)
    assert damaged.with_worker(3, said.append).local == LOCAL
    whole = BotCluster(address=LOCAL.address, local=LOCAL)
    assert whole.with_worker(3, said.append) == whole.with_head(said.append) == whole
    assert said == ["the node with the games is gone; starting another …"]


def test_a_cluster_is_refreshed_unless_another_one_took_its_place(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cluster = BotCluster(address=LOCAL.address, local=LOCAL, is_new=True)
    found(monkeypatch, HEADLESS)
    assert cluster.refreshed() == replace(cluster, local=HEADLESS)
    found(monkeypatch, replace(LOCAL, record=replace(RECORD, address="127.0.0.1:1")))
    assert cluster.refreshed() is None
    found(monkeypatch, None)
    assert cluster.refreshed() is None


def test_a_local_cluster_has_a_slot_for_each_game_and_standby() -> None:
    settings = Settings.model_validate(
        {"challenges": {"max_games": 4}, "cluster": {"standby": 2, "slot_cpus": 0.5}}
    )
    assert game_cpus(settings) == 3
