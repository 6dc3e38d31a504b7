"""A `ray start` that does not get through."""

import sys
from pathlib import Path

import pytest

from actors.local_ray import local_cluster
from actors.local_ray.local_cluster import ClusterFiles, find_local_cluster, start_local_cluster
from crabstick.errors import EnvironmentProblem

pytestmark = pytest.mark.e2e


def test_a_node_that_gives_up_its_start_is_started_once_more(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ray").mkdir()
    files = ClusterFiles("crabstick")
    lines: list[str] = []
    monkeypatch.setattr(local_cluster, "authenticate", lambda: None)
    program = [sys.executable, "-c", "print('the node timed out')"]
    monkeypatch.setattr(local_cluster, "node_command", lambda *_: program)
    with pytest.raises(EnvironmentProblem, match=r"Ray did not start .*: the node timed out"):
        start_local_cluster(cpus=1, files=files, notify=lines.append)
    assert lines == ["Ray gave up its start, as it does on a busy machine; starting it once more …"]
    assert find_local_cluster(files) is None
