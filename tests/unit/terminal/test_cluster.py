"""Which cluster a command means, and whose turn it is."""

from dataclasses import replace
from pathlib import Path

import pytest

from actors.local_ray.head import LocalRay
from actors.local_ray.record import LocalNode, make_store, store
from crabstick.errors import EnvironmentProblem
from crabstick.terminal import cluster as command
from crabstick.terminal.cluster import Cluster, cluster_of, turn

NOBODY = 2**22 + 1
"""No pid is that large."""
LOCAL = LocalRay(address="127.0.0.1:6379", pid=1)
UNFINISHED = LocalRay(address="127.0.0.1:6379", pid=NOBODY, is_up=False)
HEADLESS = LocalRay(address="127.0.0.1:6379", pid=NOBODY, worker=LocalNode(pid=NOBODY, born_s=0))


@pytest.mark.parametrize(
    ("address", "variable", "local", "cluster"),
    [
        ("a:1", "b:2", LOCAL, Cluster(address="a:1")),
        (None, "b:2", LOCAL, Cluster(address="b:2")),
        (None, "", LOCAL, Cluster(address="127.0.0.1:6379", local=LOCAL)),
        (None, "", None, None),
    ],
)
def test_the_cluster_that_is_named_goes_before_our_own(
    monkeypatch: pytest.MonkeyPatch,
    address: str | None,
    variable: str,
    local: LocalRay | None,
    cluster: Cluster | None,
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", variable)
    monkeypatch.setattr(command, "find_local_ray", lambda: local)
    assert cluster_of(address) == cluster


def test_a_named_cluster_waits_for_no_turn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with turn("a:1", print) as first, turn("a:1", print) as second:
        assert first == second == Cluster(address="a:1")
    assert list(tmp_path.iterdir()) == []


def test_a_ray_that_a_killed_command_left_unfinished_is_ended(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(command, "find_local_ray", lambda: UNFINISHED)
    said: list[str] = []
    with turn(None, said.append) as cluster:
        assert cluster is None
    assert said == ["ending Ray …"]


def test_a_store_that_nobody_needs_any_more_is_removed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(command, "find_local_ray", lambda: None)
    (tmp_path / ".ray").mkdir()
    make_store()
    with turn(None, print) as cluster:
        assert cluster is None
    assert not store().exists()


def test_whoever_asks_while_the_head_is_away_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "find_local_ray", lambda: HEADLESS)
    with pytest.raises(EnvironmentProblem, match="the head of the bot's Ray is away"):
        cluster_of(None)


def test_whoever_has_the_turn_brings_the_head_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(command, "find_local_ray", lambda: HEADLESS)
    monkeypatch.setattr(command, "bring_back_head", lambda *_: LOCAL)
    said: list[str] = []
    with turn(None, said.append) as cluster:
        assert cluster == Cluster(address=LOCAL.address, local=LOCAL, is_mended=True)
    assert len(said) == 1
    assert "starting it anew" in said[0]


def test_a_worker_is_replaced_when_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "replace_worker", lambda *_, **__: LOCAL)
    headless = Cluster(address=HEADLESS.address, local=HEADLESS)
    said: list[str] = []
    assert headless.with_worker(3, said.append).local == LOCAL
    assert said == ["the node with the games is gone; starting another …"]
    whole = Cluster(address=LOCAL.address, local=LOCAL)
    assert whole.with_worker(3, said.append) == whole.with_head(said.append) == whole
    assert len(said) == 1


def test_only_the_same_ray_is_ours_as_it_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    mended = replace(LOCAL, pid=2)
    cluster = Cluster(address=LOCAL.address, local=LOCAL, is_new=True)
    monkeypatch.setattr(command, "find_local_ray", lambda: mended)
    assert cluster.as_it_is() == replace(cluster, local=mended)
    monkeypatch.setattr(command, "find_local_ray", lambda: replace(mended, address="127.0.0.1:1"))
    assert cluster.as_it_is() is None
    monkeypatch.setattr(command, "find_local_ray", lambda: None)
    assert cluster.as_it_is() is None
