"""The health of the event stream, from reports that may stop."""

import asyncio

import pytest

from actors.messages import ListenerStatus
from actors.worker_set.listener_health import ListenerHealth
from tests.unit.virtual_time import virtual_loop


def a_health() -> ListenerHealth:
    return ListenerHealth(virtual_loop().time)


async def test_without_any_report_the_age_grows() -> None:
    health = a_health()
    await asyncio.sleep(60)
    assert health.age_s == pytest.approx(60, abs=0.1)


async def test_a_listener_that_does_not_report_is_a_problem() -> None:
    health = a_health()
    health.report(ListenerStatus(age_s=0))
    await asyncio.sleep(11)
    assert "the EventListener says nothing" in health.problem
    health.report(ListenerStatus(age_s=0))
    assert health.problem == ""
