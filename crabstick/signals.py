"""Ctrl-C, SIGTERM, a closed terminal: all ask for an end, none may cut short what tidies up."""

import asyncio
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = [
    "blocked_interrupts",
    "cancelling_interrupts",
    "deferred_interrupt",
    "listen_for_interrupts",
]

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def listen_for_interrupts() -> None:
    """Each of them raises KeyboardInterrupt in the main thread from now on.

    A shell's `&` leaves SIGINT ignored, and SIGTERM would end us without putting things in order.
    """
    for number in ENDS:
        signal.signal(number, _interrupt)


@contextmanager
def deferred_interrupt() -> Iterator[None]:
    """Lets an interrupt wait until the block has put things in order.

    Other threads than the main one are never interrupted.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)

    before = {number: signal.signal(number, note) for number in ENDS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt


@contextmanager
def blocked_interrupts() -> Iterator[None]:
    """Has the system keep signals back, so that no handler sees them before the block's end.

    For what sets handlers of its own, or cannot bear an exception in its midst; what it starts as
    threads never sees them.
    """
    handlers = {number: signal.getsignal(number) for number in ENDS}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDS)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            if handler is not None:  # else it was none of Python's
                signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def cancelling_interrupts() -> Iterator[None]:
    """Lets an interrupt cancel the coroutine that is in the block, and raises it there at the end.

    Else it strikes whichever task runs, and asyncio prints a traceback of each but the first one.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    came: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        came.append(number)
        if task is not None:
            loop.call_soon_threadsafe(task.cancel)

    before = {number: signal.signal(number, note) for number in ENDS}
    try:
        yield
    except asyncio.CancelledError:
        if not came:
            raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
