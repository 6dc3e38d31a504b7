"""Which process is a node of ours; starting and ending one is tested with a real one."""

import os
from types import SimpleNamespace

import psutil
import pytest

from actors.local_ray import node as local_node
from actors.local_ray.node import end_node, is_alive, node_command, variable_of
from actors.local_ray.ray_command import UNUSED_COMMANDS
from actors.local_ray.record import LocalNode

NOBODY = 2**22 + 1
"""No pid is that large."""


def test_a_process_of_another_birth_is_not_it() -> None:
    this = psutil.Process()
    ours = LocalNode(pid=this.pid, born_s=this.create_time())
    assert local_node._may_be_its(ours)
    assert not local_node._may_be_its(LocalNode(pid=this.pid, born_s=ours.born_s - 60))


def test_a_pid_that_nobody_has_may_have_left_something() -> None:
    assert local_node._may_be_its(LocalNode(pid=NOBODY, born_s=0))


def test_what_is_no_ray_start_is_no_node() -> None:
    this = psutil.Process()
    assert not is_alive(LocalNode(pid=this.pid, born_s=this.create_time()))
    assert not is_alive(LocalNode(pid=NOBODY, born_s=0))


def test_ending_a_pid_that_another_process_has_ends_nothing() -> None:
    this = psutil.Process()
    end_node(this.pid, this.create_time() - 60)
    assert this.is_running()


def test_a_node_is_on_loopback_and_leaves_the_usual_ports_to_others() -> None:
    command = node_command("--head")
    assert "--head" in command
    assert "--node-ip-address=127.0.0.1" in command
    assert any(option.startswith("--dashboard-agent-listen-port=") for option in command)


def test_ray_start_leaves_out_the_commands_that_nobody_uses() -> None:
    command = node_command("--head")
    program = command.index("ray.scripts.scripts")
    assert command[program - 2 : program] == ["--without", ",".join(UNUSED_COMMANDS)]
    assert command[program + 1 : program + 4] == ["start", "--block", "--head"]


def test_what_a_node_was_given_is_read_from_its_process(monkeypatch: pytest.MonkeyPatch) -> None:
    this = psutil.Process()
    ours = LocalNode(pid=this.pid, born_s=this.create_time())
    assert variable_of(ours, "PATH") is None, "this is no `ray start`"
    monkeypatch.setattr(local_node, "_ray_start", lambda _: this)
    assert variable_of(ours, "PATH") == this.environ()["PATH"]
    assert variable_of(ours, f"NEVER_SET_{os.getpid()}") is None
    assert variable_of(LocalNode(pid=this.pid, born_s=ours.born_s - 60), "PATH") is None


def test_a_node_that_ends_meanwhile_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> None:
        raise psutil.NoSuchProcess(NOBODY)

    ended = SimpleNamespace(environ=gone, create_time=lambda: 0)
    monkeypatch.setattr(local_node, "_ray_start", lambda _: ended)
    assert variable_of(LocalNode(pid=NOBODY, born_s=0), "PATH") is None
