"""Ray's own autoscaler brings a node for a game, and takes it away after it: the short story."""

import asyncio

import pytest

from tests.kube.apart import apart
from tests.kube.guests import Guests
from tests.kube.stage import Stage, stage, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


@apart
def test_from_no_node_a_game_gets_one_and_afterwards_there_is_none_again() -> None:
    with stage(standby=0) as ours:
        asyncio.run(_one_game(ours))
        verdict, deaths = ours.verdict(), ours.deaths()
    assert verdict.breaches == ()
    assert verdict.games == 1
    assert list(deaths.values()) == ["AUTOSCALER_DRAIN_IDLE"]


async def _one_game(ours: Stage) -> None:
    assert ours.kube.workers() == []
    async with Guests(ours.sandbox) as guests:
        game = await guests.challenge("human")
        (pod,) = await until(ours.kube.workers, lambda pods: len(pods) == 1)
        await until(ours.games, lambda seen: seen == {game: pod})
        await guests.finish(game)
    await until(ours.kube.workers, lambda pods: pods == [])
    assert ours.kube.picked() == [pod]
    assert ours.is_ready()
