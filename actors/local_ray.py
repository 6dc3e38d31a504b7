"""A Ray of our own on this machine: `ray start --head --block` as a child, ended by its pid."""

import json
import logging
import math
import os
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil
from ray._private.authentication.authentication_token_setup import (
    enable_token_auth_by_default,
    ensure_token_if_auth_enabled,
)

from crabstick.errors import EnvironmentProblem

__all__ = [
    "LocalRay",
    "authenticate",
    "find_local_ray",
    "free_port",
    "port_is_free",
    "start_local_ray",
    "usual_or_free",
]

START_LIMIT = timedelta(minutes=3)
END_LIMIT = timedelta(seconds=20)
GRACE = timedelta(seconds=2)
POLL_S = 0.1
LOOPBACK = "127.0.0.1"
USUAL_DASHBOARD = 8265

ENVIRONMENT = {
    "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",  # else the head waits 30 s for detached actors
    "RAY_worker_niceness": "0",  # at Ray's 15 every move waits for whatever else is busy
    "RAY_gcs_rpc_server_reconnect_timeout_s": "600",  # games outlive a head that is away
    "RAY_DEDUP_LOGS": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRay:
    """A Ray that we started: where it is, and the pid of its `ray start`."""

    address: str
    pid: int
    record: Path | None = None

    def end(self) -> None:
        """Ends it and everything that runs on it; nothing happens when it is gone already."""
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
        if self.record is not None:
            self.record.unlink(missing_ok=True)


def start_local_ray(*, cpus: float, temp_dir: str | None = None, record: bool = True) -> LocalRay:
    """Starts a head on this machine, with token authentication unless it is switched off.

    Args:
        cpus: logical CPUs; they are slots for games, not cores.
        temp_dir: where Ray keeps its session; None is Ray's own default.
        record: whether `find_local_ray` shall find it.

    Raises:
        EnvironmentProblem: Ray did not come up.
    """
    authenticate()
    port = free_port()
    command = [
        *(sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"),
        f"--port={port}",
        f"--node-ip-address={LOOPBACK}",
        f"--num-cpus={math.ceil(cpus)}",
        "--dashboard-host=127.0.0.1",
        f"--dashboard-port={usual_or_free(USUAL_DASHBOARD)}",
        f"--dashboard-agent-listen-port={free_port()}",  # its default may be another Ray's
        "--disable-usage-stats",
        *([f"--temp-dir={temp_dir}"] if temp_dir else []),
    ]
    root = str(Path(__file__).parent.parent)
    path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    with tempfile.NamedTemporaryFile(prefix="crabstick-ray-") as log:
        child = subprocess.Popen(  # noqa: S603 -- our own interpreter
            command,
            env={**os.environ, **ENVIRONMENT, "PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in our terminal is for us to act on
        )
        local = LocalRay(
            address=f"{LOOPBACK}:{port}",
            pid=child.pid,
            record=_record_path() if record else None,
        )
        try:
            _wait_up(child, Path(log.name))
        except BaseException:
            local.end()
            raise
    if local.record is not None:
        local.record.write_text(
            json.dumps({"address": local.address, "pid": local.pid}), encoding="utf-8"
        )
    return local


def authenticate() -> None:
    """Switches token authentication on as `ray.init()` does for a Ray of its own.

    The token is in ~/.ray/auth_token, made when it is missing. RAY_AUTH_MODE, if set, decides.
    """
    logging.getLogger("ray").setLevel(logging.ERROR)  # it would warn that it is on
    enable_token_auth_by_default()
    ensure_token_if_auth_enabled(create_token_if_missing=True)


def find_local_ray() -> LocalRay | None:
    """The local Ray that an earlier `crabstick up` of this user started, if it lives.

    This process is ready to authenticate with it afterwards.
    """
    path = _record_path()
    try:
        entry = json.loads(path.read_text(encoding="utf-8"))
        local = LocalRay(address=str(entry["address"]), pid=int(entry["pid"]), record=path)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if _process(local.pid) is None:
        return None
    authenticate()
    return local


def free_port() -> int:
    """A TCP port on the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def usual_or_free(port: int) -> int:
    """The port where people look, when nobody has it; else any that is free."""
    return port if port_is_free(LOOPBACK, port) else free_port()


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def _record_path() -> Path:
    return Path(tempfile.gettempdir()) / f"crabstick-{os.getuid()}.json"


def _process(pid: int) -> psutil.Process | None:
    """The `ray start` of that pid; pids are used again, so its command must say so."""
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
            raise EnvironmentProblem(
                f"Ray did not start (a machine that is too busy is the usual reason; try again): "
                f"{lines[-1] if lines else 'no word'}"
            )
        time.sleep(POLL_S)
    raise EnvironmentProblem(f"Ray did not start within {START_LIMIT.total_seconds():g} s")
