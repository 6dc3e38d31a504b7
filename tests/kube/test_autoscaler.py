"""Ray's own autoscaler brings nodes for games and takes them away after them: the short story."""

import asyncio

import pytest

from tests.kube.apart import apart
from tests.kube.guests import Guests
from tests.kube.stage import Stage, stage, until

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(900)]


@apart
def test_a_node_comes_before_the_game_that_needs_it_and_goes_after_its_last_one() -> None:
    with stage(standby=2, max_games=2) as ours:
        asyncio.run(_two_games(ours))
        verdict, deaths = ours.verdict(), ours.deaths()
    assert verdict.breaches == ()
    assert verdict.games == 2
    assert list(deaths.values()) == ["AUTOSCALER_DRAIN_IDLE"]


async def _two_games(ours: Stage) -> None:
    await until(ours.standbys, bool)
    (first,) = ours.kube.workers()
    async with Guests(ours.sandbox) as guests:
        games: list[str] = []
        for _ in range(2):
            games.append(await guests.challenge())
            await until(ours.games, lambda seen: seen == dict.fromkeys(games, first))
            await until(ours.standbys, bool)
        _, second = ours.kube.workers()
        await guests.finish(*games)
    await until(ours.kube.workers, lambda pods: pods == [second])
    assert ours.kube.picked() == [first]
    assert ours.is_ready()
