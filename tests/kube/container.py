"""A container: a process and all that comes of it, with namespaces of its own where there are any.

As in a real one its first process gets a SIGTERM, and nothing survives that process.
"""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

from tests.chaos.networks import NodeNetwork

ENTER: Final = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
MOUNT_AND_RUN: Final = 'mount --bind "$1" "$2" && shift 2 && exec "$@"'
START_LIMIT_S: Final = 10
POLL_S: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """What the containers of a Pod share: a network, and an empty folder where Ray writes.

    `mount` is None where there are no namespaces: Ray then tells its nodes of one machine apart.
    """

    place: NodeNetwork
    folder: Path
    mount: Path | None

    def enter(self, command: Sequence[str]) -> list[str]:
        """The words that run a command in new namespaces within this Pod."""
        if self.mount is None:
            return list(command)
        paths = (str(self.folder), str(self.mount))
        inside = ("sh", "-c", MOUNT_AND_RUN, "sh", *paths)
        return [*self.place.prefix, *ENTER, *inside, *command]


@dataclass(slots=True, kw_only=True)
class Container:
    """It runs as soon as it is there."""

    box: Box
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    _child: "subprocess.Popen[bytes]" = field(init=False)

    def __post_init__(self) -> None:
        with self.log.open("wb") as log:
            self._child = subprocess.Popen(
                self.box.enter(self.command),
                env=dict(self.environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    @property
    def status(self) -> int | None:
        """With which it has ended; None while it runs."""
        return self._child.poll()

    def said(self) -> str:
        """Its log so far."""
        return self.log.read_text("utf-8", "replace")

    def run(self, command: Sequence[str], more: Mapping[str, str]) -> "subprocess.Popen[str]":
        """Starts another process in it, as `kubectl exec` does."""
        first = self._first()
        within = ["nsenter", f"--target={first}", "--net", "--pid", "--mount", "--"]
        return subprocess.Popen(
            [*(within if self.box.mount else ()), *command],
            env={**self.environment, **more},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def terminate(self) -> None:
        """SIGTERM to the first process, which may well ignore it."""
        with suppress(psutil.Error):
            psutil.Process(self._first()).terminate()

    def kill(self) -> None:
        """Returns when nothing of it is left."""
        while list(self._processes()):
            for process in self._processes():
                with suppress(psutil.Error):
                    process.kill()
            time.sleep(POLL_S)
        self._child.wait()

    def _first(self) -> int:
        """The pid, seen from here, of the process that has number 1 in its own namespace."""
        if self.box.mount is None:
            return self._child.pid
        until_s = time.monotonic() + START_LIMIT_S
        while time.monotonic() < until_s and self.status is None:
            for process in psutil.Process(self._child.pid).children():
                return process.pid
            time.sleep(POLL_S)
        raise psutil.NoSuchProcess(self._child.pid)

    def _processes(self) -> Iterator[psutil.Process]:
        """Ray leaves the session of its `ray start` nowhere."""
        for process in psutil.process_iter():
            with suppress(OSError, psutil.Error):
                is_ours = os.getsid(process.pid) == self._child.pid
                if is_ours and process.status() != psutil.STATUS_ZOMBIE:
                    yield process
