"""A WorkerSet whose cluster grows and shrinks with the games."""

import asyncio

from actors.messages import EMPTY, GameUpdate
from actors.worker_set.elasticity import Traffic
from crabstick.rules.lichess_types import GameId, NodeId
from tests.builders import seconds
from tests.fakes.runtime import FakeRuntime
from tests.unit.actors.worker_set_rig import GAME, WorkerSetRig
from tests.unit.virtual_time import until


async def test_without_nodes_a_game_waits_for_one_and_is_played_there() -> None:
    rig = WorkerSetRig(FakeRuntime(), standby=0, autoscaling=True)
    before = await rig.load()
    await rig.report_game()
    await until(lambda: rig.runtime.spawned)
    rig.runtime.add_node("n1", 2)
    assert (before.room, before.may_grow) == (0, True)
    assert (await rig.wait_player()).node == "n1"


async def test_a_cluster_of_fixed_size_never_grows() -> None:
    assert not (await WorkerSetRig(FakeRuntime(), standby=0).load()).may_grow


async def test_when_ray_reports_that_no_node_will_come_no_further_game_is_promised() -> None:
    rig = WorkerSetRig(FakeRuntime(n1=1), standby=1, autoscaling=True)
    rig.runtime.cannot_grow = True
    await rig.start_game()
    await until(lambda: any(actor.node is None for actor in rig.runtime.actors.values()))
    await asyncio.sleep(2)
    assert not (await rig.load()).may_grow


async def test_a_declined_bot_leaves_a_standby_behind_for_ten_minutes() -> None:
    rig = WorkerSetRig(FakeRuntime(n1=2), standby=0, autoscaling=True)
    await asyncio.sleep(5)
    before = rig.phases()
    await rig.worker_set.room_wanted(EMPTY)
    await rig.wait_standbys(1)
    await asyncio.sleep(590)
    still = rig.phases()
    await asyncio.sleep(20)
    assert (before, still, rig.phases()) == ([], ["standby"], [])


async def test_the_standby_for_a_declined_bot_has_the_engine_that_would_have_played() -> None:
    rig = a_gpu_rig(standby=0)
    await rig.wait_standbys(1)
    await rig.worker_set.room_wanted(GameUpdate(engine="default").pack())
    await until(lambda: actors_of(rig, "default"))


async def test_the_games_of_the_emptiest_node_move_to_the_others() -> None:
    rig = WorkerSetRig(FakeRuntime(n1=3, n2=3), standby=0, autoscaling=True, max_games=3)
    await on_both_nodes(rig)
    (lonely,) = rig.runtime.players_of("n2-game")
    await until(lambda: lonely.requests, within_s=120)
    lonely.end_game("handed_over", "")
    successor = await rig.wait_successor(lonely, "n2-game")
    assert successor.node == "n1"
    assert await rig.value("crabstick_takeovers_total") == 0


async def test_on_a_cluster_of_fixed_size_no_game_moves() -> None:
    rig = WorkerSetRig(FakeRuntime(n1=3, n2=3), standby=0)
    await on_both_nodes(rig)
    await asyncio.sleep(300)
    assert not any(actor.requests for actor in rig.runtime.actors.values())


async def test_new_games_get_the_free_slots_while_others_move() -> None:
    rig = WorkerSetRig(FakeRuntime(n1=3, n2=3), standby=0, autoscaling=True, max_games=3)
    await on_both_nodes(rig)
    (lonely,) = rig.runtime.players_of("n2-game")
    await until(lambda: lonely.requests, within_s=120)
    for number in range(2):
        await rig.start_game(f"new{number}")
    assert not [actor for actor in rig.runtime.actors.values() if actor.node is None]


async def on_both_nodes(rig: WorkerSetRig) -> None:
    """Two games on the node n1, one on n2."""
    second = rig.runtime.slots.pop(NodeId("n2"))
    for game in ("n1-game", GAME):
        await rig.start_game(game)
    first, rig.runtime.slots = rig.runtime.slots, {NodeId("n2"): second}
    await asyncio.sleep(2)  # the nodes have been read
    await rig.start_game("n2-game")
    rig.runtime.slots |= first


def a_gpu_rig(standby: int = 1) -> WorkerSetRig:
    """A node with a GPU, which two actors of the engine `human` share, beside one without."""
    runtime = FakeRuntime(card=4, plain=4)
    runtime.gpus = {NodeId("card"): 1}
    return WorkerSetRig(
        runtime,
        standby=standby,
        autoscaling=True,
        engines={"human": {"gpus": 0.5, "standby": 1}},
    )


def actors_of(rig: WorkerSetRig, engine: str) -> list[str | None]:
    """The nodes of the actors of an engine."""
    return [a.node for a in rig.runtime.actors.values() if a.config.engine == engine]


async def test_an_engine_whose_nodes_are_full_asks_for_another_such_node() -> None:
    rig = a_gpu_rig()
    await rig.wait_standbys(2)
    for game in ("first", "second"):
        await rig.report_game(game, engine="human")
        assert (await rig.wait_player(game)).node == "card"
    await until(lambda: None in actors_of(rig, "human"))
    assert actors_of(rig, "default") == ["plain"]
    rig.runtime.gpus[NodeId("card2")] = 1
    rig.runtime.add_node("card2", 4)
    await until(lambda: "card2" in actors_of(rig, "human"))


async def test_the_only_node_that_an_engine_fits_is_not_emptied() -> None:
    rig = a_gpu_rig()
    await rig.wait_standbys(2)
    (warm,) = [actor for actor in rig.runtime.actors.values() if actor.node == "card"]
    await rig.report_game()
    await asyncio.sleep(300)
    assert rig.runtime.actors[warm.name] is warm


async def test_more_actors_stand_by_for_the_engine_that_gets_the_games() -> None:
    rig = a_gpu_rig()
    rig.runtime.gpus[NodeId("card")] = 3
    await rig.wait_standbys(2)
    for number in range(5):
        await rig.report_game(f"game{number}", engine="human")
        (await rig.wait_player(f"game{number}")).end_game()
        await asyncio.sleep(20)
    assert (actors_of(rig, "human"), actors_of(rig, "default")) == (["card"] * 3, ["plain"])


async def test_an_engine_that_gets_no_node_holds_up_no_other() -> None:
    rig = a_gpu_rig()
    rig.runtime.gpus.clear()
    await until(lambda: None in actors_of(rig, "human"))
    before = await rig.load()
    rig.runtime.cannot_grow = True
    await asyncio.sleep(2)
    after = await rig.load()
    assert (before.may_grow, before.growing) == (True, ("human",))
    assert (after.may_grow, after.growing) == (True, ())


async def test_more_actors_stand_by_while_many_games_come() -> None:
    rig = WorkerSetRig(FakeRuntime(n1=20), standby=1, autoscaling=True, max_games=20)
    await rig.wait_standbys(1)
    for number in range(5):
        await rig.report_game(f"game{number}")
        (await rig.wait_player(f"game{number}")).end_game()
        await asyncio.sleep(20)
    busy = rig.phases()
    await asyncio.sleep(720)
    assert (busy, rig.phases()) == (["standby"] * 3, ["standby"])


async def test_no_more_actors_stand_by_than_games_may_come() -> None:
    rig = WorkerSetRig(FakeRuntime(n1=20), standby=1, autoscaling=True, max_games=4)
    for number in range(3):
        await rig.start_game(f"game{number}")
    await asyncio.sleep(30)
    assert sorted(rig.phases()) == ["playing"] * 3 + ["standby"]


def test_games_that_run_at_the_first_tick_count_as_begun() -> None:
    traffic = Traffic()
    traffic.record([GameId("old")], seconds(1))
    traffic.record([GameId("old"), GameId("new")], seconds(2))
    traffic.record([GameId("new")], seconds(3))
    assert traffic.recent(seconds(4)) == (2, 1)
    assert traffic.recent(seconds(1000)) == (0, 0)
