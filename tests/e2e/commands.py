"""Commands that run in a home of their own, and a bot that was started by one."""

import asyncio
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import psutil

from actors.local_ray.ports import free_port
from crabstick.sandbox.move_policies import random_mover
from crabstick.sandbox.opponent import Opponent, OpponentSpec, think_time
from crabstick.sandbox.testing import RunningSandbox
from tests.chaos.ray_nodes import send_signal
from tests.chaos.worker_logs import WorkerLogs

ROOT = Path(__file__).parents[2]
PATIENCE_S = 150
MARK = "CRABSTICK_TEST_MARK"


@contextmanager
def home() -> Iterator[Path]:
    """A home folder, with a path short enough for Ray's sockets."""
    with tempfile.TemporaryDirectory(prefix="crab-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def copy_checkout(checkout: Path, version: str) -> None:
    """What a person would submit as a working directory; each of its requests names the version."""
    for package in ("actors", "crabstick", "engine"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, checkout / package, ignore=ignore)
    (checkout / "crabstick/__init__.py").write_text(
        f'"""Submitted."""\n\n__version__ = "{version}"\n', encoding="utf-8"
    )


def variables(folder: Path, **more: str) -> dict[str, str]:
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "CRABSTICK", "LICHESS"))
    }
    home = {"HOME": str(folder), "TMPDIR": str(folder), MARK: str(folder)}
    return {**kept, **home, "PYTHONPATH": str(ROOT), "COLUMNS": "140", **more}


@contextmanager
def started(
    folder: Path, *arguments: str, out: str = "out", **more: str
) -> "Iterator[subprocess.Popen[str]]":
    with (folder / out).open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "crabstick", *arguments],
            cwd=folder,
            env=variables(folder, **more),
            stdout=file,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # a terminal's Ctrl-C goes to the whole group
        )
        try:
            yield process
        finally:
            for patience_s in (10, PATIENCE_S):  # at the second signal it waits for no game
                if process.poll() is None:
                    process.terminate()
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(patience_s)


def output(folder: Path, out: str = "out") -> str:
    return (folder / out).read_text(encoding="utf-8")


def wait(condition: Callable[[], object], folder: Path) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s, output(folder)
        time.sleep(0.1)


def left_behind(folder: Path) -> list[str]:
    """Processes that grew out of the command: all inherit its environment."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.pid != os.getpid() and process.environ().get(MARK) == str(folder):
                found.append(" ".join(process.cmdline()))
    return found


def record(folder: Path) -> dict[str, Any]:
    """What is recorded of the local cluster; empty without a record."""
    for path in folder.glob(".ray/crabstick-*@??????????.json"):
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    return {}


def environment(sandbox: RunningSandbox) -> dict[str, str]:
    port = free_port()
    return {
        "LICHESS_BOT_TOKEN": sandbox.token("crabstick"),
        "CRABSTICK__LICHESS__URL": sandbox.url,
        "CRABSTICK__CLUSTER__NAMESPACE": f"bot{port}",  # no bot of another test is in the way
        "CRABSTICK__HTTP__PORT": str(port),
        "CRABSTICK__ENGINE__LIMITS__MOVE_TIME_MS": "50",
    }


@dataclass(slots=True, kw_only=True)
class HomeBot:
    """A bot in its own home folder, on a sandbox."""

    folder: Path
    sandbox: RunningSandbox
    environment: dict[str, str]
    hurry: Event = field(default_factory=Event)
    """Once it is set, opponents think no more and games end soon."""

    def run(self, out: str, *arguments: str) -> int:
        """Runs one command; its output goes to `out`."""
        with started(self.folder, *arguments, out=out, **self.environment) as command:
            return command.wait(2 * PATIENCE_S)

    def opponent(self, number: int, think_s: float) -> Opponent:
        """An opponent that moves at random."""
        name, rng = f"sparring{number}", random.Random(number)
        slow = think_time(timedelta(seconds=think_s), 0.2, rng)
        player = OpponentSpec(
            name=name,
            token=self.sandbox.token(name),
            policy=random_mover(rng),
            delay=lambda: timedelta() if self.hurry.is_set() else slow(),
        )
        return Opponent(self.sandbox.url, player)

    async def until(self, condition: Callable[[], object]) -> None:
        """Waits for it beside the opponents."""
        await asyncio.to_thread(wait, condition, self.folder)

    async def wait_moves(self, game_id: str, more: int) -> None:
        """Waits for that many more moves of the bot, in a game that lasts for as long."""

        def moves() -> int:
            games = self.sandbox.ledger(game_id)["games"]  # none before it is accepted
            assert [game["status"] for game in games if game["ended_ms"] is not None] == []
            return sum(move["by"] == "crabstick" for game in games for move in game["moves"])

        until = moves() + more
        await self.until(lambda: moves() >= until)

    def kill(self, name: str) -> None:
        """Kills the processes of its Ray with that name, or with an empty name all of them."""
        send_signal(record(self.folder)["node"]["pid"], signal.SIGKILL, name)

    def logs(self) -> WorkerLogs:
        """Everything that the bot's processes have logged."""
        logs = WorkerLogs(self.folder / "ray")
        logs.read()
        return logs
