"""What this user's machine remembers of the local Ray, and the turn to change it.

All of it lies beside Ray's own token, in a folder that only the user can write.
"""

import fcntl
import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from crabstick.errors import EnvironmentProblem

__all__ = [
    "LocalNode",
    "Record",
    "forget",
    "make_store",
    "recall",
    "remember",
    "remove_store",
    "sole_command",
    "store",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalNode:
    """A `ray start` of ours: `born_s` (Unix time) tells it from a later process of that pid."""

    pid: int
    born_s: float
    is_up: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Our Ray: its head, and with fault tolerance the node beside it that has the games."""

    address: str
    head: LocalNode
    worker: LocalNode | None = None


def remember(record: Record) -> None:
    """Writes it, whole or not at all."""
    path = _path("json")
    draft = path.with_suffix(f".{os.getpid()}")
    worker = {"worker": asdict(record.worker)} if record.worker else {}
    entry = {"address": record.address, **asdict(record.head), **worker}
    draft.write_text(json.dumps(entry), encoding="utf-8")
    draft.replace(path)


def recall() -> Record | None:
    """What was remembered last; None when it is nothing or unreadable."""
    try:
        entry = json.loads(_path("json").read_text(encoding="utf-8"))
        return Record(
            address=str(entry["address"]),
            head=_node(entry),
            worker=_node(entry["worker"]) if "worker" in entry else None,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _node(entry: dict[str, Any]) -> LocalNode:
    return LocalNode(
        pid=int(entry["pid"]), born_s=float(entry["born_s"]), is_up=bool(entry["is_up"])
    )


def forget(pid: int) -> None:
    """Forgets the Ray whose head is that `ray start`, and no other."""
    record = recall()
    if record is not None and record.head.pid == pid:
        _path("json").unlink(missing_ok=True)


def store() -> Path:
    """Where the head of a fault-tolerant Ray keeps what it must know after its death."""
    return _path("gcs")


def make_store() -> None:
    """Makes it anew, for nobody else to read.

    Raises:
        EnvironmentProblem: it cannot be made.
    """
    remove_store()
    try:
        store().mkdir(mode=0o700)
    except OSError as error:
        raise EnvironmentProblem(f"{store()} cannot be made ({error.strerror})") from None


def remove_store() -> None:
    """Nothing happens when there is none."""
    shutil.rmtree(store(), ignore_errors=True)


@contextmanager
def sole_command(say: Callable[[str], None]) -> Iterator[None]:
    """Lets one command at a time begin or end what runs here; the next one waits for its turn.

    Raises:
        EnvironmentProblem: the folder cannot be written.
    """
    path = _path("lock")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise EnvironmentProblem(
            f"{path.parent} cannot be written ({error.strerror}): crabstick keeps there which Ray "
            "is its own"
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another crabstick command is at work on this machine; waiting for it …")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _path(suffix: str) -> Path:
    """One home may serve several machines."""
    return Path.home() / ".ray" / f"crabstick-{socket.gethostname()}.{suffix}"
