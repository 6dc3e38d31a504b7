"""Which process is a node of ours; tests/e2e start and end a real one."""

import os
from types import SimpleNamespace

import psutil
import pytest

from actors.local_ray import ray_node
from actors.local_ray.low_memory_launcher import UNUSED_COMMANDS
from actors.local_ray.profiles import FULL, SMALL
from actors.local_ray.ray_node import (
    ENVIRONMENT,
    LocalNode,
    end_node,
    is_alive,
    node_command,
    variable_of,
)
from crabstick.check.ray_flags import flaws

NO_PID = 2**22 + 1
"""Larger than any pid."""


def test_a_pid_that_another_process_has_now_is_reused() -> None:
    this = psutil.Process()
    ours = LocalNode(pid=this.pid, created_s=this.create_time())
    assert not ray_node._is_pid_reused(ours)
    assert not ray_node._is_pid_reused(LocalNode(pid=NO_PID, created_s=0))
    assert ray_node._is_pid_reused(LocalNode(pid=this.pid, created_s=ours.created_s - 60))
    end_node(this.pid, this.create_time() - 60)
    assert this.is_running()


def test_only_a_ray_start_is_a_node() -> None:
    this = psutil.Process()
    assert not is_alive(LocalNode(pid=this.pid, created_s=this.create_time()))
    assert not is_alive(LocalNode(pid=NO_PID, created_s=0))


def test_a_node_is_on_loopback_and_runs_without_the_unused_commands() -> None:
    command = node_command("--head")
    assert "--node-ip-address=127.0.0.1" in command
    program = command.index("ray.scripts.scripts")
    assert command[program - 2 : program] == ["--without", ",".join(UNUSED_COMMANDS)]


def test_every_variable_of_every_node_takes_effect_in_each_profile() -> None:
    assert not ENVIRONMENT.keys() & {*FULL.variables, *SMALL.variables}
    assert [*flaws(ENVIRONMENT, ENVIRONMENT)] == []


def test_a_variable_of_a_node_is_read_from_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    this = psutil.Process()
    ours = LocalNode(pid=this.pid, created_s=this.create_time())
    assert variable_of(ours, "PATH") is None, "this is no `ray start`"
    monkeypatch.setattr(ray_node, "_ray_start", lambda _: this)
    assert variable_of(ours, "PATH") == this.environ()["PATH"]
    assert variable_of(ours, f"NEVER_SET_{os.getpid()}") is None
    assert variable_of(LocalNode(pid=this.pid, created_s=ours.created_s - 60), "PATH") is None


def test_a_node_that_ends_meanwhile_has_no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> None:
        raise psutil.NoSuchProcess(NO_PID)

    ended = SimpleNamespace(environ=gone, create_time=lambda: 0)
    monkeypatch.setattr(ray_node, "_ray_start", lambda _: ended)
    assert variable_of(LocalNode(pid=NO_PID, created_s=0), "PATH") is None
