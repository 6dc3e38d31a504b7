"""One Ray node on this machine: `ray start --block` as a child process, and how it ends.

A node leads a POSIX session that none of its processes leaves. So the whole node can be ended even
after its `ray start` has died.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO

import psutil

from actors.local_ray.low_memory_launcher import UNUSED_COMMANDS
from actors.local_ray.ports import LOOPBACK, free_port
from crabstick.errors import EnvironmentProblem
from crabstick.signals import deferred_interrupt

START_LIMIT = timedelta(minutes=3)
END_LIMIT = timedelta(seconds=20)
GRACE = timedelta(seconds=2)
POLL_S = 0.1
CREATED_TOLERANCE_S = 5
"""The kernel counts creation times from boot: they shift when the wall clock is set."""

ENVIRONMENT = {
    "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",  # else the head waits 30 s for detached actors
    "RAY_worker_niceness": "0",  # at Ray's 15 every move waits for any other busy process
    "RAY_gcs_rpc_server_reconnect_timeout_s": "600",  # games outlive a head that is away
    "RAY_maximum_gcs_destroyed_actor_cached_count": "500",  # one per game; Ray keeps 100000
    "RAY_task_events_max_num_task_in_gcs": "10000",  # the same for calls
    "RAY_metric_cardinality_level": "low",  # else each game adds its name to Ray's metrics
    "MALLOC_ARENA_MAX": "1",  # else each actor that comes and goes leaves a manager 60 KB larger
    "RAY_DEDUP_LOGS": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""Environment of every node; a `Profile` adds its own variables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalNode:
    """A Ray node that we started on this machine.

    Attributes:
        pid: the pid of its `ray start`.
        created_s: Unix time of that process's creation; a later process may get the same pid.
        is_up: whether the node has finished its start.
    """

    pid: int
    created_s: float
    is_up: bool = True


class _StartedLate(EnvironmentProblem):
    """`ray start` gave up; it allows its processes 30 s, however busy the machine is."""


def node_command(*options: str) -> list[str]:
    """Returns a `ray start` command with those options and the ones that every node has."""
    return [
        *(sys.executable, "-m", "actors.local_ray.low_memory_launcher"),
        *("--without", ",".join(UNUSED_COMMANDS)),
        *("ray.scripts.scripts", "start", "--block"),
        *options,
        f"--node-ip-address={LOOPBACK}",
        f"--dashboard-agent-listen-port={free_port()}",  # another cluster may hold the default
        "--disable-usage-stats",
    ]


def start_node(
    command: Callable[[], Sequence[str]],
    on_change: Callable[[LocalNode], None],
    notify: Callable[[str], None],
    variables: Mapping[str, str],
) -> LocalNode:
    """Starts a node and returns when it is up; tries a second time when `ray start` gave up.

    Args:
        command: makes a `node_command`, a new one for each try.
        on_change: called with the node as soon as it exists, and again when it is up.
        notify: prints a sentence about a second try or an interrupted start.
        variables: environment of the node beside `ENVIRONMENT`.

    Raises:
        EnvironmentProblem: the node did not come up. No process is left, even after an interrupt.
    """
    try:
        return _start(command(), on_change, notify, variables)
    except _StartedLate:
        notify("Ray gave up its start, as it does on a busy machine; starting it once more …")
        return _start(command(), on_change, notify, variables)


def _start(
    command: Sequence[str],
    on_change: Callable[[LocalNode], None],
    notify: Callable[[str], None],
    variables: Mapping[str, str],
) -> LocalNode:
    node: LocalNode | None = None
    with tempfile.NamedTemporaryFile(prefix="crabstick-ray-") as log:
        try:
            with deferred_interrupt():
                child = _spawn(command, variables, log)
                created_s = psutil.Process(child.pid).create_time()
                node = LocalNode(pid=child.pid, created_s=created_s, is_up=False)
                on_change(node)
            _wait_up(child, Path(log.name))
            node = LocalNode(pid=child.pid, created_s=created_s)
            on_change(node)
        except BaseException as error:
            if node is not None:
                if isinstance(error, KeyboardInterrupt):
                    notify("ending the Ray node that was starting …")
                end_node(node.pid)
            raise
    return node


def _spawn(
    command: Sequence[str], variables: Mapping[str, str], log: IO[bytes]
) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(  # noqa: S603 -- our own interpreter
        command,
        env={**os.environ, **ENVIRONMENT, "PYTHONPATH": _search_path(), **variables},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,  # Ctrl-C in our terminal must not reach the node
    )


def _search_path() -> str:
    root = str(Path(__file__).parents[2])
    return os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))


def _wait_up(child: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline_s = time.monotonic() + START_LIMIT.total_seconds()
    while time.monotonic() < deadline_s:
        output = log.read_text(encoding="utf-8", errors="replace")
        if "Ray runtime started" in output:
            return
        if child.poll() is not None:
            lines = [line for line in output.splitlines() if line.strip()]
            raise _StartedLate(
                f"Ray did not start (a machine that is too busy is the usual reason; try again): "
                f"{lines[-1] if lines else 'no output'}"
            )
        time.sleep(POLL_S)
    raise EnvironmentProblem(f"Ray did not start within {START_LIMIT.total_seconds():g} s")


def is_alive(node: LocalNode) -> bool:
    """Tells whether the node's `ray start` runs; it exits when one of its processes has died."""
    process = _ray_start(node.pid)
    return process is not None and _is_same(node, process)


def variable_of(node: LocalNode, name: str) -> str | None:
    """Returns an environment variable of the node's `ray start`; None when that has exited."""
    process = _ray_start(node.pid)
    try:
        return process.environ().get(name) if process and _is_same(node, process) else None
    except psutil.Error:
        return None


def end_node(pid: int, created_s: float | None = None) -> None:
    """Ends a node with all its processes; idempotent. Ctrl-C waits until that is done.

    Args:
        pid: the pid of its `ray start`.
        created_s: Unix time of that process's creation, if another process may have the pid now.
    """
    with deferred_interrupt():
        if created_s is not None and _is_pid_reused(LocalNode(pid=pid, created_s=created_s)):
            return
        process = _ray_start(pid)
        if process is not None:
            process.terminate()
            psutil.wait_procs([process], timeout=END_LIMIT.total_seconds())
        # processes of the session may outlive `ray start`
        _, alive = psutil.wait_procs(_session(pid), timeout=GRACE.total_seconds())
        for survivor in [*alive, *_session(pid)]:
            with suppress(psutil.Error):
                survivor.kill()
        psutil.wait_procs(alive, timeout=GRACE.total_seconds())


def _is_pid_reused(node: LocalNode) -> bool:
    """Whether the pid has a new owner; Linux reuses a pid only when its session is empty."""
    try:
        return not _is_same(node, psutil.Process(node.pid))
    except psutil.Error:
        return False


def _is_same(node: LocalNode, process: psutil.Process) -> bool:
    try:
        return abs(process.create_time() - node.created_s) <= CREATED_TOLERANCE_S
    except psutil.Error:
        return False


def _ray_start(pid: int) -> psutil.Process | None:
    """The `ray start` of that pid; None when it has exited."""
    try:
        process = psutil.Process(pid)
        is_ours = "start" in process.cmdline() and "--block" in process.cmdline()
        return process if is_ours and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def _session(leader: int) -> list[psutil.Process]:
    """All processes of the POSIX session that `leader` leads."""
    found = []
    for process in psutil.process_iter():
        with suppress(OSError):
            if os.getsid(process.pid) == leader:
                found.append(process)
    return found
