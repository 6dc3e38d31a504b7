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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from actors.local_ray.local_cluster import start_local_cluster
from actors.local_ray.ports import free_port
from actors.ops.connect import connect, disconnect
from crabstick.errors import EnvironmentProblem
from crabstick.sandbox.accounts import BOT_SCOPES, Accounts, SandboxAccount
from crabstick.sandbox.options import SANDBOX_ADMIN_VARIABLE
from crabstick.sandbox.testing import RunningSandbox
from crabstick.settings import TOKEN_VARIABLE, Settings
from crabstick.signals import deferred_interrupt
from crabstick.terminal.child_process import end_child
from crabstick.terminal.find_cluster import game_cpus

START_LIMIT = timedelta(minutes=3)
END_LIMIT = timedelta(seconds=5)
POLL_S = 0.05


@contextmanager
def local_lichess(players: Sequence[str]) -> Iterator[RunningSandbox]:
    """Serves a sandbox on a free port in another process; every player is a bot with a token.

    Raises:
        EnvironmentProblem: the sandbox did not start.
    """
    accounts = [
        SandboxAccount(
            name=name,
            title="BOT",
            rating=1800,
            tokens={f"{name}_{secrets.token_hex(8)}": BOT_SCOPES},
        )
        for name in players
    ]
    lichess = RunningSandbox(
        url=f"http://127.0.0.1:{free_port()}",
        admin_token=secrets.token_hex(16),
        accounts=Accounts(accounts),
    )
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", prefix="crabstick-") as file:
        json.dump({"accounts": [account.model_dump() for account in accounts]}, file)
        file.flush()
        with _start_sandbox(lichess, Path(file.name)) as child:
            try:
                _wait_ready(child, lichess)
                yield lichess
            finally:
                with deferred_interrupt():
                    end_child(child, END_LIMIT)


def _start_sandbox(lichess: RunningSandbox, accounts: Path) -> "subprocess.Popen[bytes]":
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


def _wait_ready(child: "subprocess.Popen[bytes]", lichess: RunningSandbox) -> None:
    deadline_s = time.monotonic() + START_LIMIT.total_seconds()
    while child.poll() is None and time.monotonic() < deadline_s:
        try:
            lichess.games()
        except OSError:
            time.sleep(POLL_S)
        else:
            return
    raise EnvironmentProblem(f"the sandbox did not start at {lichess.url}")


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
