"""The files of one bot's local Ray cluster: its record, its store, and the lock to change it.

They lie beside Ray's own token in ~/.ray, which only the user can write. A bot is a namespace of
Ray; each bot has files of its own, and so a local cluster of its own.
"""

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import TypeAdapter

from actors.local_ray.ray_start import LocalNode
from crabstick.errors import EnvironmentProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRecord:
    """A local Ray cluster: its head, and with fault tolerance the worker node with the games."""

    address: str
    head: LocalNode
    worker: LocalNode | None = None


_RECORD = TypeAdapter(ClusterRecord)


@dataclass(frozen=True, slots=True)
class ClusterFiles:
    """What this machine keeps about the local Ray cluster of the bot in `namespace`."""

    namespace: str

    def save(self, record: ClusterRecord) -> None:
        """Writes the record, atomically."""
        path = self._path("json")
        draft = path.with_suffix(f".{os.getpid()}")
        draft.write_bytes(_RECORD.dump_json(record, indent=2))
        draft.replace(path)

    def load(self) -> ClusterRecord | None:
        """Returns the last record; None when there is none or it cannot be read."""
        try:
            return _RECORD.validate_json(self._path("json").read_bytes())
        except (OSError, ValueError):
            return None

    def forget(self, head_pid: int) -> None:
        """Deletes the record if it is of the cluster whose head has that pid."""
        record = self.load()
        if record is not None and record.head.pid == head_pid:
            self._path("json").unlink(missing_ok=True)

    @property
    def store(self) -> Path:
        """The folder in which a fault-tolerant head keeps the state that outlives it."""
        return self._path("gcs")

    def make_store(self) -> None:
        """Makes an empty store that only this user can read.

        Raises:
            EnvironmentProblem: the folder cannot be made.
        """
        self.remove_store()
        try:
            self.store.mkdir(mode=0o700)
        except OSError as error:
            raise EnvironmentProblem(f"{self.store} cannot be made ({error.strerror})") from None

    def remove_store(self) -> None:
        """Removes the store; idempotent."""
        shutil.rmtree(self.store, ignore_errors=True)

    @contextmanager
    def locked(self, notify: Callable[[str], None]) -> Iterator[None]:
        """Lets one command at a time start or end the cluster; other commands wait.

        Raises:
            EnvironmentProblem: the folder cannot be written.
        """
        path = self._path("lock")
        lock = FileLock(path)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                lock.acquire(blocking=False)
            except Timeout:
                notify("another crabstick command is at work on this machine; waiting for it …")
                lock.acquire()
        except OSError as error:
            raise EnvironmentProblem(
                f"{path.parent} cannot be written ({error.strerror}): crabstick records there "
                "which Ray cluster it started"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def _path(self, suffix: str) -> Path:
        """The machine's name is part of it, for several machines may share a home folder."""
        name = f"crabstick-{self.namespace}@{socket.gethostname()}"
        return Path.home() / ".ray" / f"{name}.{suffix}"
