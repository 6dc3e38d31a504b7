"""Which functions of ours run in a process, and when.

`record_calls` is sent into an actor by Ray's own `__ray_call__`: the product has no tracing code.
"""

import asyncio
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import CodeType, FrameType
from typing import NamedTuple, Protocol

ROOT = Path(__file__).parent.parent
PACKAGES = ("actors", "crabstick", "engine")


class Call(NamedTuple):
    """One of our functions begins to run."""

    at_ms: float
    """Unix time."""
    file: str
    """Relative to the checkout."""
    function: str


class Actor(Protocol):
    """Any of our actors."""

    _loop: asyncio.AbstractEventLoop


def record_calls(actor: Actor, path: str) -> None:
    """From now on appends a line to `path` whenever a call enters another function of ours.

    Covers the event loop of the actor, and all threads that it starts later.
    """
    output = Path(path).open("a", buffering=1, encoding="utf-8")  # noqa: SIM115 -- lines survive a kill; the process owns the file
    ours = tuple(f"{ROOT / package}/" for package in PACKAGES)
    last: CodeType | None = None

    def note(frame: FrameType, event: str, _: object) -> None:
        nonlocal last
        code = frame.f_code
        if event == "call" and code is not last and code.co_filename.startswith(ours):
            last = code
            output.write(f"{time.time() * 1000:.1f} {code.co_filename} {code.co_qualname}\n")

    threading.setprofile(note)
    actor._loop.call_soon_threadsafe(sys.setprofile, note)  # noqa: SLF001 -- this code runs in the actor


def read_calls(path: Path) -> list[Call]:
    """What `record_calls` wrote."""
    lines = [line.split(" ", 2) for line in path.read_text(encoding="utf-8").splitlines()]
    return [
        Call(float(at_ms), str(Path(file).relative_to(ROOT)), function)
        for at_ms, file, function in lines
    ]


def files_of(calls: Iterable[Call]) -> set[str]:
    """The files that these calls enter."""
    return {call.file for call in calls}


def functions_of(calls: Iterable[Call]) -> set[tuple[str, str]]:
    """The functions that these calls enter, each with its file."""
    return {(call.file, call.function) for call in calls}


def files_in_most(calls: Sequence[Call], windows: Sequence[tuple[float, float]]) -> set[str]:
    """The files that run in more than half of these windows: from and until, in Unix ms."""
    windows_of = Counter(
        file
        for from_ms, until_ms in windows
        for file in files_of(call for call in calls if from_ms <= call.at_ms <= until_ms)
    )
    return {file for file, count in windows_of.items() if 2 * count > len(windows)}
