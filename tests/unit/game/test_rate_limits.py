"""What stands on a board, and who is told."""

import asyncio

from crabstick.game.rate_limits import RateLimits
from tests.builders import seconds
from tests.unit.virtual_time import virtual_loop


def a_board() -> RateLimits:
    return RateLimits(virtual_loop().time)


async def test_a_limit_that_was_met_holds_for_its_time() -> None:
    board = a_board()
    board.met("challenge", seconds(40))
    await asyncio.sleep(39)
    before = board.wait("challenge")
    await asyncio.sleep(1.01)
    assert seconds(0.9) < before <= seconds(1.01)
    assert (board.wait("challenge"), board.pack()) == (seconds(0), {})


async def test_a_limit_holds_for_its_own_class_only() -> None:
    board = a_board()
    board.met("challenge", seconds(40))
    assert board.wait("move") == seconds(0)


async def test_what_one_has_met_another_hears() -> None:
    here, there = a_board(), a_board()
    here.met("game_stream", seconds(40))
    there.hear(here.pack())
    assert abs(there.wait("game_stream") - seconds(40)) < seconds(0.1)


async def test_a_limit_is_told_at_once_and_what_was_heard_is_not_told_again() -> None:
    told: list[dict[str, int]] = []
    board = RateLimits(virtual_loop().time, tell=lambda: told.append(board.pack()))
    board.hear({"account": 1})
    board.note("openings", seconds(30))
    assert told == []
    board.met("account", seconds(5))
    assert [word.keys() for word in told] == [{"openings", "account"}]
