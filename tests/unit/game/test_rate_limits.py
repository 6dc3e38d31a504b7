"""One process's rate limits, and how another process learns of them."""

import asyncio

from crabstick.game.rate_limits import RateLimits
from tests.builders import seconds
from tests.unit.virtual_time import virtual_loop


async def test_a_limit_holds_for_its_time_and_its_endpoint() -> None:
    limits = RateLimits(virtual_loop().time)
    limits.hit("challenge", seconds(40))
    await asyncio.sleep(39)
    assert seconds(0.9) < limits.wait("challenge") <= seconds(1.01)
    assert limits.wait("move") == seconds(0)
    await asyncio.sleep(1.01)
    assert (limits.wait("challenge"), limits.export()) == (seconds(0), {})


async def test_another_process_merges_what_one_exports() -> None:
    here, there = RateLimits(virtual_loop().time), RateLimits(virtual_loop().time)
    here.hit("game_stream", seconds(40))
    there.merge(here.export())
    assert abs(there.wait("game_stream") - seconds(40)) < seconds(0.1)


async def test_only_a_limit_that_was_hit_here_is_shared_at_once() -> None:
    shared: list[dict[str, int]] = []
    limits = RateLimits(virtual_loop().time, on_hit=lambda: shared.append(limits.export()))
    limits.merge({"account": 1})
    limits.note_wait("openings", seconds(30))
    assert shared == []
    limits.hit("account", seconds(5))
    assert [exported.keys() for exported in shared] == [{"openings", "account"}]
