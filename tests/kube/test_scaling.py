"""Ray's own autoscaler under the bot: nodes come with the games, go with them, and take none along.

What the autoscaler does is written into the RayCluster, what Ray says of its nodes in its GCS, and
what became of the games in the ledger of Lichess.
"""

import asyncio
from typing import Final

import pytest

from crabstick.sandbox.opponent import ChallengeDeclined
from tests.kube.apart import apart
from tests.kube.guests import Guests
from tests.kube.stage import Stage, until
from tests.kube.story import IDLE, TOLD, on, play, settled, sit_down

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1800)]

TURNS: Final = 5


@apart
def test_nodes_come_one_after_another_and_each_goes_after_its_last_game() -> None:
    deaths = play(_three_nodes, games=4, standby=2)
    assert list(deaths.values()) == [IDLE] * 3


async def _three_nodes(ours: Stage, guests: Guests) -> None:
    where = await sit_down(ours, guests, 4)
    await until(ours.standbys, bool)
    first, second, third = ours.kube.workers()
    assert [len(on(where, pod)) for pod in (first, second, third)] == [2, 2, 0]
    await guests.finish(*on(where, first))
    assert await until(ours.kube.workers, lambda pods: len(pods) < 3) == [second, third]
    assert await settled(ours, *on(where, second)) == dict.fromkeys(on(where, second), second)
    await guests.finish(*on(where, second))
    assert await until(ours.kube.workers, lambda pods: len(pods) < 2) == [third]
    await asyncio.to_thread(ours.up, standby=0)
    await until(ours.kube.workers, lambda pods: pods == [])
    assert ours.kube.picked() == [first, second, third]
    assert ours.is_ready()


@apart
def test_without_a_node_a_human_is_waited_on_and_a_bot_finds_one_when_it_comes_again() -> None:
    deaths = play(_cold_starts, games=3, standby=0)
    assert list(deaths.values()) == [IDLE]


async def _cold_starts(ours: Stage, guests: Guests) -> None:
    games = [await guests.challenge("human"), await guests.challenge("human")]
    where = await settled(ours, *games)
    (first,) = ours.kube.workers()
    assert set(where.values()) == {first}
    await guests.finish(*games)
    await until(ours.kube.workers, lambda pods: pods == [])
    with pytest.raises(ChallengeDeclined, match="later"):
        await guests.challenge()
    where = await sit_down(ours, guests, 1)
    assert [*where.values()] == ours.kube.workers()
    await guests.finish(*where)
    assert ours.kube.picked() == [first]


@apart
def test_a_pod_that_is_deleted_in_mid_game_hands_over_to_one_that_comes_meanwhile() -> None:
    deaths = play(_eviction, games=3, standby=1, max_games=3)
    assert sorted(deaths.values()) == [IDLE, TOLD]


async def _eviction(ours: Stage, guests: Guests) -> None:
    where = await sit_down(ours, guests, 3)
    await until(ours.standbys, bool)
    evicted, other = ours.kube.workers()
    assert [len(on(where, evicted)), len(on(where, other))] == [2, 1]
    ours.kube.delete(evicted)
    (gone,) = await until(lambda: ours.kube.events("gone", evicted), bool)
    assert gone.detail.startswith("by itself")
    where = await settled(ours, *where)
    (fresh,) = set(where.values()) - {other}
    assert len(on(where, other)) == 2
    (created,) = ours.kube.events("created", fresh)
    assert created.at_s < gone.at_s
    # Kubernetes refills what the deleted Pod has left, and the autoscaler takes that back
    await until(ours.kube.picked, bool)
    await until(ours.kube.workers, lambda pods: pods == [other, fresh])
    assert ours.count("crabstick_handovers_total") == 2
    await guests.finish(*where)


@apart
def test_games_that_wait_for_a_place_get_one_as_soon_as_there_may_be_more_nodes() -> None:
    deaths = play(_more_nodes, games=2, most=1, standby=1, max_games=2)
    assert list(deaths.values()) == [TOLD]


async def _more_nodes(ours: Stage, guests: Guests) -> None:
    games = await sit_down(ours, guests, 2)
    (evicted,) = set(games.values())
    ours.kube.delete(evicted)
    reads = ours.kube.store.reads
    await until(lambda: ours.kube.store.reads, lambda now: now > reads + TURNS)
    assert ours.kube.workers() == []
    assert await settled(ours, *games) == dict.fromkeys(games, evicted)
    ours.kube.set_max_replicas(2)
    (gone,) = await until(lambda: ours.kube.events("gone", evicted), bool)
    assert gone.detail.startswith("by itself")
    (fresh,) = set((await settled(ours, *games)).values())
    assert fresh != evicted
    await guests.finish(*games)
    assert ours.count("crabstick_handovers_total") == 2


@apart
def test_fewer_nodes_than_there_are_cost_no_game_while_every_busy_one_may_stay() -> None:
    deaths = play(_fewer_nodes, games=4, standby=1)
    assert len(deaths) == 1


async def _fewer_nodes(ours: Stage, guests: Guests) -> None:
    where = await sit_down(ours, guests, 4)
    await until(ours.standbys, bool)
    first, second, third = ours.kube.workers()
    assert on(where, third) == []
    ours.kube.set_max_replicas(2)
    await until(ours.kube.workers, lambda pods: pods == [first, second])
    reads = ours.kube.store.reads
    await until(lambda: ours.kube.store.reads, lambda now: now > reads + TURNS)
    assert ours.kube.picked() == [third]
    assert await settled(ours, *where) == where
    await guests.finish(*where)


@apart
def test_the_games_of_the_emptiest_node_move_to_another_and_the_node_goes() -> None:
    deaths = play(_consolidation, games=4, standby=0)
    assert list(deaths.values()) == [IDLE, IDLE]


async def _consolidation(ours: Stage, guests: Guests) -> None:
    games = [await guests.challenge("human") for _ in range(4)]
    where = await settled(ours, *games)
    pods = set(where.values())
    assert [len(on(where, pod)) for pod in pods] == [2, 2]
    over = [on(where, pod)[0] for pod in pods]
    left = [game for game in games if game not in over]
    await guests.finish(*over)
    (kept,) = await until(ours.kube.workers, lambda pods: len(pods) == 1)
    assert await settled(ours, *left) == dict.fromkeys(left, kept)
    assert ours.kube.picked() == [*(pods - {kept})]
    assert ours.count("crabstick_handovers_total") == 1
    await guests.finish(*left)
    await until(ours.kube.workers, lambda pods: pods == [])
