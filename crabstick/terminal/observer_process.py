"""Watches, from a child process, a Ray cluster that survives the loss of its head.

A process that is connected when the head dies is lost: its calls hang, disconnecting may hang too,
and after a minute Ray ends the process. So `up` itself is not connected while it follows a
fault-tolerant cluster. When the head dies `up` kills its child, and starts another one once the
head is back.
"""

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from queue import Empty, Queue
from typing import IO, Any

from actors.ops.connect import connect, disconnect
from crabstick.signals import deferred_interrupt, end_with_stdin
from crabstick.terminal.running_bot import show, wait_for_games, wait_restored

POLL_S = 0.5


class ObserverTask(Enum):
    """The function of `running_bot` that the child runs."""

    SHOW = "show"
    WAIT_FOR_GAMES = "wait_for_games"
    WAIT_RESTORED = "wait_restored"


def run_observer(
    task: ObserverTask,
    address: str,
    namespace: str,
    *,
    is_lost: Callable[[], bool],
    on_report: Callable[[Any], None] = lambda _: None,
) -> bool:
    """Runs the task in a child; False when it has to be repeated after a loss of the head.

    `is_lost` is polled, and the child is killed when it returns True. `on_report` is called with
    each value that the task reports.
    """
    with _child(_command(task, address, namespace)) as child:
        lines: Queue[str | None] = Queue()
        threading.Thread(target=_read, args=(child.stdout, lines), daemon=True).start()
        while not is_lost():
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


def _command(task: ObserverTask, address: str, namespace: str) -> list[str]:
    return [
        sys.executable,
        "-m",
        "crabstick.terminal.observer_process",
        task.value,
        address,
        namespace,
    ]


@contextmanager
def _child(command: list[str]) -> "Iterator[subprocess.Popen[str]]":
    root = str(Path(__file__).parents[2])
    search_path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    with deferred_interrupt():
        child = subprocess.Popen(  # noqa: S603 -- our own interpreter
            command,
            env={**os.environ, "PYTHONPATH": search_path},
            stdin=subprocess.PIPE,  # its end tells the child that we died
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # Ray's complaints about a lost head
            text=True,
            start_new_session=True,  # Ctrl-C in our terminal must reach this process alone
        )
    try:
        yield child
    finally:
        with deferred_interrupt():
            child.kill()
            child.wait()


def _report(value: object) -> None:
    print(json.dumps(value), flush=True)  # noqa: T201 -- the parent reads it


def _run(task: ObserverTask, namespace: str) -> Coroutine[None, None, None]:
    match task:
        case ObserverTask.SHOW:
            return show(namespace, lambda statistics: _report(statistics.pack()))
        case ObserverTask.WAIT_FOR_GAMES:
            return wait_for_games(namespace, _report)
        case ObserverTask.WAIT_RESTORED:
            return wait_restored(namespace)


def main() -> None:
    """Runs the task that the command line names."""
    end_with_stdin()
    task, address, namespace = sys.argv[1:]
    connect(address, namespace)
    asyncio.run(_run(ObserverTask(task), namespace))
    disconnect()


if __name__ == "__main__":
    main()
