"""A stage for demos and benchmarks: a local Lichess with players, and a Ray of its own.

Everything on it ends with it: no process, no file, no port is left behind.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from actors.local_ray.head import start_local_ray
from actors.local_ray.ports import free_port
from actors.ops.connect import connect, disconnect
from crabstick.commands.sandbox import ADMIN_VARIABLE
from crabstick.errors import EnvironmentProblem
from crabstick.settings import TOKEN_VARIABLE, Settings
from crabstick.signals import deferred_interrupt

__all__ = ["LocalLichess", "local_lichess", "own_ray"]

START_LIMIT = timedelta(seconds=30)
END_LIMIT = timedelta(seconds=5)
POLL_S = 0.05
SCOPES = "bot:play challenge:read challenge:write"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalLichess:
    """A sandbox in a process of its own; `tokens` are by player."""

    url: str
    admin_token: str
    tokens: dict[str, str]

    def ledger(self) -> dict[str, Any]:
        """Everything that happened, as the server saw it."""
        request = urllib.request.Request(  # noqa: S310 -- our own server on loopback
            f"{self.url}/sandbox/ledger", headers={"Authorization": f"Bearer {self.admin_token}"}
        )
        with urllib.request.urlopen(request, timeout=START_LIMIT.total_seconds()) as answer:  # noqa: S310
            ledger: dict[str, Any] = json.load(answer)
            return ledger

    def pgn(self, game_id: str) -> str:
        """One game as PGN."""
        address = f"{self.url}/game/export/{game_id}"
        with urllib.request.urlopen(address, timeout=START_LIMIT.total_seconds()) as answer:  # noqa: S310
            return str(answer.read().decode())


@contextmanager
def local_lichess(players: Sequence[str]) -> Iterator[LocalLichess]:
    """Serves a sandbox on a free port, every player being a bot with a token.

    Raises:
        EnvironmentProblem: it did not start.
    """
    tokens = {name: f"{name}_{secrets.token_hex(8)}" for name in players}
    accounts = [
        {"name": name, "title": "BOT", "rating": 1800, "tokens": {token: SCOPES}}
        for name, token in tokens.items()
    ]
    stage = LocalLichess(
        url=f"http://127.0.0.1:{free_port()}", admin_token=secrets.token_hex(16), tokens=tokens
    )
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", prefix="crabstick-") as file:
        file.write(json.dumps({"accounts": accounts}))
        file.flush()
        with _start_sandbox(stage, Path(file.name)) as child:
            try:
                _wait_ready(child, stage.url)
                yield stage
            finally:
                with deferred_interrupt():
                    _end(child)


def _end(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    try:
        child.wait(END_LIMIT.total_seconds())
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _start_sandbox(stage: LocalLichess, accounts: Path) -> "subprocess.Popen[bytes]":
    port = stage.url.rpartition(":")[2]
    return subprocess.Popen(  # noqa: S603 -- our own interpreter
        [
            *(sys.executable, "-m", "crabstick", "sandbox", "--no-rate-limits"),
            "--until-stdin-ends",  # so it ends with us however we do
            *("--port", port, "--accounts", str(accounts)),
        ],
        env={**os.environ, ADMIN_VARIABLE: stage.admin_token},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is ours to act on
    )


def _wait_ready(child: "subprocess.Popen[bytes]", url: str) -> None:
    deadline_s = time.monotonic() + START_LIMIT.total_seconds()
    while time.monotonic() < deadline_s:
        if child.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{url}/api/users/status?ids=x", timeout=1).close()  # noqa: S310
        except OSError:
            time.sleep(POLL_S)
        else:
            return
    raise EnvironmentProblem(f"the sandbox did not start at {url}")


@contextmanager
def own_ray(
    settings: Settings, token: str, say: Callable[[str], None] = lambda _: None
) -> Iterator[None]:
    """Starts a Ray that knows the bot's token, and connects to it.

    `say` is told what takes time: as by `start_local_ray`, and the end.

    Raises:
        EnvironmentProblem: Ray did not start.
    """
    os.environ[TOKEN_VARIABLE] = token
    temp_dir = tempfile.mkdtemp(prefix="crabstick-")
    slots = settings.challenges.max_games + settings.cluster.standby
    try:
        local = start_local_ray(
            cpus=slots * settings.cluster.slot_cpus,
            temp_dir=temp_dir,
            is_remembered=False,
            say=say,
        )
        try:
            connect(local.address, settings.cluster.namespace)
            yield
        finally:
            with deferred_interrupt():
                say("ending Ray …")
                disconnect()
                local.end()
    finally:
        shutil.rmtree(temp_dir, ignore_errors=True)
