"""Returns freed memory to the system; the C library alone keeps most of it.

A Ray process frees a tenth of its memory while it starts.
"""

import ctypes
import time
from contextlib import suppress
from threading import Thread

START_S = 15
"""By then a process has imported what it needs."""
INTERVAL_S = 600


def trim_heap() -> None:
    """Trims the heap once; takes a few ms the first time, and almost nothing later."""
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)


def start_trimming() -> None:
    """Starts a thread that trims the heap after the process has started, and at intervals."""
    Thread(target=_trim_repeatedly, name="trim-heap", daemon=True).start()


def _trim_repeatedly() -> None:
    time.sleep(START_S)
    while True:
        trim_heap()
        time.sleep(INTERVAL_S)
