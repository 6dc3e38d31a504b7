"""One Ray node on this machine: `ray start --block` as a child, ended with all that it started.

It leads a POSIX session that nothing of it leaves, so a node can be ended whole even when its
`ray start` has gone.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import IO

import psutil

from actors.local_ray.ports import LOOPBACK, free_port
from actors.local_ray.ray_command import UNUSED_COMMANDS
from actors.local_ray.record import LocalNode
from actors.local_ray.start_hook import HOOK
from crabstick.errors import EnvironmentProblem
from crabstick.signals import deferred_interrupt

__all__ = ["ENVIRONMENT", "end_node", "is_alive", "node_command", "start_node", "variable_of"]

START_LIMIT = timedelta(minutes=3)
END_LIMIT = timedelta(seconds=20)
GRACE = timedelta(seconds=2)
POLL_S = 0.1
BORN_TOLERANCE_S = 5
"""The kernel tells births by its clock since boot: they move when the wall clock is set."""

ENVIRONMENT = {
    "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",  # else the head waits 30 s for detached actors
    "RAY_worker_niceness": "0",  # at Ray's 15 every move waits for whatever else is busy
    "RAY_gcs_rpc_server_reconnect_timeout_s": "600",  # games outlive a head that is away
    "RAY_maximum_gcs_destroyed_actor_cached_count": "500",  # each game leaves one; Ray keeps 100000
    "RAY_task_events_max_num_task_in_gcs": "10000",  # the same of calls
    "RAY_metric_cardinality_level": "low",  # else each game leaves its name in Ray's metrics
    "MALLOC_ARENA_MAX": "1",  # else each actor that comes and goes leaves a manager 60 KB larger
    "RAY_DEDUP_LOGS": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_START_HOOK": HOOK,
}


class _StartedLate(EnvironmentProblem):
    """`ray start` ended by itself: it gives its processes 30 s, whatever the machine does."""


def node_command(*options: str) -> list[str]:
    """A `ray start` with those options, and with what each of our nodes has."""
    return [
        *(
            sys.executable,
            "-m",
            "actors.local_ray.ray_command",
            "--without",
            ",".join(UNUSED_COMMANDS),
        ),
        *("ray.scripts.scripts", "start", "--block"),
        *options,
        f"--node-ip-address={LOOPBACK}",
        f"--dashboard-agent-listen-port={free_port()}",  # its default may be another Ray's
        "--disable-usage-stats",
    ]


def start_node(
    command: Callable[[], Sequence[str]],
    note: Callable[[LocalNode], None],
    say: Callable[[str], None],
    variables: Mapping[str, str] | None = None,
) -> LocalNode:
    """Returns when the node runs; Ray is given a second try when it gave up its start.

    Args:
        command: makes a `node_command`, anew for each try.
        note: is told of the node as soon as there is one, and again when it is up.
        say: is told when Ray is started once more, or a start is taken back.
        variables: what it has in its environment beside `ENVIRONMENT`.

    Raises:
        EnvironmentProblem: it did not come up. Nothing of it is left, as after an interrupt.
    """
    try:
        return _start(command(), note, say, variables or {})
    except _StartedLate:
        say("Ray gave up its start, as it does on a busy machine; starting it once more …")
        return _start(command(), note, say, variables or {})


def _start(
    command: Sequence[str],
    note: Callable[[LocalNode], None],
    say: Callable[[str], None],
    variables: Mapping[str, str],
) -> LocalNode:
    node: LocalNode | None = None
    with tempfile.NamedTemporaryFile(prefix="crabstick-ray-") as log:
        try:
            with deferred_interrupt():
                child = _spawn(command, variables, log)
                born_s = psutil.Process(child.pid).create_time()
                node = LocalNode(pid=child.pid, born_s=born_s, is_up=False)
                note(node)
            _wait_up(child, Path(log.name))
            node = LocalNode(pid=child.pid, born_s=born_s, is_up=True)
            note(node)
        except BaseException as error:
            if node is not None:
                if isinstance(error, KeyboardInterrupt):
                    say("ending the Ray that was being started …")
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
        start_new_session=True,  # Ctrl-C in our terminal is for us to act on
    )


def _search_path() -> str:
    root = str(Path(__file__).parents[2])
    return os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))


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


def is_alive(node: LocalNode) -> bool:
    """Whether its `ray start` runs: that one ends by itself when a part of its node has died."""
    process = _ray_start(node.pid)
    return process is not None and _is_of(node, process)


def variable_of(node: LocalNode, name: str) -> str | None:
    """A variable that its `ray start` was given; None when that one has ended."""
    process = _ray_start(node.pid)
    try:
        return process.environ().get(name) if process and _is_of(node, process) else None
    except psutil.Error:
        return None


def end_node(pid: int, born_s: float | None = None) -> None:
    """Ends the node of that `ray start`; nothing happens when all of it is gone already.

    Args:
        pid: of its `ray start`.
        born_s: Unix time of its config, where a later process may have got the pid.

    A Ctrl-C waits until that is done.
    """
    with deferred_interrupt():
        if born_s is not None and not _may_be_its(LocalNode(pid=pid, born_s=born_s)):
            return
        process = _ray_start(pid)
        if process is not None:
            process.terminate()
            psutil.wait_procs([process], timeout=END_LIMIT.total_seconds())
        # also when `ray start` has gone: what it started may live on
        _, alive = psutil.wait_procs(_session(pid), timeout=GRACE.total_seconds())
        for survivor in [*alive, *_session(pid)]:
            with suppress(psutil.Error):
                survivor.kill()
        psutil.wait_procs(alive, timeout=GRACE.total_seconds())


def _may_be_its(node: LocalNode) -> bool:
    """The system gives a pid away only when nothing is left of the session it led."""
    try:
        return _is_of(node, psutil.Process(node.pid))
    except psutil.Error:
        return True


def _is_of(node: LocalNode, process: psutil.Process) -> bool:
    try:
        return abs(process.create_time() - node.born_s) <= BORN_TOLERANCE_S
    except psutil.Error:
        return False


def _ray_start(pid: int) -> psutil.Process | None:
    """The `ray start` of that pid, unless it has ended."""
    try:
        process = psutil.Process(pid)
        is_ours = "start" in process.cmdline() and "--block" in process.cmdline()
        return process if is_ours and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None


def _session(leader: int) -> list[psutil.Process]:
    """Everything that this `ray start` began."""
    found = []
    for process in psutil.process_iter():
        with suppress(OSError):
            if os.getsid(process.pid) == leader:
                found.append(process)
    return found
