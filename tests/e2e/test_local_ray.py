"""A `ray start` that does not get through."""

import sys
from pathlib import Path

import pytest

from actors.local_ray import head as local_ray
from actors.local_ray.head import find_local_ray, start_local_ray
from crabstick.errors import EnvironmentProblem

pytestmark = pytest.mark.e2e


def test_a_ray_that_ends_in_its_start_is_started_once_more(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ray").mkdir()
    said: list[str] = []
    monkeypatch.setattr(local_ray, "authenticate", lambda: None)
    program = [sys.executable, "-c", "print('the node timed out')"]
    monkeypatch.setattr(local_ray, "node_command", lambda *_: program)
    with pytest.raises(EnvironmentProblem, match=r"Ray did not start .*: the node timed out"):
        start_local_ray(cpus=1, say=said.append)
    assert said == ["Ray gave up its start, as it does on a busy machine; starting it once more …"]
    assert find_local_ray() is None
