"""Two worker groups, steady machines and cheap ones: which one Ray's own autoscaler takes."""

import asyncio
from typing import Final

import pytest

from tests.kube.kube_bot import KubeBot, until
from tests.kube.namespaces import in_namespaces
from tests.kube.opponents import Opponents
from tests.kube.story import PREEMPTED, on, play, start_games, wait_placed

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1800)]

STEADY: Final = "crabstick-game-worker-"
SPOT: Final = "crabstick-spot-worker-"
"""How the names of their Pods begin."""


@in_namespaces
def test_steady_machines_come_first_and_the_games_of_a_reclaimed_one_go_back_to_them() -> None:
    deaths = play(_reclaimed, games=3, overlay="spot", most=1, standby=1)
    (spot, *_) = (pod for pod, death in deaths.items() if death == PREEMPTED)
    assert spot.startswith(SPOT)


async def _reclaimed(bot: KubeBot, opponents: Opponents) -> None:
    where = await start_games(bot, opponents, 3)
    await until(bot.standbys, bool)
    steady, spot = bot.kube.workers()
    assert (steady.startswith(STEADY), spot.startswith(SPOT)) == (True, True)
    assert [len(on(where, pod)) for pod in (steady, spot)] == [2, 1]
    over, left = on(where, steady)
    await opponents.finish(over)
    bot.kube.delete(spot)
    (gone,) = await until(lambda: bot.kube.events("gone", spot), bool)
    assert gone.detail.startswith("by itself")
    games = [left, *on(where, spot)]
    assert await wait_placed(bot, *games) == dict.fromkeys(games, steady)
    await until(bot.standbys, bool)
    assert any(pod.startswith(SPOT) for pod in bot.kube.workers())
    await opponents.finish(*games)
    assert bot.count("crabstick_handovers_total") == 1


@in_namespaces
def test_where_no_steady_machine_is_to_be_had_the_games_come_on_spot_ones() -> None:
    play(_no_steady_machine, games=1, overlay="spot", standby=0)


async def _no_steady_machine(bot: KubeBot, opponents: Opponents) -> None:
    bot.kube.run_out_of_machines("game")
    await asyncio.to_thread(bot.up, standby=1)
    (waiting,) = await until(bot.kube.workers, bool)
    assert waiting.startswith(STEADY)
    where = await start_games(bot, opponents, 1)
    assert [pod.startswith(SPOT) for pod in where.values()] == [True]
    (gone,) = bot.kube.events("gone", waiting)
    assert gone.detail == "it never ran"
    await opponents.finish(*where)
