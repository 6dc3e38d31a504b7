"""The fingerprint covers exactly what runs in a bot."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from actors.ops.fingerprint import CODE_ROOT, bot_code, fingerprint
from crabstick.settings import Settings

IMPORTED = """
import sys
import actors.engine_actor.engine_actor, actors.event_listener.event_listener
import actors.http.endpoints, actors.worker_set.worker_set
for name, module in sorted(sys.modules.items()):
    if name.partition(".")[0] in {"actors", "crabstick", "engine"} and module.__file__:
        print(module.__file__)
"""
LATE = {f"actors/http/{name}.py" for name in ("proxy_guard", "start_serve", "uvicorn_protocol")}
LATE |= {"crabstick/game/online_answers.py", "crabstick/game/online_sources.py"}
"""Loaded by Ray Serve's proxy, by the command that starts Serve, and where servers are asked."""
STARTED = {"engine/fairy.py", "engine/homemade.py"}
"""Run in processes of their own."""
PACKAGES = {"actors/ops/__init__.py", "crabstick/__init__.py"}


def test_what_the_actors_import_is_covered_and_nothing_else() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IMPORTED], capture_output=True, text=True, check=True, cwd=CODE_ROOT
    )
    imported = {Path(line).relative_to(CODE_ROOT).as_posix() for line in done.stdout.split()}
    covered = {path.as_posix() for path in bot_code()}
    assert imported - covered <= PACKAGES
    assert covered - imported - STARTED <= LATE


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for package in ("actors", "crabstick", "engine"):
        shutil.copytree(CODE_ROOT / package, tmp_path / package)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "replaces"),
    [
        ("actors/worker_set/worker_set.py", True),
        ("crabstick/rules/placement.py", True),
        ("engine/uci_engine.py", True),
        ("crabstick/sandbox/moves.py", False),
        ("crabstick/commands/demo.py", False),
        ("crabstick/check/running_cluster.py", False),
        ("actors/local_ray/local_cluster.py", False),
        ("engine/fake.py", False),
    ],
)
def test_only_code_of_the_bot_replaces_a_running_manager(
    copy: Path, path: str, *, replaces: bool
) -> None:
    before = fingerprint(Settings(), "crabby", root=copy)
    with (copy / path).open("a") as file:
        file.write("# changed\n")
    assert (fingerprint(Settings(), "crabby", root=copy) != before) is replaces
