"""Starts more Ray nodes on this machine, as `ray start --address` does on another one."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from actors.local_ray.ports import LOOPBACK, free_port
from actors.local_ray.ray_node import ENVIRONMENT, GRACE, end_session
from crabstick.errors import EnvironmentProblem

START_LIMIT = timedelta(minutes=2)
POLL_S = 0.1
ROOT = Path(__file__).parent.parent


@contextmanager
def worker_node(
    address: str, *, slots: int, name: str = "", drains: timedelta = timedelta(0)
) -> "Iterator[subprocess.Popen[bytes]]":
    """Joins the cluster at `address` for as long as the block lasts.

    Args:
        address: of the head, on loopback.
        slots: logical CPUs.
        name: the name of the node; by default its address.
        drains: how long games have to leave when its `ray start` gets a SIGTERM.

    Raises:
        EnvironmentProblem: the node did not start.
    """
    child = _start(_command(address, slots, name), {**os.environ, **_variables(drains)})
    try:
        yield child
    finally:
        _end(child)


def _start(command: list[str], environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    """Tries twice: on a busy machine Ray itself gives up after half a minute."""
    try:
        return _try_to_start(command, environment)
    except EnvironmentProblem:
        return _try_to_start(command, environment)


def _try_to_start(command: list[str], environment: dict[str, str]) -> "subprocess.Popen[bytes]":
    with tempfile.NamedTemporaryFile(prefix="crabstick-node-") as log:
        child = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait_up(child, Path(log.name))
        except BaseException:
            _end(child)
            raise
        return child


def _end(child: "subprocess.Popen[bytes]") -> None:
    """Kills the node and its processes: a SIGTERM would wait for the games."""
    if child.poll() is None:
        child.kill()
    end_session(child.pid, GRACE)
    child.wait()


def _variables(drains: timedelta) -> dict[str, str]:
    drains_s = f"{drains.total_seconds():g}"
    search_path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {
        **ENVIRONMENT,
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": drains_s,
        "PYTHONPATH": search_path,
    }


def _command(address: str, slots: int, name: str) -> list[str]:
    return [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--block"),
        f"--address={address}",
        f"--node-ip-address={LOOPBACK}",
        f"--num-cpus={slots}",
        f"--dashboard-agent-listen-port={free_port()}",
        "--disable-usage-stats",
        *([f"--node-name={name}"] if name else []),
    ]


def _wait_up(child: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline_s = time.monotonic() + START_LIMIT.total_seconds()
    while "Ray runtime started" not in (output := log.read_text("utf-8", errors="replace")):
        if child.poll() is not None or time.monotonic() > deadline_s:
            raise EnvironmentProblem(f"a Ray node did not start: {output[-200:]}")
        time.sleep(POLL_S)
