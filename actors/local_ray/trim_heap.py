"""Gives back to the system what a process has freed: the C library alone keeps most of it.

A process of Ray's frees a tenth of its memory while it starts.
"""

import ctypes
import time
from contextlib import suppress
from threading import Thread

__all__ = ["start_trimming", "trim_heap"]

START_S = 15
"""Until a process has imported what it needs."""
EVERY_S = 600


def trim_heap() -> None:
    """Takes a few ms at the first time, and next to nothing when there is little to give."""
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def start_trimming() -> None:
    """Has a thread do it as soon as the process has started, and now and then."""
    Thread(target=_keep_small, name="heap", daemon=True).start()


def _keep_small() -> None:
    time.sleep(START_S)
    while True:
        trim_heap()
        time.sleep(EVERY_S)
