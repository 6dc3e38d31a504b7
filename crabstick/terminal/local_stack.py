"""A local stack for demos and benchmarks: a sandbox Lichess with players, and a Ray cluster.

It leaves nothing behind: no process, no file, no open port.
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

from actors.local_ray.local_cluster import start_local_cluster
from actors.local_ray.ports import free_port
from actors.ops.connect import connect, disconnect
from crabstick.errors import EnvironmentProblem
from crabstick.sandbox.errors import JsonObject
from crabstick.sandbox.options import SANDBOX_ADMIN_VARIABLE
from crabstick.settings import TOKEN_VARIABLE, Settings
from crabstick.signals import deferred_interrupt
from crabstick.terminal.find_cluster import game_cpus

START_LIMIT = timedelta(minutes=3)
END_LIMIT = timedelta(seconds=5)
POLL_S = 0.05
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Opens URLs of this machine without a proxy."""
SCOPES = "bot:play challenge:read challenge:write"


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalLichess:
    """A sandbox Lichess in another process; `tokens` maps each player to a token."""

    url: str
    admin_token: str
    tokens: dict[str, str]

    def ledger(self) -> JsonObject:
        """Fetches all that happened, as the server saw it."""
        text = self._fetch("/sandbox/ledger", Authorization=f"Bearer {self.admin_token}")
        ledger: JsonObject = json.loads(text)
        return ledger

    def pgn(self, game_id: str) -> str:
        """Fetches one game as PGN."""
        return self._fetch(f"/game/export/{game_id}")

    def _fetch(self, path: str, **headers: str) -> str:
        request = urllib.request.Request(self.url + path, headers=headers)  # noqa: S310 -- loopback
        with DIRECT.open(request, timeout=START_LIMIT.total_seconds()) as answer:
            return str(answer.read().decode())


@contextmanager
def local_lichess(players: Sequence[str]) -> Iterator[LocalLichess]:
    """Serves a sandbox on a free port; every player is a bot with a token.

    Raises:
        EnvironmentProblem: the sandbox did not start.
    """
    tokens = {name: f"{name}_{secrets.token_hex(8)}" for name in players}
    accounts = [
        {"name": name, "title": "BOT", "rating": 1800, "tokens": {token: SCOPES}}
        for name, token in tokens.items()
    ]
    lichess = LocalLichess(
        url=f"http://127.0.0.1:{free_port()}", admin_token=secrets.token_hex(16), tokens=tokens
    )
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", prefix="crabstick-") as file:
        file.write(json.dumps({"accounts": accounts}))
        file.flush()
        with _start_sandbox(lichess, Path(file.name)) as child:
            try:
                _wait_ready(child, lichess.url)
                yield lichess
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


def _start_sandbox(lichess: LocalLichess, accounts: Path) -> "subprocess.Popen[bytes]":
    port = lichess.url.rpartition(":")[2]
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "crabstick", "sandbox", "--no-rate-limits"),
            "--until-stdin-ends",  # the sandbox ends with this process, however this one ends
            *("--port", port, "--accounts", str(accounts)),
        ],
        env={**os.environ, SANDBOX_ADMIN_VARIABLE: lichess.admin_token},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in our terminal must reach this process alone
    )


def _wait_ready(child: "subprocess.Popen[bytes]", url: str) -> None:
    deadline_s = time.monotonic() + START_LIMIT.total_seconds()
    while time.monotonic() < deadline_s:
        if child.poll() is not None:
            break
        try:
            DIRECT.open(f"{url}/api/users/status?ids=x", timeout=1).close()
        except OSError:
            time.sleep(POLL_S)
        else:
            return
    raise EnvironmentProblem(f"the sandbox did not start at {url}")


@contextmanager
def local_cluster(
    settings: Settings, token: str, notify: Callable[[str], None] = lambda _: None
) -> Iterator[None]:
    """Starts a Ray cluster whose processes have the bot's token, and connects to it.

    `notify` prints a sentence about each slow step.

    Raises:
        EnvironmentProblem: Ray did not start.
    """
    os.environ[TOKEN_VARIABLE] = token
    temp_dir = tempfile.mkdtemp(prefix="crabstick-")
    try:
        cluster = start_local_cluster(cpus=game_cpus(settings), temp_dir=temp_dir)
        try:
            connect(cluster.address, settings.cluster.namespace)
            yield
        finally:
            with deferred_interrupt():
                notify("ending Ray …")
                disconnect()
                cluster.end()
    finally:
        shutil.rmtree(temp_dir, ignore_errors=True)
