"""What a local stack leaves behind after Ctrl-C; tests/e2e start a real one."""

import tempfile
from pathlib import Path

import pytest

from actors.local_ray.head import LocalCluster
from actors.local_ray.node import LocalNode
from actors.local_ray.record import ClusterRecord
from crabstick.settings import Settings
from crabstick.terminal import local_stack

GONE = LocalCluster(
    record=ClusterRecord(address="127.0.0.1:6379", head=LocalNode(pid=2**22 + 1, created_s=0))
)


def test_a_cluster_that_ctrl_c_ends_says_so_and_leaves_no_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LICHESS_BOT_TOKEN", "before")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(local_stack, "start_local_cluster", lambda **_: GONE)
    for name in ("connect", "disconnect"):
        monkeypatch.setattr(local_stack, name, lambda *_: None)
    said: list[str] = []
    with (
        pytest.raises(KeyboardInterrupt),
        local_stack.local_cluster(Settings(), "token", said.append),
    ):
        raise KeyboardInterrupt
    assert said == ["ending Ray …"]
    assert list(tmp_path.iterdir()) == []
