"""Tasks and timers on the event loop, and its stalls."""

import asyncio
import sys
from threading import Event, current_thread

import pytest

from crabstick.asyncio_tools import BackgroundTasks, DaemonThreads, StallDetector
from tests.builders import seconds
from tests.unit.virtual_time import stall, until, virtual_loop


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
    assert not tasks._tasks


async def test_nothing_runs_after_the_close() -> None:
    errors: list[Exception] = []
    fired = asyncio.Event()
    tasks = BackgroundTasks(errors.append)
    task = tasks.start(asyncio.sleep(3600))
    tasks.call_later(seconds(1), fired.set)
    await tasks.close()
    await asyncio.sleep(2)
    assert (task.cancelled(), fired.is_set(), errors, tasks._tasks) == (True, False, [], set())


def a_detector() -> StallDetector:
    return StallDetector(virtual_loop().time)


async def test_a_running_loop_has_not_stalled() -> None:
    detector = a_detector()
    beating = asyncio.create_task(detector.run())
    await asyncio.sleep(10)
    assert (detector.check(), detector.last_stall_s) == (False, None)
    beating.cancel()


@pytest.mark.parametrize(("lasting_s", "checks"), [(1, [False, False]), (1.1, [True, False])])
async def test_more_than_a_second_is_a_stall_until_the_next_check(
    lasting_s: float, checks: list[bool]
) -> None:
    detector = a_detector()
    stall(lasting_s)
    assert [detector.check(), detector.check()] == checks


async def test_a_stall_that_a_beat_noticed_is_known_at_the_next_check() -> None:
    detector = a_detector()
    beating = asyncio.create_task(detector.run())
    await asyncio.sleep(0)
    stall(5)
    noticed_s = await until(lambda: detector.last_stall_s)
    await asyncio.sleep(3)
    assert (detector.check(), detector.last_stall_s) == (True, noticed_s)
    beating.cancel()


def test_a_thread_that_hangs_does_not_delay_the_end_of_the_process() -> None:
    threads, is_over = DaemonThreads(2, "test"), Event()
    hanging = threads.submit(is_over.wait)
    assert threads.submit(lambda: current_thread().daemon).result(10)
    assert isinstance(threads.submit(int, "seven").exception(10), ValueError)
    assert not hanging.done()
    is_over.set()
    assert hanging.result(10)


def test_a_call_that_exits_ends_neither_its_thread_nor_the_process() -> None:
    threads = DaemonThreads(1, "test")
    assert isinstance(threads.submit(sys.exit, 3).exception(10), SystemExit)
    assert threads.submit(int, "7").result(10) == 7
