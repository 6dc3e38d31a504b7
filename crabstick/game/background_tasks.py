"""Background tasks and timers of one owner: kept, ended with it, and no error goes unheard."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta

__all__ = ["BackgroundTasks"]


class BackgroundTasks:
    """What an actor does beside its calls.

    Args:
        on_error: is told whatever a task raises, once.
    """

    def __init__(self, on_error: Callable[[Exception], None]) -> None:
        self._on_error = on_error
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: set[asyncio.TimerHandle] = set()

    @property
    def are_done(self) -> bool:
        """Whether nothing runs."""
        return not self._tasks

    def start(self, work: Coroutine[object, None, None]) -> asyncio.Task[None]:
        """Runs `work` beside its owner; nobody has to keep or await the task."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def later(self, delay: timedelta, ring: Callable[[], None]) -> asyncio.TimerHandle:
        """Calls `ring` after `delay`, unless the timer is cancelled or the owner closed."""

        def on_time() -> None:
            self._timers.discard(timer)
            ring()

        timer = self._loop.call_later(delay.total_seconds(), on_time)
        self._timers.add(timer)
        return timer

    async def close(self) -> None:
        """Cancels everything, and returns when all has ended."""
        for timer in self._timers:
            timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and isinstance(error := task.exception(), Exception):
            self._on_error(error)
