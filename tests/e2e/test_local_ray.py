"""A node that does not get through, or whose `ray start` is killed, leaves nothing behind."""

import os
import signal
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from actors.local_ray import ray_node
from actors.local_ray.process_ref import ProcessRef
from actors.local_ray.ray_node import end_node, processes_of, start_node
from crabstick.errors import EnvironmentProblem
from tests.e2e.commands import wait

pytestmark = pytest.mark.e2e

FOR_EVER = "import time; time.sleep(600)"
BEGIN = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', '{FOR_EVER}']); "
"""Every node starts a process, as `ray start` does."""


@pytest.fixture
def nodes() -> Iterator[list[ProcessRef]]:
    """Collects the nodes that were started; none of their processes may be left."""
    nodes: list[ProcessRef] = []
    yield nodes
    assert len(nodes) == 1
    assert living(nodes[0]) == []


def living(node: ProcessRef) -> list[ProcessRef]:
    return processes_of(node.pid, [Path(sys.executable).name])


def start(nodes: list[ProcessRef], program: str) -> None:
    start_node([sys.executable, "-c", BEGIN + program], {}, nodes.append)


@pytest.mark.parametrize(
    ("limit_s", "program", "why"), [(60, "print('it timed out')", ": it timed"), (0, "", " within")]
)
def test_a_node_that_does_not_come_up_says_why(
    nodes: list[ProcessRef], monkeypatch: pytest.MonkeyPatch, limit_s: int, program: str, why: str
) -> None:
    monkeypatch.setattr(ray_node, "START_LIMIT", timedelta(seconds=limit_s))
    with pytest.raises(EnvironmentProblem, match=f"^Ray did not start{why}"):
        start(nodes, program or FOR_EVER)


@pytest.mark.parametrize("is_killed", [True, False])
def test_a_node_is_ended_even_when_its_ray_start_has_died(
    nodes: list[ProcessRef], tmp_path: Path, *, is_killed: bool
) -> None:
    start(nodes, f"print('Ray runtime started', flush=True); {FOR_EVER}")
    (node,) = nodes
    assert len(living(node)) == 2
    if is_killed:
        os.kill(node.pid, signal.SIGKILL)
        wait(lambda: not node.is_alive, tmp_path)
        assert len(living(node)) == 1
    end_node(node)
    end_node(node)
