"""Background tasks: their errors reach the owner, and none outlives it."""

import asyncio

from crabstick.game.background_tasks import BackgroundTasks
from tests.builders import seconds


async def fail() -> None:
    raise ValueError("broken task")


def fail_on_time() -> None:
    raise ValueError("broken timer")


async def test_the_errors_of_tasks_and_timers_are_reported_once() -> None:
    errors: list[Exception] = []
    tasks = BackgroundTasks(errors.append)
    tasks.start(fail())
    tasks.call_later(seconds(30), fail_on_time)
    await asyncio.sleep(31)
    assert [str(error) for error in errors] == ["broken task", "broken timer"]
    assert tasks.are_done


async def test_nothing_runs_after_the_close() -> None:
    errors: list[Exception] = []
    fired = asyncio.Event()
    tasks = BackgroundTasks(errors.append)
    task = tasks.start(asyncio.sleep(3600))
    tasks.call_later(seconds(1), fired.set)
    await tasks.close()
    await asyncio.sleep(2)
    assert (task.cancelled(), fired.is_set(), errors, tasks.are_done) == (True, False, [], True)
