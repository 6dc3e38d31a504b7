"""How a WorkerSet is shut down: nobody is left without an actor, and who is forgotten goes on."""

import asyncio

import pytest

from actors.messages import HandOverRequest
from crabstick.errors import CrabstickError
from crabstick.rules.model import NodeId
from tests.builders import seconds
from tests.fakes.runtime import FakeRuntime
from tests.unit.actors.house import GAME, House
from tests.unit.virtual_time import until, virtual_loop


async def test_shutting_down_ends_the_standbys_and_leaves_the_games() -> None:
    house = House()
    actor = await house.playing()
    await house.standbys(1)
    answer = await house.worker_set.shut_down({"v": 1})
    assert (answer["games"], list(house.runtime.actors.values())) == (1, [actor])
    await asyncio.sleep(10)
    assert list(house.runtime.actors.values()) == [actor]


async def test_shutting_down_waits_until_every_game_has_its_actor() -> None:
    house = House(standby=0)
    await house.starts()
    closing = asyncio.ensure_future(house.worker_set.shut_down({"v": 1}))
    (actor,) = await until(lambda: [*house.runtime.actors.values()])
    actor.lateness = seconds(1)  # who ends us now would take the game back
    assert (await closing)["games"] == 1
    assert house.runtime.playing(GAME) == [actor]


async def test_shutting_down_does_not_wait_for_a_place_that_does_not_come() -> None:
    house = House(FakeRuntime(n1=0))
    await house.starts()
    began_s = virtual_loop().time()
    await house.worker_set.shut_down({"v": 1})
    assert virtual_loop().time() - began_s < 20


async def test_shutting_down_ends_actors_that_are_just_being_made() -> None:
    house = House()
    await until(lambda: house.phases() == ["starting"])
    await house.worker_set.shut_down({"v": 1})
    assert house.runtime.actors == {}


async def test_who_was_told_to_leave_does_so_before_the_worker_set_ends() -> None:
    house = House(FakeRuntime(n1=2, n2=2))
    actor = await house.playing()
    await house.standbys(1)
    house.drain(actor)
    await until(lambda: actor.orders)
    closing = asyncio.ensure_future(house.worker_set.shut_down({"v": 1}))
    await until(lambda: len(actor.orders) > 1)
    assert actor.orders == [HandOverRequest(within_s=98), HandOverRequest(within_s=5)]
    await asyncio.sleep(3)
    assert not closing.done()
    actor.end_game("handed_over")
    assert (await closing)["games"] == 1
    (heir,) = house.runtime.actors.values()
    assert house.runtime.playing(GAME) == [heir]


async def test_games_on_a_draining_node_leave_it_before_the_worker_set_ends() -> None:
    house = House(FakeRuntime(n1=2, n2=2), standby=0)
    await house.starts()
    actor = await house.player()
    house.drain(actor)
    await asyncio.sleep(2)
    closing = asyncio.ensure_future(house.worker_set.shut_down({"v": 1}))
    await until(lambda: actor.orders)
    actor.end_game("handed_over")
    await closing
    assert [heir.node for heir in house.runtime.playing(GAME)] == ["n2"]


async def test_no_game_is_left_to_an_actor_that_is_silent() -> None:
    house = House(FakeRuntime(n1=4))
    actor = await house.playing()
    await asyncio.sleep(12)
    actor.hang()
    await asyncio.sleep(3.5)
    await house.worker_set.shut_down({"v": 1})
    assert [heir.name for heir in house.runtime.playing(GAME)] != [actor.name]


async def test_who_is_told_to_leave_in_the_meantime_leaves_soon_or_stays() -> None:
    house = House(FakeRuntime(n1=8, n2=8), standby=0)
    games = [f"game{number}" for number in range(8)]
    for game in games:
        await house.starts(game)
        await house.player(game)
    house.runtime.draining[NodeId("n1")] = seconds(600)
    before = house.runtime.playing
    await asyncio.sleep(1.5)
    closing = asyncio.ensure_future(house.worker_set.shut_down({"v": 1}))
    told = 0
    while not closing.done():
        await asyncio.sleep(0.5)
        for game in games:
            actor = before(game)[-1]
            if actor.orders and not actor.is_over and not actor.has_ended:
                assert actor.orders[-1].within_s <= 5
                actor.end_game("handed_over")
                told += 1
    assert told
    await asyncio.sleep(10)
    assert all(not before(game)[-1].has_ended for game in games)


async def test_an_actor_that_has_not_said_yet_what_it_plays_is_left_to_its_game() -> None:
    house = House()
    actor = await house.playing()
    house.crash()
    actor.lateness = seconds(8)
    house.begin()
    closing = asyncio.ensure_future(house.worker_set.shut_down({"v": 1}))
    assert (await closing)["games"] == 1
    assert house.runtime.playing(GAME) == [actor]


async def test_who_was_shut_down_says_that_it_is_no_manager_any_more() -> None:
    house = House()
    await house.worker_set.shut_down({"v": 1})
    with pytest.raises(CrabstickError, match="was shut down"):
        await house.worker_set.describe({"v": 1})


async def test_who_was_shut_down_and_left_alone_looks_after_the_games_again() -> None:
    house = House()
    actor = await house.playing()
    await house.worker_set.shut_down({"v": 1})
    house.runtime.lose_actor(actor)
    await asyncio.sleep(20)
    assert house.runtime.actors == {}
    await house.successor(actor, within_s=20)
    assert (await house.worker_set.describe({"v": 1}))["bot"]
