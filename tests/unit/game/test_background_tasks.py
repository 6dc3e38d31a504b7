"""Background tasks: no error goes unheard, nothing outlives its owner."""

import asyncio

from crabstick.game.background_tasks import BackgroundTasks
from tests.builders import seconds


async def fail() -> None:
    raise ValueError("broken")


async def test_what_a_task_raises_is_told_once() -> None:
    heard: list[Exception] = []
    tasks = BackgroundTasks(heard.append)
    await asyncio.wait([tasks.start(fail())])
    await asyncio.sleep(0)
    assert [str(error) for error in heard] == ["broken"]
    assert tasks.are_done


async def test_a_timer_rings_when_its_time_has_come() -> None:
    rung = asyncio.Event()
    BackgroundTasks(lambda _error: None).later(seconds(30), rung.set)
    await asyncio.wait_for(rung.wait(), 31)


async def test_nothing_goes_on_after_the_close() -> None:
    heard: list[Exception] = []
    rung = asyncio.Event()
    tasks = BackgroundTasks(heard.append)
    task = tasks.start(asyncio.Event().wait())  # type: ignore[arg-type]  # what it returns is lost
    tasks.later(seconds(1), rung.set)
    await tasks.close()
    await asyncio.sleep(2)
    assert (task.cancelled(), rung.is_set(), heard, tasks.are_done) == (True, False, [], True)
