"""A loop that stood still knows it."""

import asyncio

from crabstick.game.stall import StallDetector
from tests.unit.virtual_time import stall, until, virtual_loop


def a_watch() -> StallDetector:
    return StallDetector(virtual_loop().time)


async def test_a_loop_that_comes_round_has_not_stalled() -> None:
    watch = a_watch()
    beating = asyncio.create_task(watch.run())
    await asyncio.sleep(10)
    assert (watch.take(), watch.last_stall_s) == (False, None)
    beating.cancel()


async def test_a_second_of_standing_still_is_nothing_yet() -> None:
    watch = a_watch()
    stall(1)
    assert watch.take() is False


async def test_more_than_a_second_is_a_stall_and_told_once() -> None:
    watch = a_watch()
    stall(1.1)
    assert [watch.take(), watch.take()] == [True, False]


async def test_a_stall_that_the_beat_noticed_is_told_later() -> None:
    watch = a_watch()
    beating = asyncio.create_task(watch.run())
    await asyncio.sleep(0)
    stall(5)
    await until(lambda: watch.last_stall_s is not None)
    await asyncio.sleep(3)
    assert watch.take() is True
    beating.cancel()


async def test_the_moment_of_the_last_stall_is_remembered() -> None:
    watch = a_watch()
    stall(2)
    watch.take()
    noticed_s = virtual_loop().time()
    await asyncio.sleep(0.5)
    watch.take()
    assert watch.last_stall_s == noticed_s
