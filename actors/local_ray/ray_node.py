"""One Ray node on this machine: `ray start` as a child process, and how it ends.

A node leads a POSIX session that none of its processes leaves. So the whole node can be ended even
after its leader has died. The leader is `ray start`, which becomes a tiny process once Ray is up:
`ray start --block` would only wait, and hold 60 MB.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import Final

import psutil

from actors.local_ray.low_memory_launcher import UNUSED_COMMANDS
from actors.local_ray.ports import LOOPBACK, free_port
from actors.local_ray.process_ref import ProcessRef
from crabstick.errors import EnvironmentProblem
from crabstick.signals import deferred_interrupt

START_LIMIT: Final = timedelta(minutes=3)
GRACE: Final = timedelta(seconds=2)
POLL_S: Final = 0.05
LONGEST_SOCKET: Final = 107
"""In bytes; Linux allows no longer path of a socket, and Ray puts some of its own below TMPDIR."""
RAYS_PART: Final = len("/ray/session_2026-01-01_00-00-00_000000_4194304/sockets/plasma_store.1")

_PYTHONS: Final = re.compile(r"^\w*Error: (?:\[Errno \d+\] )?")
"""What Python puts before the message of an error."""

ENVIRONMENT = {
    "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",  # else the head waits 30 s for detached actors
    "RAY_worker_niceness": "0",  # at Ray's 15 every move waits for any other busy process
    "RAY_memory_monitor_refresh_ms": "0",  # else a machine short of memory loses managers and games
    "RAY_gcs_rpc_server_reconnect_timeout_s": "600",  # games outlive a head that is away
    "RAY_task_events_max_num_task_in_gcs": "10000",  # Ray keeps 100000 calls
    "RAY_metric_cardinality_level": "low",  # else each game adds its name to Ray's metrics
    "MALLOC_ARENA_MAX": "1",  # else the threads of each process keep heaps of their own
    "RAY_DEDUP_LOGS": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
}
"""Environment of every node; a `Profile` adds its own variables."""
PINNED = {
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # else Ray ships the folder of `uv run` to its workers
    "PYTHONSAFEPATH": "1",  # the folder one stands in is data: it may have an engine.py of its own
}
"""What Ray would else decide by the user's surroundings, on clusters of our own."""
FOREIGN: Final = ("RAY_RUNTIME_ENV_HOOK", "RAY_ADDRESS", "RAY_JOB_CONFIG_JSON_ENV_VAR")
"""Variables by which Ray would take our node for a part of something else."""


def node_command(bot: str, *options: str) -> list[str]:
    """Returns a `ray start` command with those options and the ones that every node has.

    `bot` is the name by which other commands find the process.
    """
    return [
        *(sys.executable, "-P", "-m", "actors.local_ray.low_memory_launcher"),
        *("--stay", bot),
        *("--without", ",".join(UNUSED_COMMANDS)),
        *("ray.scripts.scripts", "start"),
        *options,
        f"--node-ip-address={LOOPBACK}",
        f"--dashboard-agent-listen-port={free_port()}",  # another cluster may hold the default
        "--disable-usage-stats",
    ]


def our_environment(*, is_local: bool) -> dict[str, str]:
    """The environment of a child process of ours, which finds this very code.

    `is_local` is for a process on a Ray of our own; in a job of another cluster Ray's variables
    have to reach the process.
    """
    root = str(Path(__file__).parents[2])
    search_path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    ignored = FOREIGN if is_local else ()
    inherited = {name: value for name, value in os.environ.items() if name not in ignored}
    return {**inherited, **PINNED, "PYTHONPATH": search_path}


def start_node(
    command: Sequence[str],
    variables: Mapping[str, str],
    on_child: Callable[[ProcessRef], None] = lambda _: None,
) -> ProcessRef:
    """Starts a node and returns its `ray start` when the node is up.

    Args:
        command: a `node_command`.
        variables: environment of the node beside `ENVIRONMENT`.
        on_child: called with its `ray start` as soon as that exists.

    Raises:
        EnvironmentProblem: the node did not come up. No process is left, even after an interrupt.
    """
    given = [one.partition("=")[2] for one in command if one.startswith("--temp-dir=")]
    require_short_folder((given or [tempfile.gettempdir()])[0])
    with tempfile.NamedTemporaryFile(prefix="crabstick-ray-") as log, ExitStack() as undo:
        with deferred_interrupt():
            child = subprocess.Popen(
                command,
                env={**our_environment(is_local=True), **ENVIRONMENT, **variables},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in our terminal must not reach the node
            )
            undo.callback(end_session, child.pid)
            node = ProcessRef.of(child.pid)
            on_child(node)
        _wait_up(child, Path(log.name))
        undo.pop_all()
    return node


def require_short_folder(folder: str) -> None:
    """Requires a folder in which Ray can put its sockets; else raises EnvironmentProblem."""
    longest = LONGEST_SOCKET - RAYS_PART
    if len(os.fsencode(folder)) > longest:
        raise EnvironmentProblem(
            f"Ray cannot put its sockets below {folder}: a path of at most {longest} bytes is "
            "needed there, so set TMPDIR to a shorter one, such as /tmp"
        )


def _wait_up(child: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline_s = time.monotonic() + START_LIMIT.total_seconds()
    while time.monotonic() < deadline_s:
        output = log.read_text(encoding="utf-8", errors="replace")
        if "Ray runtime started" in output:
            return
        if child.poll() is not None:
            raise EnvironmentProblem(f"Ray did not start: {_cause(output)}")
        time.sleep(POLL_S)
    raise EnvironmentProblem(f"Ray did not start within {START_LIMIT.total_seconds():g} s")


def _cause(output: str) -> str:
    """Why `ray start` ended: the last line that names an error, else its last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "Error" in line or "error:" in line]
    return _PYTHONS.sub("", (errors or lines or ["no output"])[-1][:300])


def processes_of(leader: int, names: Collection[str]) -> list[ProcessRef]:
    """The processes of that POSIX session whose programs have these names."""
    found = []
    for process in _session(leader):
        with suppress(psutil.Error, ProcessLookupError):
            if process.name() in names:
                found.append(ProcessRef.of(process.pid))
    return found


def end_node(node: ProcessRef) -> None:
    """Ends a node with all its processes; idempotent. Ctrl-C waits until that is done."""
    with deferred_interrupt():
        for process in [] if _is_pid_reused(node) else _session(node.pid):
            with suppress(psutil.Error):
                process.terminate()
        kill_node(node, GRACE)


def kill_node(node: ProcessRef, grace: timedelta = timedelta(0)) -> None:
    """Kills what is left of a node; idempotent."""
    if not _is_pid_reused(node):
        end_session(node.pid, grace)


def end_session(leader: int, grace: timedelta = timedelta(0)) -> None:
    """Kills all processes of a POSIX session that do not end by themselves within `grace`."""
    _wait_until_empty(leader, grace)
    for survivor in _session(leader):
        with suppress(psutil.Error):
            survivor.kill()
    _wait_until_empty(leader, GRACE)


def _wait_until_empty(leader: int, limit: timedelta) -> None:
    """Waits until all processes of that session have ended, reaped by their parents or not."""
    until_s = time.monotonic() + limit.total_seconds()
    while _session(leader) and time.monotonic() < until_s:
        time.sleep(POLL_S)


def _is_pid_reused(node: ProcessRef) -> bool:
    """Whether the pid may have a new owner; Linux reuses one only when its session is empty."""
    try:
        now = ProcessRef.of(node.pid)
    except ProcessLookupError:
        return not node.is_of_this_boot
    return now != node


def _session(leader: int) -> list[psutil.Process]:
    """All living processes of the POSIX session that `leader` leads."""
    found = []
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            is_there = os.getsid(process.pid) == leader
            if is_there and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found
