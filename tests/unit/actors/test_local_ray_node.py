"""How a node is started and told from other processes; tests/e2e start and end a real one."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from actors.local_ray import ray_node
from actors.local_ray.low_memory_launcher import UNUSED_COMMANDS
from actors.local_ray.profiles import FULL, SMALL
from actors.local_ray.ray_node import (
    ENVIRONMENT,
    FOREIGN,
    PINNED,
    end_node,
    node_command,
    our_environment,
    start_node,
)
from crabstick.check.ray_flags import flaws
from crabstick.errors import EnvironmentProblem
from tests.unit.local_rays import GONE, THIS


def test_only_a_session_that_may_be_the_node_s_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(ray_node, "end_session", lambda leader, _: ended.append(leader))
    end_node(GONE)
    assert ended == [GONE.pid]
    end_node(replace(THIS, started=THIS.started - 1))  # another process has its pid
    end_node(replace(GONE, boot="earlier"))  # another session may have it
    assert ended == [GONE.pid]


def test_a_node_is_on_loopback_and_found_by_the_name_of_its_bot() -> None:
    command = node_command("crabstick@0123456789", "--head")
    assert "--node-ip-address=127.0.0.1" in command
    launcher, program = command.index("--stay"), command.index("ray.scripts.scripts")
    assert command[launcher + 1] == "crabstick@0123456789"
    assert command[program - 2 : program] == ["--without", ",".join(UNUSED_COMMANDS)]


def test_every_variable_of_every_node_takes_effect_in_each_profile() -> None:
    assert not ENVIRONMENT.keys() & {*FULL.variables, *SMALL.variables}
    assert [*flaws(ENVIRONMENT, ENVIRONMENT)] == []


def test_our_children_find_this_code_and_nothing_of_the_user_s_ray(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in (*FOREIGN, *PINNED, "KEPT", "PYTHONPATH"):
        monkeypatch.setenv(name, "the-user's")
    child = our_environment(is_local=True)
    assert {name: child.get(name) for name in PINNED} == PINNED
    assert child.keys() & {*FOREIGN} == set()
    assert child["KEPT"] == "the-user's"
    assert child["PYTHONPATH"].split(os.pathsep) == [str(Path(__file__).parents[3]), "the-user's"]


def test_a_folder_too_long_for_sockets_is_named() -> None:
    with pytest.raises(EnvironmentProblem, match="set TMPDIR to a shorter one"):
        start_node(node_command("b@1", f"--temp-dir=/{'ö' * 19}"), {})


def test_the_cause_of_a_failed_start_is_its_last_error() -> None:
    full = "OSError: [Errno 28] No space left on device: '/tmp/ray'"
    outputs = ("", "begin\nthe end\n\n", "ValueError: no port\nusage: error: x\nbye", full)
    assert [ray_node._cause(one) for one in outputs] == [
        "no output",
        "the end",
        "usage: error: x",
        "No space left on device: '/tmp/ray'",
    ]
