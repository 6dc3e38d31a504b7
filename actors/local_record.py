"""What this user's machine remembers of the local Ray, and the turn to change it.

Both lie beside Ray's own token, in a folder that only the user can write.
"""

import fcntl
import json
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from crabstick.errors import EnvironmentProblem

__all__ = ["Record", "forget", "recall", "remember", "sole_command"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A `ray start` of ours: `born_s` (Unix time) tells it from a later process of that pid."""

    address: str
    pid: int
    born_s: float
    is_up: bool


def remember(record: Record) -> None:
    """Writes it, whole or not at all."""
    path = _path("json")
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_text(json.dumps(asdict(record)), encoding="utf-8")
    draft.replace(path)


def recall() -> Record | None:
    """What was remembered last; None when it is nothing or unreadable."""
    try:
        entry = json.loads(_path("json").read_text(encoding="utf-8"))
        return Record(
            address=str(entry["address"]),
            pid=int(entry["pid"]),
            born_s=float(entry["born_s"]),
            is_up=bool(entry["is_up"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget(pid: int) -> None:
    """Forgets that `ray start`, and no other."""
    record = recall()
    if record is not None and record.pid == pid:
        _path("json").unlink(missing_ok=True)


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
