"""The benchmark of a day, on a few minutes."""

import json
from pathlib import Path

import pytest

from benchmarks.elasticity import POLICIES, main

SHORT = ["--hours", "0.1", "--busy", "4", "--quiet", "4", "--slots", "2"]


@pytest.mark.parametrize(
    ("more", "rows"),
    [
        ([], [policy.name for policy in POLICIES]),
        (["--seeds", "3"], ["seed 1", "seed 2", "seed 3"]),
    ],
)
def test_it_compares_the_policies_of_a_day_or_the_days_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: list[str], rows: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([*SHORT, *more]) == 0
    (path,) = (tmp_path / "bench-results").iterdir()
    outcomes = json.loads(path.read_text())["outcomes"]
    assert list(outcomes) == rows
    assert all(one["node_s"] > 0 and one["ratio"] > 0 for one in outcomes.values())
