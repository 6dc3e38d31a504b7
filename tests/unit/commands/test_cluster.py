"""Which cluster a command means, and whose turn it is."""

from pathlib import Path

import pytest

from actors.local_ray import LocalRay
from crabstick.commands import cluster as command
from crabstick.commands.cluster import Cluster, cluster_of, turn

LOCAL = LocalRay(address="127.0.0.1:6379", pid=1)
UNFINISHED = LocalRay(address="127.0.0.1:6379", pid=2**22 + 1, is_up=False)


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
