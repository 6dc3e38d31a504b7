"""Watches a bot from a child process, which is connected to Ray so that this process is not.

A process that is connected when its Ray dies is lost: its calls hang, disconnecting may hang too,
and after a minute Ray ends the process, with raw lines on the terminal. When a local Ray dies, the
parent kills its child, and starts another one once Ray is back.
"""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine
from enum import Enum
from queue import Empty, Queue
from typing import IO, Any

from crabstick.signals import end_with_stdin
from crabstick.terminal.child_process import child_process
from crabstick.terminal.find_cluster import BotCluster

POLL_S = 0.5
NICENESS = 10
"""The niceness of the engines: a follower comes after the actors that play."""


class ObserverTask(Enum):
    """The function of `running_bot` that the child runs."""

    SHOW = "show"
    WAIT_FOR_GAMES = "wait_for_games"


def run_observer(
    task: ObserverTask, cluster: BotCluster, namespace: str, on_report: Callable[[Any], None]
) -> bool:
    """Runs the task in a child; False when it has to be repeated after the loss of Ray.

    The child is killed when the cluster is lost. `on_report` is called with each value that the
    task reports.
    """
    module = (sys.executable, "-P", "-m", "crabstick.terminal.observer_process")
    command = (*module, task.value, cluster.address, namespace)
    stderr = subprocess.DEVNULL  # Ray's complaints about a lost head
    with child_process(command, is_local=False, stderr=stderr) as child:
        lines: Queue[str | None] = Queue()
        threading.Thread(target=_read, args=(child.stdout, lines), daemon=True).start()
        while not cluster.is_lost:
            try:
                line = lines.get(timeout=POLL_S)
            except Empty:
                continue
            if line is None:
                return child.wait() == 0
            on_report(json.loads(line))
    return False


def _read(stdout: IO[str], lines: "Queue[str | None]") -> None:
    for line in stdout:
        lines.put(line)
    lines.put(None)


def _report(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _run(task: ObserverTask, namespace: str) -> Coroutine[None, None, None]:
    from crabstick.terminal.running_bot import show, wait_for_games

    if task is ObserverTask.SHOW:
        return show(namespace, lambda statistics: _report(statistics.pack()))
    return wait_for_games(namespace, _report)


def main() -> None:
    """Runs the task that the command line names."""
    from actors.ops.connect import connect, disconnect

    end_with_stdin()
    os.nice(NICENESS)
    task, address, namespace = sys.argv[1:]
    connect(address, namespace)
    asyncio.run(_run(ObserverTask(task), namespace))
    disconnect()


if __name__ == "__main__":
    main()
