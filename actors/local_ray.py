"""A Ray of our own on this machine: `ray start --head --block` as a child, ended by its pid."""

import logging
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO

import psutil
from ray._private.authentication.authentication_token_setup import (
    enable_token_auth_by_default,
    ensure_token_if_auth_enabled,
)

from actors.local_record import Record, forget, recall, remember
from actors.ports import LOOPBACK, free_port, usual_or_free
from actors.ray_start_hook import HOOK
from crabstick.errors import EnvironmentProblem
from crabstick.interrupts import deferred_interrupt

__all__ = ["LocalRay", "authenticate", "find_local_ray", "start_local_ray"]

START_LIMIT = timedelta(minutes=3)
END_LIMIT = timedelta(seconds=20)
GRACE = timedelta(seconds=2)
POLL_S = 0.1
BORN_TOLERANCE_S = 5
"""The kernel tells births by its clock since boot: they move when the wall clock is set."""
USUAL_DASHBOARD = 8265

ENVIRONMENT = {
    "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",  # else the head waits 30 s for detached actors
    "RAY_worker_niceness": "0",  # at Ray's 15 every move waits for whatever else is busy
    "RAY_gcs_rpc_server_reconnect_timeout_s": "600",  # games outlive a head that is away
    "RAY_DEDUP_LOGS": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_START_HOOK": HOOK,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRay:
    """A Ray that we started: where it is, and the pid of its `ray start`.

    `is_up` is False for one that a killed `crabstick up` left in the midst of its start.
    """

    address: str
    pid: int
    is_up: bool = True

    def end(self) -> None:
        """Ends it and everything that runs on it; nothing happens when it is gone already.

        A Ctrl-C waits until that is done.
        """
        with deferred_interrupt():
            process = _process(self.pid)
            if process is not None:
                process.terminate()
                psutil.wait_procs([process], timeout=END_LIMIT.total_seconds())
            # also when `ray start` has gone: what it started may live on
            _, alive = psutil.wait_procs(_session(self.pid), timeout=GRACE.total_seconds())
            for survivor in [*alive, *_session(self.pid)]:
                with suppress(psutil.Error):
                    survivor.kill()
            psutil.wait_procs(alive, timeout=GRACE.total_seconds())
            forget(self.pid)


class _StartedLate(EnvironmentProblem):
    """`ray start` ended by itself: it gives its processes 30 s, whatever the machine does."""


def start_local_ray(
    *,
    cpus: float,
    temp_dir: str | None = None,
    is_remembered: bool = True,
    say: Callable[[str], None] = lambda _: None,
) -> LocalRay:
    """Starts a head on this machine, with token authentication unless it is switched off.

    Args:
        cpus: logical CPUs; they are slots for games, not cores.
        temp_dir: where Ray keeps its session; None is Ray's own default.
        is_remembered: whether `find_local_ray` shall find it; only within `sole_command`.
        say: is told when Ray is started once more, or a start is taken back.

    Raises:
        EnvironmentProblem: Ray did not come up.
    """
    authenticate()
    try:
        return _start(cpus, temp_dir, is_remembered=is_remembered, say=say)
    except _StartedLate:
        say("Ray gave up its start, as it does on a busy machine; starting it once more …")
        return _start(cpus, temp_dir, is_remembered=is_remembered, say=say)


def _start(
    cpus: float, temp_dir: str | None, *, is_remembered: bool, say: Callable[[str], None]
) -> LocalRay:
    address = f"{LOOPBACK}:{free_port()}"
    local: LocalRay | None = None
    with tempfile.NamedTemporaryFile(prefix="crabstick-ray-") as log:
        try:
            with deferred_interrupt():
                child = _spawn(_command(address, cpus, temp_dir), log)
                local = LocalRay(address=address, pid=child.pid)
                if is_remembered:
                    _remember(local, is_up=False)
            _wait_up(child, Path(log.name))
            if is_remembered:
                _remember(local, is_up=True)
        except BaseException as error:
            if local is not None:
                if isinstance(error, KeyboardInterrupt):
                    say("ending the Ray that was being started …")
                local.end()
            raise
    return local


def authenticate() -> None:
    """Switches token authentication on as `ray.init()` does for a Ray of its own.

    The token is in ~/.ray/auth_token, made when it is missing. RAY_AUTH_MODE, if set, decides.
    """
    logging.getLogger("ray").setLevel(logging.ERROR)  # it would warn that it is on
    enable_token_auth_by_default()
    before = os.umask(0o077)  # who can read the token rules the cluster
    try:
        ensure_token_if_auth_enabled(create_token_if_missing=True)
    finally:
        os.umask(before)


def find_local_ray() -> LocalRay | None:
    """The local Ray that an earlier `crabstick up` of this user started, if it lives.

    This process is ready to authenticate with it afterwards.
    """
    record = recall()
    if record is None:
        return None
    process = _process(record.pid)
    if process is None or abs(process.create_time() - record.born_s) > BORN_TOLERANCE_S:
        return None
    authenticate()
    return LocalRay(address=record.address, pid=record.pid, is_up=record.is_up)


def _spawn(command: list[str], log: IO[bytes]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 -- our own interpreter
        command,
        env={**os.environ, **ENVIRONMENT, "PYTHONPATH": _search_path()},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C in our terminal is for us to act on
    )


def _command(address: str, cpus: float, temp_dir: str | None) -> list[str]:
    return [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"),
        f"--port={address.rpartition(':')[2]}",
        f"--node-ip-address={LOOPBACK}",
        f"--num-cpus={math.ceil(cpus)}",
        "--dashboard-host=127.0.0.1",
        f"--dashboard-port={usual_or_free(USUAL_DASHBOARD)}",
        f"--dashboard-agent-listen-port={free_port()}",  # its default may be another Ray's
        "--disable-usage-stats",
        *([f"--temp-dir={temp_dir}"] if temp_dir else []),
    ]


def _search_path() -> str:
    root = str(Path(__file__).parent.parent)
    return os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))


def _remember(local: LocalRay, *, is_up: bool) -> None:
    born_s = psutil.Process(local.pid).create_time()
    remember(Record(address=local.address, pid=local.pid, born_s=born_s, is_up=is_up))


def _process(pid: int) -> psutil.Process | None:
    """The `ray start` of that pid, unless it has ended."""
    try:
        process = psutil.Process(pid)
        is_ours = "start" in process.cmdline() and "--block" in process.cmdline()
    except psutil.Error:
        return None
    return process if is_ours and process.status() != psutil.STATUS_ZOMBIE else None


def _session(leader: int) -> list[psutil.Process]:
    """Everything that Ray started: `ray start` leads a POSIX session, and nobody leaves it."""
    found = []
    for process in psutil.process_iter():
        with suppress(OSError):
            if os.getsid(process.pid) == leader:
                found.append(process)
    return found


def _wait_up(child: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline_s = time.monotonic() + START_LIMIT.total_seconds()
    while time.monotonic() < deadline_s:
        said = log.read_text(encoding="utf-8", errors="replace")
        if "Ray runtime started" in said:
            return
        if child.poll() is not None:
            lines = [line for line in said.splitlines() if line.strip()]
            raise _StartedLate(
                f"Ray did not start (a machine that is too busy is the usual reason; try again): "
                f"{lines[-1] if lines else 'no word'}"
            )
        time.sleep(POLL_S)
    raise EnvironmentProblem(f"Ray did not start within {START_LIMIT.total_seconds():g} s")
