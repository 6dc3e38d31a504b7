"""How well the bot hears, from reports that may stop."""

import asyncio

import pytest

from actors.messages import ListenerStatus
from actors.worker_set.listener_health import ListenerHealth
from tests.unit.virtual_time import virtual_loop


def an_ear() -> ListenerHealth:
    return ListenerHealth(virtual_loop().time)


async def test_what_was_heard_gets_older_though_nobody_reports() -> None:
    health = an_ear()
    health.report(ListenerStatus(age_s=3))
    await asyncio.sleep(60)
    assert health.age_s == pytest.approx(63, abs=0.1)


async def test_a_bot_that_never_heard_anything_gets_older_too() -> None:
    health = an_ear()
    await asyncio.sleep(60)
    assert health.age_s == pytest.approx(60, abs=0.1)


async def test_why_the_listener_does_not_hear_is_its_own_word() -> None:
    health = an_ear()
    health.report(ListenerStatus(age_s=3, problem="the token is no good"))
    assert health.problem == "the token is no good"


async def test_a_listener_that_says_nothing_is_a_problem_until_it_speaks() -> None:
    health = an_ear()
    health.report(ListenerStatus(age_s=0))
    await asyncio.sleep(11)
    assert "the EventListener says nothing" in health.problem
    health.report(ListenerStatus(age_s=0))
    assert health.problem == ""
