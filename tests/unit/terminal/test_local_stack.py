"""What is said while a stage is set and struck; tests/e2e sets a real one."""

import tempfile
from pathlib import Path

import pytest

from actors.local_ray.head import LocalRay
from crabstick.settings import Settings
from crabstick.terminal import local_stack as stage
from crabstick.terminal.local_stack import own_ray

GONE = LocalRay(address="127.0.0.1:6379", pid=2**22 + 1)


def test_a_ray_that_ends_by_ctrl_c_says_so_and_leaves_no_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("LICHESS_BOT_TOKEN", "before")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(stage, "start_local_ray", lambda **_: GONE)
    for name in ("connect", "disconnect"):
        monkeypatch.setattr(stage, name, lambda *_: None)
    said: list[str] = []
    with pytest.raises(KeyboardInterrupt), own_ray(Settings(), "token", said.append):
        raise KeyboardInterrupt
    assert said == ["ending Ray …"]
    assert list(tmp_path.iterdir()) == []
