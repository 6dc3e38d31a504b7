"""One fetch for all concurrent callers."""

import asyncio
from datetime import timedelta

import pytest

from actors.http.single_flight import SingleFlight

MAX_AGE = timedelta(seconds=1)


class Source:
    def __init__(self) -> None:
        self.fetched = 0
        self.takes_s = 0.5
        self.fails = False

    async def fetch(self) -> int:
        self.fetched += 1
        await asyncio.sleep(self.takes_s)
        if self.fails:
            raise ValueError(self.fetched)
        return self.fetched


async def test_concurrent_callers_share_one_result() -> None:
    source = Source()
    shared = SingleFlight(source.fetch, MAX_AGE)
    assert await asyncio.gather(*(shared.get() for _ in range(50))) == [1] * 50


async def test_a_result_is_reused_until_its_maximal_age() -> None:
    source = Source()
    shared = SingleFlight(source.fetch, MAX_AGE)
    seen = []
    for _ in range(4):
        seen.append(await shared.get())
        await asyncio.sleep(0.7)
    assert seen == [1, 1, 2, 2]


async def test_an_error_is_shared_like_a_result() -> None:
    source = Source()
    source.fails = True
    shared = SingleFlight(source.fetch, MAX_AGE)
    errors = await asyncio.gather(*(shared.get() for _ in range(5)), return_exceptions=True)
    assert {repr(error) for error in errors} == {"ValueError(1)"}
    source.fails = False
    with pytest.raises(ValueError, match="1"):
        await shared.get()
    await asyncio.sleep(1.1)
    assert await shared.get() == 2


async def test_cancelling_one_caller_does_not_cancel_the_others() -> None:
    source = Source()
    shared = SingleFlight(source.fetch, MAX_AGE)
    impatient, patient = (asyncio.create_task(shared.get()) for _ in range(2))
    await asyncio.sleep(0.1)
    impatient.cancel()
    assert await patient == 1
    assert source.fetched == 1
