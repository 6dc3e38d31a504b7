"""A cluster that grows and shrinks with the games: the WorkerSet's side of it."""

import asyncio

from actors.messages import EMPTY
from actors.worker_set.elasticity import Traffic
from crabstick.rules.model import GameId, NodeId
from tests.builders import seconds
from tests.fakes.runtime import FakeRuntime
from tests.unit.actors.house import GAME, House
from tests.unit.virtual_time import until


async def test_without_nodes_a_game_waits_for_one_and_is_played_there() -> None:
    house = House(FakeRuntime(), standby=0, autoscaling=True)
    before = await house.load()
    await house.starts()
    await until(lambda: house.runtime.spawned)
    house.runtime.grow("n1", 2)
    assert (before.room, before.may_grow) == (0, True)
    assert (await house.player()).node == "n1"


async def test_a_cluster_of_fixed_size_never_grows() -> None:
    assert not (await House(FakeRuntime(), standby=0).load()).may_grow


async def test_when_ray_says_that_no_node_will_come_no_further_game_is_promised() -> None:
    house = House(FakeRuntime(n1=1), standby=1, autoscaling=True)
    house.runtime.is_full_grown = True
    await house.playing()
    await until(lambda: any(actor.node is None for actor in house.runtime.actors.values()))
    await asyncio.sleep(2)
    assert not (await house.load()).may_grow


async def test_a_declined_bot_leaves_a_standby_behind_for_ten_minutes() -> None:
    house = House(FakeRuntime(n1=2), standby=0, autoscaling=True)
    await asyncio.sleep(5)
    before = house.phases()
    await house.worker_set.room_wanted(EMPTY)
    await house.standbys(1)
    await asyncio.sleep(590)
    still = house.phases()
    await asyncio.sleep(20)
    assert (before, still, house.phases()) == ([], ["standby"], [])


async def test_the_games_of_the_emptiest_node_are_gathered_on_the_others() -> None:
    house = House(FakeRuntime(n1=3, n2=3), standby=0, autoscaling=True, max_games=3)
    await on_both_nodes(house)
    (lonely,) = house.runtime.playing("n2-game")
    await until(lambda: lonely.orders, within_s=120)
    lonely.end_game("handed_over", "")
    successor = await house.successor(lonely, "n2-game")
    assert successor.node == "n1"
    assert await house.value("crabstick_takeovers_total") == 0


async def test_on_a_cluster_of_fixed_size_nothing_is_moved() -> None:
    house = House(FakeRuntime(n1=3, n2=3), standby=0)
    await on_both_nodes(house)
    await asyncio.sleep(300)
    assert not any(actor.orders for actor in house.runtime.actors.values())


async def test_the_way_is_kept_free_for_games_that_come_while_others_move() -> None:
    house = House(FakeRuntime(n1=3, n2=3), standby=0, autoscaling=True, max_games=3)
    await on_both_nodes(house)
    (lonely,) = house.runtime.playing("n2-game")
    await until(lambda: lonely.orders, within_s=120)
    for number in range(2):
        await house.starts(f"new{number}")
        await house.player(f"new{number}")
    assert not [actor for actor in house.runtime.actors.values() if actor.node is None]


async def on_both_nodes(house: House) -> None:
    """Two games on the node n1, one on n2."""
    second = house.runtime.slots.pop(NodeId("n2"))
    for game in ("n1-game", GAME):
        await house.starts(game)
        await house.player(game)
    first, house.runtime.slots = house.runtime.slots, {NodeId("n2"): second}
    await asyncio.sleep(2)  # the nodes have been looked at
    await house.starts("n2-game")
    await house.player("n2-game")
    house.runtime.slots |= first


# The headroom follows the traffic.


async def test_more_actors_stand_by_while_many_games_come_and_fewer_afterwards() -> None:
    house = House(FakeRuntime(n1=20), standby=1, autoscaling=True, max_games=20)
    await house.standbys(1)
    for number in range(5):
        await house.starts(f"game{number}")
        (await house.player(f"game{number}")).end_game()
        await asyncio.sleep(20)
    busy = house.phases()
    await asyncio.sleep(720)
    assert (busy, house.phases()) == (["standby"] * 3, ["standby"])


async def test_no_more_actors_stand_by_than_games_may_come() -> None:
    house = House(FakeRuntime(n1=20), standby=1, autoscaling=True, max_games=4)
    for number in range(3):
        await house.starts(f"game{number}")
        await house.player(f"game{number}")
    await asyncio.sleep(30)
    assert sorted(house.phases()) == ["playing"] * 3 + ["standby"]


async def test_an_owner_who_wants_no_standby_has_none_after_a_game_either() -> None:
    house = House(FakeRuntime(n1=20), standby=0, autoscaling=True)
    for number in range(3):
        await house.starts(f"game{number}")
        await house.player(f"game{number}")
    await asyncio.sleep(30)
    assert house.phases() == ["playing"] * 3


async def test_a_cluster_of_fixed_size_keeps_what_its_owner_wants() -> None:
    house = House(FakeRuntime(n1=20), standby=1)
    for number in range(5):
        await house.starts(f"game{number}")
        await house.player(f"game{number}")
    await asyncio.sleep(30)
    assert house.phases().count("standby") == 1


def test_games_that_run_at_the_first_look_tell_how_busy_the_bot_is() -> None:
    traffic = Traffic()
    traffic.record([GameId("old")], seconds(1))
    traffic.record([GameId("old"), GameId("new")], seconds(2))
    traffic.record([GameId("new")], seconds(3))
    assert traffic.recent(seconds(4)) == (2, 1)
    assert traffic.recent(seconds(1000)) == (0, 0)
