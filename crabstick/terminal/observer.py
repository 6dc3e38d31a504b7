"""Errands to a Ray whose head may die, done by a child process.

Whoever is connected when the head dies is lost: its calls hang, to leave may hang too, and after a
minute Ray ends the process. So `up` itself stays away from such a Ray while it follows; its child
is killed, and another one sent when the head is back.
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
from crabstick.commands.sandbox import end_with_stdin
from crabstick.signals import deferred_interrupt
from crabstick.terminal.poll import show, wait_for_games, wait_restored

__all__ = ["ObserverTask", "send"]

LOOK_EVERY_S = 0.5


class ObserverTask(Enum):
    """What the child does; what it tells is, by turns, what the function of that name gives."""

    SHOW = "show"
    WAIT_FOR_GAMES = "wait_for_games"
    WAIT_RESTORED = "wait_restored"


def send(
    errand: ObserverTask,
    address: str,
    namespace: str,
    *,
    is_lost: Callable[[], bool],
    hear: Callable[[Any], None] = lambda _: None,
) -> bool:
    """Whether the errand was done; else `is_lost`, or Ray failed the child, and it is to be redone.

    Args:
        errand: what is to be done.
        address: of the cluster.
        namespace: of the bot.
        is_lost: whether the head has gone; it is asked again and again.
        hear: is given what the child tells.
    """
    with _child(_command(errand, address, namespace)) as child:
        told: Queue[str | None] = Queue()
        threading.Thread(target=_listen, args=(child.stdout, told), daemon=True).start()
        while not is_lost():
            try:
                line = told.get(timeout=LOOK_EVERY_S)
            except Empty:
                continue
            if line is None:
                return child.wait() == 0
            hear(json.loads(line))
    return False


def _listen(stdout: IO[str], told: "Queue[str | None]") -> None:
    for line in stdout:
        told.put(line)
    told.put(None)


def _command(errand: ObserverTask, address: str, namespace: str) -> list[str]:
    return [sys.executable, "-m", "crabstick.terminal.observer", errand.value, address, namespace]


@contextmanager
def _child(command: list[str]) -> "Iterator[subprocess.Popen[str]]":
    root = str(Path(__file__).parents[2])
    search_path = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    with deferred_interrupt():
        child = subprocess.Popen(  # noqa: S603 -- our own interpreter
            command,
            env={**os.environ, "PYTHONPATH": search_path},
            stdin=subprocess.PIPE,  # so that it ends with us however we do
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # Ray's view of a head that is away
            text=True,
            start_new_session=True,  # Ctrl-C is ours to act on
        )
    try:
        yield child
    finally:
        with deferred_interrupt():
            child.kill()
            child.wait()


class _Teller:
    """Stands for a console in the child."""

    def print(self, text: str, /) -> None:
        """See `Printer`."""
        _tell(text)


def _tell(what: object) -> None:
    print(json.dumps(what), flush=True)  # noqa: T201 -- the parent reads it


def _work(errand: ObserverTask, namespace: str) -> Coroutine[None, None, None]:
    match errand:
        case ObserverTask.SHOW:
            return show(namespace, lambda statistics: _tell(statistics.pack()))
        case ObserverTask.WAIT_FOR_GAMES:
            return wait_for_games(namespace, _Teller())
        case ObserverTask.WAIT_RESTORED:
            return wait_restored(namespace)


def main() -> None:
    """Does the errand that the command line names."""
    end_with_stdin()
    errand, address, namespace = sys.argv[1:]
    connect(address, namespace)
    asyncio.run(_work(ObserverTask(errand), namespace))
    disconnect()


if __name__ == "__main__":
    main()
