"""How `up` follows, and repairs a cluster that has lost a node."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from actors.local_ray.local_cluster import ClusterRecord, LocalCluster
from actors.local_ray.ray_node import LocalNode
from crabstick.commands import up as module
from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings
from crabstick.terminal.find_cluster import BotCluster
from crabstick.terminal.observer_process import ObserverTask

NODE = LocalNode(pid=2**22 + 1, created_s=0)
RECORD = ClusterRecord(address="127.0.0.1:6379", head=NODE, worker=NODE)
LOCAL = LocalCluster(record=RECORD)
CLUSTER = BotCluster(address=LOCAL.address, local=LOCAL, is_new=True)
REPAIRED = replace(
    CLUSTER,
    local=replace(LOCAL, record=replace(RECORD, head=replace(NODE, pid=1))),
    is_new=False,
    has_new_head=True,
)
SETTINGS = Settings()


class FakeCluster:
    """Finds each of `found` in turn; observers return `outcomes` in turn, then True."""

    def __init__(self, *found: BotCluster | EnvironmentProblem | None) -> None:
        self.found = list(found)
        self.outcomes: list[bool] = []
        self.tasks: list[ObserverTask] = []

    def run_observer(self, task: ObserverTask, address: str, _namespace: str, **_: Any) -> bool:
        assert address == LOCAL.address
        self.tasks.append(task)
        return self.outcomes.pop(0) if self.outcomes else True

    @contextmanager
    def locked(self, _address: None, namespace: str, _notify: Any) -> Iterator[BotCluster | None]:
        assert namespace == SETTINGS.cluster.namespace
        found = self.found.pop(0)
        if isinstance(found, EnvironmentProblem):
            raise found
        yield found


@pytest.fixture
def console() -> Console:
    return Console(record=True, width=200)


def use(monkeypatch: pytest.MonkeyPatch, cluster: FakeCluster) -> FakeCluster:
    monkeypatch.setattr(module, "RETRY_S", 0)
    monkeypatch.setattr(module, "disconnect", lambda: None)
    monkeypatch.setattr(LocalCluster, "has_lost_worker", False)
    monkeypatch.setattr(module, "locked_cluster", cluster.locked)
    monkeypatch.setattr(module, "run_observer", cluster.run_observer)
    return cluster


def test_a_repair_is_tried_until_it_succeeds(
    monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    fake = use(monkeypatch, FakeCluster(EnvironmentProblem("Ray did not start"), REPAIRED))
    repaired = module._repair_until_done(SETTINGS, CLUSTER, console)
    assert repaired == replace(REPAIRED, is_new=True)
    assert fake.tasks == [ObserverTask.WAIT_RESTORED]
    said = console.export_text()
    assert "Ray did not start; trying again in 0 s" in said
    assert "is whole again" in said


def test_a_cluster_that_was_whole_is_not_said_to_be_repaired(
    monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    use(monkeypatch, FakeCluster(CLUSTER))
    assert module._repair_until_done(SETTINGS, CLUSTER, console) == CLUSTER
    assert console.export_text() == ""


@pytest.mark.parametrize("found", [None, replace(CLUSTER, address="127.0.0.1:1")])
def test_a_cluster_that_another_command_ended_is_not_repaired(
    monkeypatch: pytest.MonkeyPatch, console: Console, found: BotCluster | None
) -> None:
    fake = use(monkeypatch, FakeCluster(found))
    assert module._repair_until_done(SETTINGS, CLUSTER, console) is None
    assert fake.tasks == []


def test_the_games_are_shown_again_when_the_head_is_back(
    monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    fake = use(monkeypatch, FakeCluster(REPAIRED))
    fake.outcomes = [False, True, True]
    module.follow(SETTINGS, replace(CLUSTER, is_new=False), console)
    assert fake.tasks == [ObserverTask.SHOW, ObserverTask.WAIT_RESTORED, ObserverTask.SHOW]
    said = console.export_text()
    assert said.index("is whole again") < said.index("the bot was shut down")


def test_the_games_are_awaited_to_their_end_though_the_head_dies(
    monkeypatch: pytest.MonkeyPatch, console: Console
) -> None:
    fake = use(monkeypatch, FakeCluster())
    fake.outcomes = [False, True]
    ended: list[str] = []
    monkeypatch.setattr(BotCluster, "refreshed", lambda cluster: cluster)
    monkeypatch.setattr(BotCluster, "with_head", lambda cluster, _: cluster)
    monkeypatch.setattr(LocalCluster, "end", lambda cluster: ended.append(cluster.address))
    module._wait_and_end("ns", CLUSTER, console)
    assert fake.tasks == [ObserverTask.WAIT_FOR_GAMES] * 2
    assert ended == [LOCAL.address]
