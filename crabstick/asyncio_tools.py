"""Tasks, timers and threads beside an event loop, and the detection of its stalls."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Executor, Future
from datetime import timedelta
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import ParamSpec, TypeVar

BEAT = timedelta(milliseconds=250)
LIMIT = timedelta(seconds=1)

P = ParamSpec("P")
T = TypeVar("T")


class BackgroundTasks:
    """The tasks and timers of one owner: they end with it, and their errors reach it.

    Args:
        on_error: called once with each exception that a task or a timer raises.
    """

    def __init__(self, on_error: Callable[[Exception], None]) -> None:
        self._on_error = on_error
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()

    def start(self, work: Coroutine[object, None, None]) -> asyncio.Task[None]:
        """Runs `work` as a task; the caller need not keep or await it."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._forget)
        return task

    def call_later(self, delay: timedelta, action: Callable[[], None]) -> asyncio.TimerHandle:
        """Calls `action` after `delay`, unless the timer is cancelled or the owner closed."""

        def fire() -> None:
            self._timers.discard(timer)
            try:
                action()
            except Exception as error:  # noqa: BLE001 -- reported, as a task's error is
                self._on_error(error)

        timer = self._loop.call_later(delay.total_seconds(), fire)
        self._timers.add(timer)
        return timer

    async def close(self) -> None:
        """Cancels all timers and tasks, and returns when the tasks have ended."""
        for timer in self._timers:
            timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._on_error(error)


class DaemonThreads(Executor):
    """Runs calls in a few threads that do not delay the end of the process.

    A process waits at its end for the threads of a `ThreadPoolExecutor`, also for those that hang.
    """

    def __init__(self, threads: int, name: str) -> None:
        self._calls: SimpleQueue[tuple[Future[object], Callable[[], object]]] = SimpleQueue()
        self._new = [Thread(target=self._run, name=name, daemon=True) for _ in range(threads)]

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queues a call without waiting."""
        if self._new:
            self._new.pop().start()
        future: Future[T] = Future()
        self._calls.put((future, partial(fn, *args, **kwargs)))  # type: ignore[arg-type]  # invariant
        return future

    def _run(self) -> None:
        while True:
            future, call = self._calls.get()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:  # noqa: BLE001 -- the caller gets every error
                    future.set_exception(error)


async def repeat(
    step: Callable[[], Awaitable[None]], pause: timedelta, on_error: Callable[[Exception], None]
) -> None:
    """Awaits `step` again and again until cancelled; an error ends only that step."""
    while True:
        try:
            await step()
        except Exception as error:  # noqa: BLE001 -- the next step starts afresh
            on_error(error)
        await asyncio.sleep(pause.total_seconds())


class StallDetector:
    """Detects that our own event loop stalled: what we know may then be out of date.

    Measures the time between two beats of the loop; `clock` gives monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._beat_s = clock()
        self._has_stalled = False
        self.last_stall_s: float | None = None

    async def run(self) -> None:
        """Beats until cancelled."""
        while True:
            self._measure()
            await asyncio.sleep(BEAT.total_seconds())

    def check(self) -> bool:
        """Whether the loop has stalled since the last check."""
        self._measure()
        stalled, self._has_stalled = self._has_stalled, False
        return stalled

    def _measure(self) -> None:
        now_s = self._clock()
        if now_s - self._beat_s > LIMIT.total_seconds():
            self._has_stalled = True
            self.last_stall_s = now_s
        self._beat_s = now_s
