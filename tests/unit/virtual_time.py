"""An event loop whose time is ours: whoever waits for a moment is there at once.

`asyncio.sleep(3600)` costs nothing here and still wakes after everything that comes before it.
What is given to a thread runs at once, in place: nothing in this loop can overtake it.
"""

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TypeVar, TypeVarTuple, Unpack, cast

T = TypeVar("T")
Ts = TypeVarTuple("Ts")
START_S = 1000.0
ROUND_S = 1e-9
"""What a round of the loop takes: less than any test can see."""
LOOK_EVERY_S = 0.01


class _NeverIdle(selectors.DefaultSelector):
    """Where a real selector would wait, time moves on instead."""

    loop: "VirtualLoop"

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("nothing is left to happen, and the test still waits")
        ready = super().select(0)
        if not ready:
            self.loop.now_s += timeout
        self.loop.now_s += ROUND_S
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """asyncio's own loop on a clock that jumps."""

    is_virtual = True

    def __init__(self) -> None:
        selector = _NeverIdle()
        selector.loop = self
        self.now_s = START_S
        super().__init__(selector)

    def time(self) -> float:
        return self.now_s

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Ts]], T], *args: *Ts
    ) -> asyncio.Future[T]:
        del executor
        done: asyncio.Future[T] = self.create_future()
        try:
            done.set_result(func(*args))
        except Exception as error:  # noqa: BLE001 -- as an executor hands it on
            done.set_exception(error)
        return done


def virtual_loop() -> VirtualLoop:
    return cast("VirtualLoop", asyncio.get_running_loop())


def stall(seconds: float) -> None:
    """The loop stands still: time passes, and nothing has run."""
    virtual_loop().now_s += seconds


async def until(condition: Callable[[], T], within_s: float = 60) -> T:
    """Waits in virtual time until `condition` is true, and returns what it gave."""
    deadline_s = virtual_loop().time() + within_s
    while not (seen := condition()):
        assert virtual_loop().time() < deadline_s, "what was waited for did not come"
        await asyncio.sleep(LOOK_EVERY_S)
    return seen
