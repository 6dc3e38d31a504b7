"""The title of an actor in the dashboard."""

import asyncio

from actors.engine_actor.self_report import DashboardTitle
from tests.unit.virtual_time import virtual_loop


class Dashboard:
    """Makes the calls of a title, and knows the pending ones."""

    def __init__(self) -> None:
        self.title = DashboardTitle(self._call)
        self.made: list[str] = []
        self.pending: list[str] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def _call(self, title: str) -> None:
        self.made.append(title)
        self._tasks.add(virtual_loop().create_task(self._wait(title)))

    async def _wait(self, title: str) -> None:
        self.pending.append(title)
        await self.title.hold(title)
        self.pending.remove(title)


async def test_a_title_is_shown_after_a_moment_and_stays() -> None:
    board = Dashboard()
    board.title.set("standby")
    await asyncio.sleep(0.9)
    assert board.pending == []
    await asyncio.sleep(100)
    assert board.pending == ["standby"]


async def test_the_next_title_takes_the_place_of_the_last() -> None:
    board = Dashboard()
    board.title.set("standby")
    await asyncio.sleep(2)
    board.title.set("game a")
    await asyncio.sleep(2)
    assert (board.made, board.pending) == (["standby", "game a"], ["game a"])


async def test_a_title_that_changes_within_a_moment_is_not_shown() -> None:
    board = Dashboard()
    board.title.set("game a")
    board.title.set("game a · white against Bob · 5+3")
    await asyncio.sleep(2)
    assert board.made == ["game a · white against Bob · 5+3"]


async def test_the_same_title_again_changes_nothing() -> None:
    board = Dashboard()
    for _ in range(3):
        board.title.set("standby")
        await asyncio.sleep(2)
    assert board.made == board.pending == ["standby"]


async def test_a_call_whose_title_was_replaced_before_it_came_returns() -> None:
    board = Dashboard()
    board.title.set("game a")
    await asyncio.sleep(2)
    async with asyncio.timeout(1):
        await board.title.hold("standby")
