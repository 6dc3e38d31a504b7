"""Ctrl-C and SIGTERM: both ask for an end, and neither may cut short what puts things in order."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["deferred_interrupt", "listen_for_interrupts"]

ENDS = (signal.SIGINT, signal.SIGTERM)


def listen_for_interrupts() -> None:
    """Both signals raise KeyboardInterrupt in the main thread from now on.

    A shell's `&` leaves SIGINT ignored, and SIGTERM would end us without putting things in order.
    """
    for number in ENDS:
        signal.signal(number, _interrupt)


@contextmanager
def deferred_interrupt() -> Iterator[None]:
    """Lets an interrupt wait until the block has put things in order."""
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


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
