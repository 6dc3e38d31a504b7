"""The lease: the WorkerSet's answer, and what an actor does without one."""

import asyncio
from collections import deque

import pytest

from crabstick.game.context import Lease, Replaced
from tests.unit.virtual_time import virtual_loop

YES, NO, NOTHING = True, False, None


class Manager:
    """Gives its answers in order, the last one for ever."""

    def __init__(self, *answers: bool | None) -> None:
        self.answers = deque(answers)
        self.asked_s: list[float] = []

    async def ask(self) -> bool | None:
        self.asked_s.append(virtual_loop().time())
        return self.answers.popleft() if len(self.answers) > 1 else self.answers[0]

    def lease(self) -> Lease:
        return Lease(self.ask, virtual_loop().time)


async def took_s(lease: Lease) -> float:
    """How long `renew` took."""
    began_s = virtual_loop().time()
    await lease.renew()
    return round(virtual_loop().time() - began_s, 3)


async def test_a_confirmed_actor_goes_on_at_once() -> None:
    assert await took_s(Manager(YES).lease()) == 0


async def test_a_replaced_actor_leaves() -> None:
    with pytest.raises(Replaced):
        await Manager(NO).lease().renew()


async def test_without_an_answer_it_plays_on_after_the_first_cut() -> None:
    assert await took_s(Manager(NOTHING).lease()) == 0


async def test_cut_twice_within_ten_seconds_it_waits_for_an_answer() -> None:
    lease = Manager(NOTHING, NOTHING, NOTHING, NOTHING, YES).lease()
    await lease.renew()
    await asyncio.sleep(9)
    assert await took_s(lease) == 3


async def test_the_answer_that_it_waits_for_may_be_no() -> None:
    lease = Manager(NOTHING, NOTHING, NOTHING, NO).lease()
    await lease.renew()
    with pytest.raises(Replaced):
        await lease.renew()


async def test_cuts_more_than_ten_seconds_apart_do_not_add_up() -> None:
    lease = Manager(NOTHING).lease()
    waits = []
    for _ in range(3):
        waits.append(await took_s(lease))
        await asyncio.sleep(11)
    assert waits == [0, 0, 0]


async def test_an_answer_cancels_the_cut_before_it() -> None:
    lease = Manager(NOTHING, YES, NOTHING).lease()
    assert [await took_s(lease) for _ in range(3)] == [0, 0, 0]


async def test_a_confirmation_is_fresh_for_five_seconds_and_asked_for_once() -> None:
    manager = Manager(YES)
    lease = manager.lease()
    assert await lease.is_fresh()
    await asyncio.sleep(4.9)
    assert await lease.is_fresh()
    assert len(manager.asked_s) == 1


async def test_an_old_confirmation_is_renewed() -> None:
    manager = Manager(YES, NOTHING)
    lease = manager.lease()
    await lease.renew()
    await asyncio.sleep(5.1)
    assert (await lease.is_fresh(), len(manager.asked_s)) == (False, 2)


async def test_a_replaced_actor_has_no_fresh_lease() -> None:
    with pytest.raises(Replaced):
        await Manager(NO).lease().is_fresh()
