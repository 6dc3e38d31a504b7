"""How well the bot hears, from reports that may stop."""

import asyncio

import pytest

from actors.ear import Ear
from actors.messages import Hearing
from tests.unit.virtual_time import virtual_loop


def an_ear() -> Ear:
    return Ear(virtual_loop().time)


async def test_what_was_heard_gets_older_though_nobody_reports() -> None:
    ear = an_ear()
    ear.hear(Hearing(age_s=3))
    await asyncio.sleep(60)
    assert ear.age_s == pytest.approx(63, abs=0.1)


async def test_a_bot_that_never_heard_anything_gets_older_too() -> None:
    ear = an_ear()
    await asyncio.sleep(60)
    assert ear.age_s == pytest.approx(60, abs=0.1)


async def test_why_the_listener_does_not_hear_is_its_own_word() -> None:
    ear = an_ear()
    ear.hear(Hearing(age_s=3, problem="the token is no good"))
    assert ear.problem == "the token is no good"


async def test_a_listener_that_says_nothing_is_a_problem_until_it_speaks() -> None:
    ear = an_ear()
    ear.hear(Hearing(age_s=0))
    await asyncio.sleep(11)
    assert "the EventListener says nothing" in ear.problem
    ear.hear(Hearing(age_s=0))
    assert ear.problem == ""
