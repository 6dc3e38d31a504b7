"""One answer for all who ask at about the same time."""

import asyncio
from datetime import timedelta

import pytest

from actors.http.single_flight import SingleFlight

AGE = timedelta(seconds=1)


class Oracle:
    def __init__(self) -> None:
        self.asked = 0
        self.takes_s = 0.5
        self.fails = False

    async def ask(self) -> int:
        self.asked += 1
        await asyncio.sleep(self.takes_s)
        if self.fails:
            raise ValueError(self.asked)
        return self.asked


async def test_all_who_ask_at_once_get_one_answer() -> None:
    oracle = Oracle()
    shared = SingleFlight(oracle.ask, AGE)
    assert await asyncio.gather(*(shared.get() for _ in range(50))) == [1] * 50


async def test_an_answer_is_good_for_its_age() -> None:
    oracle = Oracle()
    shared = SingleFlight(oracle.ask, AGE)
    seen = []
    for _ in range(4):
        seen.append(await shared.get())
        await asyncio.sleep(0.7)
    assert seen == [1, 1, 2, 2]


async def test_an_error_is_shared_like_an_answer() -> None:
    oracle = Oracle()
    oracle.fails = True
    shared = SingleFlight(oracle.ask, AGE)
    errors = await asyncio.gather(*(shared.get() for _ in range(5)), return_exceptions=True)
    assert {repr(error) for error in errors} == {"ValueError(1)"}
    oracle.fails = False
    with pytest.raises(ValueError, match="1"):
        await shared.get()
    await asyncio.sleep(1.1)
    assert await shared.get() == 2


async def test_who_stops_waiting_stops_nobody_else() -> None:
    oracle = Oracle()
    shared = SingleFlight(oracle.ask, AGE)
    impatient, patient = (asyncio.create_task(shared.get()) for _ in range(2))
    await asyncio.sleep(0.1)
    impatient.cancel()
    assert await patient == 1
    assert oracle.asked == 1
