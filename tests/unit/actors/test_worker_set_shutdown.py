"""The shutdown of a WorkerSet: every game keeps an actor, and without the kill work resumes."""

import asyncio

import pytest

from actors.messages import HandOverRequest
from crabstick.errors import CrabstickError
from crabstick.rules.lichess_types import NodeId
from tests.builders import seconds
from tests.fakes.runtime import FakeRuntime
from tests.unit.actors.worker_set_rig import GAME, WorkerSetRig, playing_rig
from tests.unit.virtual_time import until, virtual_loop


async def test_shutting_down_ends_the_standbys_and_leaves_the_games() -> None:
    rig, actor = await playing_rig()
    await rig.wait_standbys(1)
    answer = await rig.worker_set.shut_down({"v": 1})
    assert (answer["games"], list(rig.runtime.actors.values())) == (1, [actor])
    await asyncio.sleep(10)
    assert list(rig.runtime.actors.values()) == [actor]


async def test_shutting_down_waits_until_every_game_has_its_actor() -> None:
    rig = WorkerSetRig(standby=0)
    await rig.report_game()
    closing = asyncio.ensure_future(rig.worker_set.shut_down({"v": 1}))
    (actor,) = await until(lambda: [*rig.runtime.actors.values()])
    actor.delay = seconds(1)
    assert (await closing)["games"] == 1
    assert rig.runtime.players_of(GAME) == [actor]


async def test_shutting_down_does_not_wait_for_a_node_that_does_not_come() -> None:
    rig = WorkerSetRig(FakeRuntime(n1=0))
    await rig.report_game()
    began_s = virtual_loop().time()
    await rig.worker_set.shut_down({"v": 1})
    assert virtual_loop().time() - began_s < 20


async def test_shutting_down_ends_starting_actors() -> None:
    rig = WorkerSetRig()
    await until(lambda: rig.phases() == ["starting"])
    await rig.worker_set.shut_down({"v": 1})
    assert rig.runtime.actors == {}


async def test_a_hand_over_that_has_begun_finishes_before_the_worker_set_ends() -> None:
    rig, actor = await playing_rig(FakeRuntime(n1=2, n2=2))
    await rig.wait_standbys(1)
    rig.drain(actor)
    await until(lambda: actor.requests)
    closing = asyncio.ensure_future(rig.worker_set.shut_down({"v": 1}))
    await until(lambda: len(actor.requests) > 1)
    assert actor.requests == [
        HandOverRequest(within_s=98, game=GAME),
        HandOverRequest(within_s=5, game=GAME),
    ]
    await asyncio.sleep(3)
    assert not closing.done()
    actor.end_game("handed_over")
    assert (await closing)["games"] == 1
    (successor,) = rig.runtime.actors.values()
    assert rig.runtime.players_of(GAME) == [successor]


async def test_games_on_a_draining_node_move_before_the_worker_set_ends() -> None:
    rig, actor = await playing_rig(FakeRuntime(n1=2, n2=2), standby=0)
    rig.drain(actor)
    await asyncio.sleep(2)
    closing = asyncio.ensure_future(rig.worker_set.shut_down({"v": 1}))
    await until(lambda: actor.requests)
    actor.end_game("handed_over")
    await closing
    assert [successor.node for successor in rig.runtime.players_of(GAME)] == ["n2"]


async def test_no_game_stays_with_a_silent_actor() -> None:
    rig, actor = await playing_rig(FakeRuntime(n1=4))
    await asyncio.sleep(12)
    actor.hang()
    await asyncio.sleep(3.5)
    await rig.worker_set.shut_down({"v": 1})
    assert [successor.name for successor in rig.runtime.players_of(GAME)] != [actor.name]


async def test_a_hand_over_during_the_shutdown_is_soon_or_not_at_all() -> None:
    rig = WorkerSetRig(FakeRuntime(n1=8, n2=8), standby=0)
    games = [f"game{number}" for number in range(8)]
    for game in games:
        await rig.start_game(game)
    rig.runtime.draining[NodeId("n1")] = seconds(600)
    await asyncio.sleep(1.5)
    closing = asyncio.ensure_future(rig.worker_set.shut_down({"v": 1}))
    moved = 0
    while not closing.done():
        await asyncio.sleep(0.5)
        for game in games:
            actor = rig.runtime.players_of(game)[-1]
            if actor.requests and not actor.is_over and not actor.has_ended:
                assert actor.requests[-1].within_s <= 5
                actor.end_game("handed_over")
                moved += 1
    assert moved
    await asyncio.sleep(10)
    assert all(not rig.runtime.players_of(game)[-1].has_ended for game in games)


async def test_an_actor_that_has_not_reported_its_game_yet_survives() -> None:
    rig, actor = await playing_rig()
    rig.crash()
    actor.delay = seconds(8)
    rig.start()
    closing = asyncio.ensure_future(rig.worker_set.shut_down({"v": 1}))
    assert (await closing)["games"] == 1
    assert rig.runtime.players_of(GAME) == [actor]


async def test_a_worker_set_that_was_shut_down_refuses_to_describe_itself() -> None:
    rig = WorkerSetRig()
    await rig.worker_set.shut_down({"v": 1})
    with pytest.raises(CrabstickError, match="was shut down"):
        await rig.worker_set.describe({"v": 1})


async def test_a_worker_set_that_was_shut_down_and_not_killed_resumes() -> None:
    rig, actor = await playing_rig()
    await rig.worker_set.shut_down({"v": 1})
    rig.runtime.lose_actor(actor)
    await asyncio.sleep(20)
    assert rig.runtime.actors == {}
    await rig.wait_successor(actor, within_s=20)
    assert (await rig.worker_set.describe({"v": 1}))["bot"]
