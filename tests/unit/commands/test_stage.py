"""What is said while a stage is set and struck; tests/e2e sets a real one."""

import tempfile
from pathlib import Path

import pytest

from actors.local_ray import LocalRay
from crabstick.commands import stage
from crabstick.commands.stage import own_ray
from crabstick.settings import Settings

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
