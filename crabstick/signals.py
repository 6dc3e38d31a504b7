"""Ctrl-C, SIGTERM, a closed terminal: each asks the process to end. None may interrupt clean-up."""

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def listen_for_interrupts() -> None:
    """Makes each of these signals raise KeyboardInterrupt in the main thread.

    By default SIGTERM and SIGHUP would end the process without clean-up. A signal that was ignored
    at our start stays ignored: SIGHUP after `nohup`, SIGINT after a shell's `&`.
    """
    for number in set(INTERRUPTS) - ignored_interrupts():
        signal.signal(number, _interrupt)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # if ignored, the kernel drops exit statuses


def ignored_interrupts() -> set[signal.Signals]:
    """The signals that this process ignores."""
    return {number for number in INTERRUPTS if signal.getsignal(number) is signal.SIG_IGN}


@contextmanager
def deferred_interrupt() -> Iterator[None]:
    """Defers an interrupt to the end of the block. Python interrupts only the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _noted(lambda: None):
        yield


@contextmanager
def _noted(on_interrupt: Callable[[], object]) -> Iterator[None]:
    """Calls `on_interrupt` at each interrupt, and raises KeyboardInterrupt after the block.

    The KeyboardInterrupt replaces a CancelledError, and no other error.
    """
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        on_interrupt()

    heeded = set(INTERRUPTS) - ignored_interrupts()
    before = {number: signal.signal(number, note) for number in heeded}
    try:
        yield
    except asyncio.CancelledError:
        if not received:
            raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if received:
        raise KeyboardInterrupt


@contextmanager
def blocked_interrupts() -> Iterator[None]:
    """Blocks the signals, so that no handler runs before the end of the block.

    For code that sets handlers of its own or cannot bear an exception half-way. Threads that
    start in the block inherit the mask, and never receive the signals.
    """
    handlers = {number: signal.getsignal(number) for number in INTERRUPTS}
    before = signal.pthread_sigmask(signal.SIG_BLOCK, INTERRUPTS)
    try:
        yield
    finally:
        for number, handler in handlers.items():
            if handler is not None:  # None: the handler was not set by Python
                signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def cancelling_interrupts() -> Iterator[None]:
    """Makes an interrupt cancel the coroutine in the block, and raises KeyboardInterrupt there.

    Otherwise the interrupt hits whichever task is running, and asyncio prints the tracebacks of
    all others.
    """
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    with _noted(lambda: task and loop.call_soon_threadsafe(task.cancel)):
        yield


def end_with_stdin() -> None:
    """Ends this process when its standard input ends, as it does when its parent has died.

    The process then heeds SIGTERM even if it was started to ignore it.
    """
    if signal.SIGTERM in ignored_interrupts():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)

    def wait() -> None:
        while os.read(0, 4096):
            pass
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, name="stdin", daemon=True).start()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
