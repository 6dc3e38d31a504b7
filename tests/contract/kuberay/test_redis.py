"""The Redis of `components/redis`, with the container's own command on this machine's Redis."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from actors.local_ray.ports import free_port
from tests.contract.kuberay.rendered import named
from tests.contract.manifests import Manifest

pytestmark = pytest.mark.skipif(
    shutil.which("redis-server") is None, reason="redis-server is not installed"
)

PASSWORD = "correct-horse"  # noqa: S105 -- of a server that lives for a second
PATIENCE_S = 20


def container() -> Manifest:
    (only,) = named("production", "StatefulSet", "crabstick-redis")["spec"]["template"]["spec"][
        "containers"
    ]
    found: Manifest = only
    return found


def ask(port: int, *words: str, password: str = PASSWORD) -> subprocess.CompletedProcess[str]:
    """As the probe does: the password is in the environment."""
    program, *options = container()["startupProbe"]["exec"]["command"][:-1]
    return subprocess.run(
        [program, "-p", str(port), *options, *words],
        env={**os.environ, "REDISCLI_AUTH": password},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@contextmanager
def running(folder: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """The container's command; only its folder and its port are this machine's."""
    (script,) = container()["args"]
    local = script.replace("dir /data", f"dir {folder}\nport {port}\nbind 127.0.0.1")
    server = subprocess.Popen(
        [*container()["command"], local],
        env={**os.environ, "REDISCLI_AUTH": PASSWORD},
        stdout=subprocess.DEVNULL,
    )
    try:
        until_s = time.monotonic() + PATIENCE_S
        while ask(port, "ping").stdout != "PONG\n":
            assert time.monotonic() < until_s
            time.sleep(0.05)
        yield server
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(PATIENCE_S) == 0


def test_what_it_was_told_outlives_it() -> None:
    with tempfile.TemporaryDirectory(prefix="crab-") as folder:
        port = free_port()
        with running(Path(folder), port):
            assert ask(port, "set", "actor", "WorkerSet").stdout == "OK\n"
        with running(Path(folder), port):
            assert ask(port, "get", "actor").stdout == "WorkerSet\n"


def test_nobody_gets_in_without_the_password_and_it_is_in_no_process_list() -> None:
    with tempfile.TemporaryDirectory(prefix="crab-") as folder:
        port = free_port()
        with running(Path(folder), port) as server:
            assert ask(port, "get", "actor", password="wrong").returncode != 0
            command = Path(f"/proc/{server.pid}/cmdline").read_text(encoding="utf-8")
            assert command.startswith("redis-server")
            assert PASSWORD not in command
