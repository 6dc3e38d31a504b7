"""A loop that stalled knows it."""

import asyncio

import pytest

from crabstick.game.stall import StallDetector
from tests.unit.virtual_time import stall, until, virtual_loop


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
