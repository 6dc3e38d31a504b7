"""Ray's own autoscaler under the bot: nodes come with the games, go with them, and take none along.

What the autoscaler does is written into the RayCluster, what Ray says of its nodes in its GCS, and
what became of the games in the ledger of Lichess.
"""

import asyncio
from typing import Final

import pytest

from crabstick.sandbox.opponent import ChallengeDeclined
from tests.kube.kube_bot import KubeBot, until
from tests.kube.namespaces import in_namespaces
from tests.kube.opponents import Opponents
from tests.kube.story import IDLE, PREEMPTED, on, play, start_games, wait_placed

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(1800)]

TURNS: Final = 5


@in_namespaces
def test_nodes_come_one_after_another_and_each_goes_after_its_last_game() -> None:
    deaths = play(_three_nodes, games=4, standby=2)
    assert list(deaths.values()) == [IDLE] * 3


async def _three_nodes(bot: KubeBot, opponents: Opponents) -> None:
    where = await start_games(bot, opponents, 4)
    await until(bot.standbys, bool)
    first, second, third = bot.kube.workers()
    assert [len(on(where, pod)) for pod in (first, second, third)] == [2, 2, 0]
    await opponents.finish(*on(where, first))
    assert await until(bot.kube.workers, lambda pods: len(pods) < 3) == [second, third]
    assert await wait_placed(bot, *on(where, second)) == dict.fromkeys(on(where, second), second)
    await opponents.finish(*on(where, second))
    assert await until(bot.kube.workers, lambda pods: len(pods) < 2) == [third]
    await asyncio.to_thread(bot.up, standby=0)
    await until(bot.kube.workers, lambda pods: pods == [])
    assert bot.kube.picked() == [first, second, third]
    assert bot.is_ready()


@in_namespaces
def test_without_a_node_a_human_is_waited_on_and_a_bot_finds_one_when_it_comes_again() -> None:
    deaths = play(_cold_starts, games=3, standby=0)
    assert list(deaths.values()) == [IDLE]


async def _cold_starts(bot: KubeBot, opponents: Opponents) -> None:
    games = [await opponents.challenge("human"), await opponents.challenge("human")]
    where = await wait_placed(bot, *games)
    (first,) = bot.kube.workers()
    assert set(where.values()) == {first}
    await opponents.finish(*games)
    await until(bot.kube.workers, lambda pods: pods == [])
    with pytest.raises(ChallengeDeclined, match="later"):
        await opponents.challenge()
    where = await start_games(bot, opponents, 1)
    assert [*where.values()] == bot.kube.workers()
    await opponents.finish(*where)
    assert bot.kube.picked() == [first]


@in_namespaces
def test_a_pod_that_is_deleted_in_mid_game_hands_over_to_one_that_comes_meanwhile() -> None:
    deaths = play(_eviction, games=3, standby=1, max_games=3)
    assert sorted(deaths.values()) == [IDLE, PREEMPTED]


async def _eviction(bot: KubeBot, opponents: Opponents) -> None:
    where = await start_games(bot, opponents, 3)
    await until(bot.standbys, bool)
    evicted, other = bot.kube.workers()
    assert [len(on(where, evicted)), len(on(where, other))] == [2, 1]
    bot.kube.delete(evicted)
    (gone,) = await until(lambda: bot.kube.events("gone", evicted), bool)
    assert gone.detail.startswith("by itself")
    where = await wait_placed(bot, *where)
    (fresh,) = set(where.values()) - {other}
    assert len(on(where, other)) == 2
    (created,) = bot.kube.events("created", fresh)
    assert created.at_s < gone.at_s
    # Kubernetes refills what the deleted Pod has left, and the autoscaler takes that back
    await until(bot.kube.picked, bool)
    await until(bot.kube.workers, lambda pods: pods == [other, fresh])
    assert bot.count("crabstick_handovers_total") == 2
    await opponents.finish(*where)


@in_namespaces
def test_games_that_wait_for_a_place_get_one_as_soon_as_there_may_be_more_nodes() -> None:
    deaths = play(_more_nodes, games=2, most=1, standby=1, max_games=2)
    assert list(deaths.values()) == [PREEMPTED]


async def _more_nodes(bot: KubeBot, opponents: Opponents) -> None:
    games = await start_games(bot, opponents, 2)
    (evicted,) = set(games.values())
    bot.kube.delete(evicted)
    reads = bot.kube.store.reads
    await until(lambda: bot.kube.store.reads, lambda now: now > reads + TURNS)
    assert bot.kube.workers() == []
    assert await wait_placed(bot, *games) == dict.fromkeys(games, evicted)
    bot.kube.set_max_replicas(2)
    (gone,) = await until(lambda: bot.kube.events("gone", evicted), bool)
    assert gone.detail.startswith("by itself")
    (fresh,) = set((await wait_placed(bot, *games)).values())
    assert fresh != evicted
    await opponents.finish(*games)
    assert bot.count("crabstick_handovers_total") == 2


@in_namespaces
def test_fewer_nodes_than_there_are_cost_no_game_while_every_busy_one_may_stay() -> None:
    deaths = play(_fewer_nodes, games=4, standby=1)
    assert len(deaths) == 1


async def _fewer_nodes(bot: KubeBot, opponents: Opponents) -> None:
    where = await start_games(bot, opponents, 4)
    await until(bot.standbys, bool)
    first, second, third = bot.kube.workers()
    assert on(where, third) == []
    bot.kube.set_max_replicas(2)
    await until(bot.kube.workers, lambda pods: pods == [first, second])
    reads = bot.kube.store.reads
    await until(lambda: bot.kube.store.reads, lambda now: now > reads + TURNS)
    assert bot.kube.picked() == [third]
    assert await wait_placed(bot, *where) == where
    await opponents.finish(*where)


@in_namespaces
def test_the_games_of_the_emptiest_node_move_to_another_and_the_node_goes() -> None:
    deaths = play(_consolidation, games=4, standby=0)
    assert list(deaths.values()) == [IDLE, IDLE]


async def _consolidation(bot: KubeBot, opponents: Opponents) -> None:
    games = [await opponents.challenge("human") for _ in range(4)]
    where = await wait_placed(bot, *games)
    pods = set(where.values())
    assert [len(on(where, pod)) for pod in pods] == [2, 2]
    over = [on(where, pod)[0] for pod in pods]
    left = [game for game in games if game not in over]
    await opponents.finish(*over)
    (kept,) = await until(bot.kube.workers, lambda pods: len(pods) == 1)
    assert await wait_placed(bot, *left) == dict.fromkeys(left, kept)
    assert bot.kube.picked() == [*(pods - {kept})]
    assert bot.count("crabstick_handovers_total") == 1
    await opponents.finish(*left)
    await until(bot.kube.workers, lambda pods: pods == [])
