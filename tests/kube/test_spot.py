"""Two worker groups, steady machines and cheap ones: which one Ray's own autoscaler takes."""

import asyncio
from typing import Final

import pytest

from tests.kube.apart import apart
from tests.kube.guests import Guests
from tests.kube.stage import Stage, until
from tests.kube.story import TOLD, on, play, settled, sit_down

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1800)]

STEADY: Final = "crabstick-game-worker-"
SPOT: Final = "crabstick-spot-worker-"
"""How the names of their Pods begin."""


@apart
def test_steady_machines_come_first_and_the_games_of_a_reclaimed_one_go_back_to_them() -> None:
    deaths = play(_reclaimed, games=3, overlay="spot", most=1, standby=1)
    (spot, *_) = (pod for pod, death in deaths.items() if death == TOLD)
    assert spot.startswith(SPOT)


async def _reclaimed(ours: Stage, guests: Guests) -> None:
    where = await sit_down(ours, guests, 3)
    await until(ours.standbys, bool)
    steady, spot = ours.kube.workers()
    assert (steady.startswith(STEADY), spot.startswith(SPOT)) == (True, True)
    assert [len(on(where, pod)) for pod in (steady, spot)] == [2, 1]
    over, left = on(where, steady)
    await guests.finish(over)
    ours.kube.delete(spot)
    (gone,) = await until(lambda: ours.kube.events("gone", spot), bool)
    assert gone.detail.startswith("by itself")
    games = [left, *on(where, spot)]
    assert await settled(ours, *games) == dict.fromkeys(games, steady)
    await until(ours.standbys, bool)
    assert any(pod.startswith(SPOT) for pod in ours.kube.workers())
    await guests.finish(*games)
    assert ours.count("crabstick_handovers_total") == 1


@apart
def test_where_no_steady_machine_is_to_be_had_the_games_come_on_spot_ones() -> None:
    play(_no_steady_machine, games=1, overlay="spot", standby=0)


async def _no_steady_machine(ours: Stage, guests: Guests) -> None:
    ours.kube.run_out_of_machines("game")
    await asyncio.to_thread(ours.up, standby=1)
    (waiting,) = await until(ours.kube.workers, bool)
    assert waiting.startswith(STEADY)
    where = await sit_down(ours, guests, 1)
    assert [pod.startswith(SPOT) for pod in where.values()] == [True]
    (gone,) = ours.kube.events("gone", waiting)
    assert gone.detail == "it never ran"
    await guests.finish(*where)
