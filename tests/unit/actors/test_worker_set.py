"""The WorkerSet's stories: games find actors, actors die, and every game keeps exactly one."""

import asyncio
import itertools
from datetime import timedelta

import chess
import pytest

from actors.messages import (
    Assignment,
    Claim,
    Description,
    GameUpdate,
    HandOverRequest,
    ListenerStatus,
    LoadAnswer,
    Ownership,
    Progress,
    Report,
)
from crabstick.errors import ConfigError, RateLimited
from crabstick.game.rate_limits import RateLimits
from crabstick.rules.model import ActorName, GameId, GameSummary, NodeId, Player
from tests.builders import seconds
from tests.fakes.runtime import FakeRuntime
from tests.unit.actors.configs import BOT
from tests.unit.actors.house import GAME, STATISTICS, House
from tests.unit.virtual_time import stall, until, virtual_loop

# Games and actors.


async def test_a_standby_is_there_before_any_game() -> None:
    house = House()
    await house.standbys(1)
    assert len(house.runtime.spawned) == 1


async def test_a_game_goes_to_the_standby_and_another_takes_its_place() -> None:
    house = House()
    actor = await house.playing()
    await house.standbys(1)
    assert actor.assignment == Assignment(game=GAME, epoch=1)
    assert sorted(house.phases()) == ["playing", "standby"]


async def test_a_game_is_given_away_once_however_often_it_is_told() -> None:
    house = House()
    actor = await house.playing()
    for _ in range(20):
        await house.starts()
        await asyncio.sleep(0.4)
    assert house.runtime.playing(GAME) == [actor]
    assert actor.assignments == [Assignment(game=GAME, epoch=1)]


async def test_two_games_never_share_an_actor() -> None:
    house = House(standby=2)
    await house.standbys(2)
    await asyncio.gather(house.starts("first123"), house.starts("second12"))
    first, second = await house.player("first123"), await house.player("second12")
    assert first is not second


async def test_games_without_a_standby_get_actors_of_their_own() -> None:
    house = House(standby=0)
    for game in ("first123", "second12", "third123"):
        await house.starts(game)
    actors = [await house.player(game) for game in ("first123", "second12", "third123")]
    assert len(set(actors)) == 3
    assert len(house.runtime.spawned) == 3


async def test_a_game_that_is_over_ends_its_actor_and_is_not_played_again() -> None:
    house = House()
    actor = await house.playing()
    actor.end_game(result="won")
    await until(lambda: actor.is_over)
    await house.starts()
    await asyncio.sleep(10)
    assert house.runtime.playing(GAME) == []
    assert await house.value("crabstick_games_finished_total", "won") == 1


def a_summary(*, is_my_turn: bool = True, time_left: timedelta | None = None) -> GameSummary:
    return GameSummary(
        id=GameId(GAME),
        color=chess.WHITE,
        opponent=Player(name="Alice"),
        speed="blitz",
        is_my_turn=is_my_turn,
        time_left=time_left,
    )


async def test_games_that_no_event_told_of_are_found_on_lichess() -> None:
    house = House()
    house.lichess.started(a_summary())
    await house.player()


async def test_an_actor_that_waits_although_lichess_keeps_calling_it_our_turn_looks_again() -> None:
    house = House()
    house.lichess.started(a_summary())
    actor = await house.player()
    actor.progress = Progress(ply=7)
    await until(lambda: actor.looks)
    assert actor.looks == [7]


@pytest.mark.parametrize("is_my_turn", [True, False])
async def test_an_actor_whose_game_goes_on_is_left_alone(*, is_my_turn: bool) -> None:
    house = House()
    house.lichess.started(a_summary(is_my_turn=is_my_turn))
    actor = await house.player()
    for ply in range(100):
        actor.progress = Progress(ply=ply if is_my_turn else 7)
        await asyncio.sleep(1)
    assert actor.looks == []


@pytest.mark.parametrize(
    ("summary", "urgency"),
    [
        (a_summary(time_left=timedelta(seconds=9)), timedelta(seconds=9)),
        (a_summary(time_left=timedelta(0)), timedelta(0)),
        (a_summary(time_left=timedelta(seconds=9), is_my_turn=False), None),
        (a_summary(), None),
    ],
)
async def test_a_game_is_as_urgent_as_our_clock_is_short(
    summary: GameSummary, urgency: timedelta | None
) -> None:
    house = House(FakeRuntime(), standby=0)
    house.lichess.started(summary)
    await until(lambda: house.worker_set._registry.games)
    assert house.worker_set._registry.games[GameId(GAME)].urgency == urgency


async def test_a_game_that_lichess_no_longer_lists_is_played_on() -> None:
    house = House()
    actor = await house.playing()
    await asyncio.sleep(60)
    assert house.runtime.playing(GAME) == [actor]


async def test_a_limit_of_lichess_does_not_stop_the_looking() -> None:
    house = House()
    house.lichess.faults.append(RateLimited("slowly", seconds(30)))
    await asyncio.sleep(1)
    house.lichess.started(a_summary())
    await house.player()


# Actors that are lost.


async def test_the_game_of_a_dead_actor_is_taken_over_at_once() -> None:
    house = House()
    actor = await house.playing()
    await house.standbys(1)
    house.runtime.lose_actor(actor)
    heir = await house.successor(actor, within_s=0.1)
    assert heir.assignment == Assignment(game=GAME, epoch=2, takeovers=1, deaths=1)


async def test_a_dead_node_costs_its_games_one_takeover_each() -> None:
    house = House(FakeRuntime(n1=1, n2=3))
    actor = await house.playing()
    await house.standbys(1)
    assert actor.node is not None
    house.runtime.lose(actor.node)
    heir = await house.successor(actor)
    assert (heir.node != actor.node, await house.value("crabstick_takeovers_total")) == (True, 1)


async def test_a_silent_actor_is_replaced_and_loses_its_claim() -> None:
    house = House()
    actor = await house.playing()
    await asyncio.sleep(12)
    actor.hang()
    heir = await house.successor(actor, within_s=8)
    assert await house.owns(actor, 1) is False
    assert await house.owns(heir, 2) is True


async def test_the_silent_one_is_ended() -> None:
    house = House()
    actor = await house.playing()
    await asyncio.sleep(12)
    actor.hang()
    await until(lambda: actor.is_over)


async def test_a_suspect_that_is_heard_again_keeps_its_game_when_nobody_could_take_it() -> None:
    house = House(FakeRuntime(n1=1), standby=0)
    await house.starts()
    actor = await house.player()
    await asyncio.sleep(12)
    actor.hang()
    await until(lambda: house.engine(actor).is_suspect)
    actor.wake()
    await until(lambda: not house.engine(actor).is_suspect)
    await asyncio.sleep(5)
    assert house.runtime.playing(GAME) == [actor]
    assert await house.owns(actor, 1) is True


async def test_an_actor_that_answers_late_but_is_heard_every_three_seconds_is_no_suspect() -> None:
    house = House()
    actor = await house.playing()
    await asyncio.sleep(12)
    actor.lateness = timedelta(seconds=1.9)
    await asyncio.sleep(30)
    assert house.runtime.playing(GAME) == [actor]


async def test_nobody_is_suspected_when_it_was_we_who_stood_still() -> None:
    house = House()
    actor = await house.playing()
    await asyncio.sleep(12)
    stall(9)
    await asyncio.sleep(10)
    assert house.runtime.playing(GAME) == [actor]


async def test_a_game_that_costs_too_many_actors_is_resigned() -> None:
    house = House(max_takeovers=1)
    house.match.move("e2e4")
    house.match.opponent_plays("e7e5")
    actor = await house.playing()
    house.runtime.lose_actor(actor)
    house.runtime.lose_actor(await house.successor(actor))
    await until(lambda: house.match.status == "resign")
    await house.starts()
    await asyncio.sleep(5)
    assert house.runtime.playing(GAME) == []


async def test_a_forfeit_without_a_token_is_survived(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_settings: object) -> None:
        raise ConfigError("there is no Lichess token")

    monkeypatch.setattr("actors.worker_set.lichess_calls.read_token", refuse)
    house = House(max_takeovers=0)
    house.worker_set._lichess_calls._games = None
    house.runtime.lose_actor(await house.playing())
    await asyncio.sleep(5)
    assert house.runtime.playing(GAME) == []
    assert "task.failed" not in capsys.readouterr().err


async def test_an_actor_that_hangs_when_it_is_told_its_game_is_passed_over() -> None:
    house = House()
    await house.standbys(1)
    next(iter(house.runtime.actors.values())).hang()
    await house.starts()
    await house.player()


# Actors that cannot play.


async def test_an_actor_that_cannot_play_is_given_no_game() -> None:
    house = House()
    house.runtime.next_problem = "node n1: there is no Lichess token"
    await house.starts()
    await asyncio.sleep(30)
    assert house.runtime.playing(GAME) == []
    picture = await house.worker_set.statistics(STATISTICS)
    assert picture["problem"] == "node n1: there is no Lichess token"


async def test_actors_that_cannot_play_are_not_started_again_and_again() -> None:
    house = House()
    house.runtime.next_problem = "there is no Lichess token"
    await asyncio.sleep(60)
    assert 5 <= len(house.runtime.spawned) <= 12


async def test_actors_that_die_as_they_start_are_not_started_again_and_again() -> None:
    house = House()
    for _ in range(600):
        await asyncio.sleep(0.1)
        for actor in list(house.runtime.actors.values()):
            house.runtime.lose_actor(actor)
    assert 5 <= len(house.runtime.spawned) <= 20


async def test_when_the_node_has_a_token_the_waiting_game_is_played() -> None:
    house = House()
    house.runtime.next_problem = "there is no Lichess token"
    await house.starts()
    await asyncio.sleep(8)
    house.runtime.next_problem = ""
    await house.player()


async def test_where_actors_cannot_play_no_challenge_is_accepted_until_they_can() -> None:
    house = House(standby=0)
    assert (await house.load()).room > 0
    house.runtime.next_problem = "there is no Lichess token"
    await house.starts()
    await until(lambda: house.worker_set._pool.problem)
    assert (await house.load()).room <= 0
    await house.ends()
    await asyncio.sleep(30)
    assert (await house.load()).room == 0
    house.runtime.next_problem = ""
    await asyncio.sleep(30)
    assert (await house.load()).room > 0


async def test_a_begun_game_is_played_on_by_the_embedded_engine_where_its_own_is_gone() -> None:
    house = House(standby=0)
    await house.starts()
    actor = await house.player()
    house.runtime.next_problem, house.runtime.lacks_engine = "there is no engine", True
    house.runtime.lose_actor(actor)
    successor = await house.successor(actor)
    assert successor.assignment
    assert successor.assignment.engine == "embedded"


# Nodes.


@pytest.mark.parametrize("autoscaling", [True, False])
async def test_without_a_node_that_a_game_fits_it_says_so_unless_one_may_come(
    autoscaling: bool,  # noqa: FBT001 -- both ways
) -> None:
    house = House(FakeRuntime(), autoscaling=autoscaling)
    await asyncio.sleep(2)
    problem = str((await house.worker_set.statistics(STATISTICS))["problem"])
    assert ("cluster.slot_cpus" in problem) == (not autoscaling)


async def test_a_draining_node_hands_its_games_over_without_a_takeover() -> None:
    house = House(FakeRuntime(n1=2, n2=2))
    actor = await house.playing()
    house.drain(actor)
    await until(lambda: actor.orders)
    assert house.runtime.playing(GAME) == [actor]
    actor.end_game("handed_over")
    heir = await house.successor(actor, within_s=0.1)
    assert heir.assignment == Assignment(game=GAME, epoch=2)
    assert heir.node != actor.node
    assert await house.value("crabstick_handovers_total") == 1
    assert await house.value("crabstick_takeovers_total") == 0


async def test_the_emptied_node_leaves_at_once() -> None:
    house = House(FakeRuntime(n1=2, n2=2))
    actor = await house.playing()
    house.drain(actor)
    await until(lambda: actor.orders)
    actor.end_game("handed_over")
    await until(lambda: actor.node not in house.runtime.slots, within_s=2)


async def test_an_actor_is_told_when_its_node_ends() -> None:
    house = House()
    actor = await house.playing()
    house.drain(actor, within_s=30)
    await until(lambda: actor.orders)
    await asyncio.sleep(10)
    assert actor.orders == [HandOverRequest(within_s=28)]


async def test_with_nowhere_to_go_a_game_stays_and_a_node_is_asked_for() -> None:
    house = House(FakeRuntime(n1=1), standby=0)
    await house.starts()
    actor = await house.player()
    house.drain(actor)
    await until(lambda: len(house.runtime.spawned) == 2, within_s=2)
    await asyncio.sleep(20)
    assert (actor.orders, house.runtime.playing(GAME)) == ([], [actor])
    house.runtime.grow("n2", 1)
    await until(lambda: actor.orders)


async def test_an_actor_is_told_again_when_its_node_ends_sooner_than_it_was_told() -> None:
    house = House()
    actor = await house.playing()
    house.drain(actor, within_s=600)
    await until(lambda: actor.orders)
    await asyncio.sleep(10)
    house.drain(actor, within_s=30)
    await until(lambda: len(actor.orders) > 1, within_s=2)
    await asyncio.sleep(5)
    assert actor.orders == [HandOverRequest(within_s=598), HandOverRequest(within_s=28)]


async def test_an_order_to_leave_that_got_lost_is_given_again() -> None:
    house = House()
    actor = await house.playing()
    await house.standbys(1)
    actor.hang()
    house.drain(actor)
    await asyncio.sleep(2)
    actor.wake()
    await until(lambda: actor.orders)
    actor.end_game("handed_over")
    heir = await house.successor(actor)
    assert heir.assignment == Assignment(game=GAME, epoch=2)


async def test_an_actor_of_older_code_that_cannot_leave_is_replaced() -> None:
    house = House(FakeRuntime(n1=4, n2=1))
    actor = await house.playing()
    actor.methods.discard("leave")
    house.drain(actor)
    heir = await house.successor(actor)
    assert heir.assignment == Assignment(game=GAME, epoch=2, takeovers=1)
    await until(lambda: actor.is_over)


async def test_a_game_that_is_left_while_the_worker_set_is_away_finds_an_actor() -> None:
    house = House()
    actor = await house.playing()
    house.drain(actor)
    await until(lambda: actor.orders)
    house.crash()
    actor.end_game("handed_over")
    house.begin()
    await house.starts()
    await house.successor(actor)


async def test_a_game_is_told_to_leave_anew_by_a_new_worker_set() -> None:
    house = House()
    actor = await house.playing()
    house.drain(actor)
    await until(lambda: actor.orders)
    house.crash()
    house.begin()
    await house.starts()
    await until(lambda: len(actor.orders) == 2)


async def test_while_games_are_handed_over_no_challenge_is_promised_their_standbys() -> None:
    house = House(FakeRuntime(n1=4, n2=1), standby=0)
    await house.starts()
    actor = await house.player()
    house.drain(actor)
    await until(lambda: actor.orders)
    await asyncio.sleep(2)
    assert (house.phases().count("standby"), (await house.load()).room) == (1, 0)


async def test_a_cluster_without_room_asks_for_a_node_and_plays_when_it_comes() -> None:
    house = House(FakeRuntime(), standby=0)
    await house.starts()
    await until(lambda: house.runtime.spawned)
    house.runtime.grow("n9", 1)
    assert (await house.player()).node == "n9"


async def test_a_gcs_that_is_away_costs_no_game() -> None:
    house = House()
    actor = await house.playing()
    house.runtime.is_away = True
    await asyncio.sleep(30)
    assert await house.owns(actor, 1) is True
    house.runtime.is_away = False
    await house.starts("second12")
    await house.player("second12")


# Its own end and beginning.


async def test_after_a_restart_games_stay_with_their_actors_and_are_supervised() -> None:
    house = House()
    actor = await house.playing()
    house.crash()
    await asyncio.sleep(2)
    house.begin()
    await house.starts()
    await asyncio.sleep(5)
    assert house.runtime.playing(GAME) == [actor]
    assert await house.owns(actor, 1) is True
    house.runtime.lose_actor(actor)
    heir = await house.successor(actor, within_s=0.1)
    assert heir.assignment == Assignment(game=GAME, epoch=2, takeovers=1, deaths=1)


async def test_an_actor_that_died_while_nobody_looked_is_replaced() -> None:
    house = House()
    actor = await house.playing()
    house.crash()
    house.runtime.lose_actor(actor)
    house.begin()
    await house.starts()
    await house.successor(actor)


@pytest.mark.parametrize("epochs", list(itertools.permutations([1, 2, 3])))
async def test_of_several_actors_on_one_game_the_latest_epoch_stays(
    epochs: tuple[int, ...],
) -> None:
    runtime = FakeRuntime(n1=9)
    actors = [
        runtime.enter(f"e{epoch}", "n1", Assignment(game=GAME, epoch=epoch)) for epoch in epochs
    ]
    house = House(runtime)
    await house.starts()
    await until(lambda: len(runtime.playing(GAME)) == 1)
    assert runtime.playing(GAME) == [max(actors, key=lambda actor: actor.name)]


async def test_nobody_is_told_anything_before_the_adoption_is_done() -> None:
    runtime = FakeRuntime(n1=9)
    actor = runtime.enter("a", "n1", Assignment(game=GAME, epoch=3))
    runtime.is_away = True
    house = House(runtime)
    asked = asyncio.gather(house.owns(actor, 3), house.load())
    await asyncio.sleep(5)
    assert not asked.done()
    runtime.is_away = False
    owner, load = await asked
    assert (owner, load.games) == (True, (GAME,))


async def test_an_adoption_is_tried_again_until_ray_answers() -> None:
    runtime = FakeRuntime(n1=9)
    runtime.is_away = True
    house = House(runtime)
    await asyncio.sleep(20)
    runtime.is_away = False
    await house.standbys(1)


async def test_a_tick_that_fails_is_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    await house.standbys(1)

    def fail(*_: object) -> None:
        raise RuntimeError("a mistake of our own")

    with monkeypatch.context() as patched:
        patched.setattr("actors.worker_set.reconciler.plan", fail)
        await house.starts()
        await asyncio.sleep(2)
    await house.player()


async def test_a_look_that_fails_is_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(FakeRuntime())
    with monkeypatch.context() as patched:
        patched.setattr(house.runtime, "nodes", lambda: 1 / 0)
        await asyncio.sleep(3)
    house.runtime.grow("n1", 3)
    await until(lambda: house.worker_set._reconciler.nodes.views)


async def test_a_worker_set_that_cannot_list_the_actors_at_first_tries_again() -> None:
    house = House()
    actor = await house.playing()
    house.crash()
    house.runtime.listing_fails = 3
    house.begin()
    await house.starts("another")
    await house.player("another")
    assert house.runtime.playing(GAME) == [actor]


async def test_nothing_is_put_on_a_node_that_died_before_ray_knows_it() -> None:
    house = House(FakeRuntime(n1=4, n2=4), standby=2)
    await house.standbys(2)
    for game in ("one", "two"):
        await house.starts(game)
        await house.player(game)
    dead = (await house.player("one")).node
    assert dead is not None
    house.runtime.crash(dead)
    await until(lambda: all(house.runtime.playing(game) for game in ("one", "two")), within_s=6)
    await house.standbys(2)
    assert {actor.node for actor in house.runtime.actors.values()} == {"n1", "n2"} - {dead}


async def test_a_node_that_is_dead_without_ray_knowing_is_not_filled_with_actors() -> None:
    house = House(FakeRuntime(n1=1, n2=4), standby=0)
    await house.starts("one")
    await house.player("one")
    await house.starts()
    actor = await house.player()
    assert actor.node == "n2"
    made = len(house.runtime.spawned)
    house.runtime.crash("n2")
    await asyncio.sleep(30)
    there = [one for one in house.runtime.actors.values() if one.node == "n2"]
    assert len(there) <= 2
    assert len(house.runtime.spawned) - made <= 3


async def test_a_slot_is_given_away_once_also_before_ray_counts_it() -> None:
    house = House(FakeRuntime(n1=2), standby=0)
    await house.starts("one")
    await house.player("one")
    looks = house.worker_set._reconciler.nodes.views
    await until(lambda: house.worker_set._reconciler.nodes.views is not looks)  # in a second
    await house.starts("two")
    await until(lambda: len(house.runtime.spawned) == 2)
    assert (await house.load()).room == 0
    await house.starts("three")
    await asyncio.sleep(0.2)
    assert [one.node for one in house.runtime.actors.values()] == ["n1", "n1", None]
    house.runtime.grow("n2", 1)
    await house.player("three")


async def test_a_node_whose_other_actors_are_heard_is_not_in_doubt_for_long() -> None:
    house = House(FakeRuntime(n1=4), standby=2)
    first = await house.playing("one")
    await house.playing("two")
    house.runtime.lose_actor(first)
    await house.successor(first, "one")
    await asyncio.sleep(3)
    assert house.worker_set._registry.doubtful_nodes(house.worker_set._now()) == set()


# What it tells.


async def test_a_game_that_lichess_calls_finished_ends_with_its_actors_word() -> None:
    house = House()
    actor = await house.playing()
    await house.ends()
    await asyncio.sleep(10)
    assert house.runtime.playing(GAME) == [actor]
    actor.end_game()
    await until(lambda: actor.is_over)
    assert (await house.load()).games == ()


async def test_an_actor_that_does_not_notice_its_games_end_is_ended() -> None:
    house = House()
    actor = await house.playing()
    await house.ends()
    await house.ends()
    lives = []
    for pause_s in (29, 3):
        await asyncio.sleep(pause_s)
        lives.append(not actor.is_over)
    assert lives == [True, False]
    assert (await house.load()).games == ()


async def test_the_end_of_a_game_that_waits_is_taken_at_lichess_word() -> None:
    house = House(FakeRuntime(), standby=0)
    await house.starts()
    await house.ends()
    await until(lambda: not house.worker_set._registry.games)


async def test_the_end_of_an_unknown_game_is_no_news() -> None:
    house = House()
    await house.ends()
    assert (await house.load()).games == ()


async def test_the_load_tells_games_and_room() -> None:
    house = House(FakeRuntime(n1=3, n2=2))
    await house.playing()
    await house.standbys(1)
    await asyncio.sleep(2)
    assert await house.load() == LoadAnswer(games=(GAME,), room=4)


async def test_a_game_that_is_over_makes_room_before_its_actor_has_gone() -> None:
    house = House(FakeRuntime(n1=1), standby=0)
    await house.starts()
    actor = await house.player()
    await asyncio.sleep(2)  # the nodes have been looked at
    busy = await house.load()
    await house.ends()
    assert (busy.games, busy.room) == ((GAME,), 0)
    assert await house.load() == LoadAnswer(games=(), room=1)
    assert not actor.is_over


async def test_a_draining_node_has_no_room() -> None:
    house = House(FakeRuntime(n1=3, n2=2), standby=0)
    house.runtime.draining[NodeId("n1")] = seconds(100)
    await asyncio.sleep(2)
    assert (await house.load()).room == 2


async def test_a_game_whose_actor_starts_takes_its_place_once() -> None:
    house = House(FakeRuntime(n1=3), standby=0)
    await asyncio.sleep(2)
    store, now = house.worker_set._store, house.worker_set._now()
    store.take(store.registry.entered(ActorName("engine:starts"), now, NodeId("n1")))
    store.take(store.registry.with_game(GameUpdate(game=GAME).record()))
    assert (await house.load()).room == 2


async def test_nobody_promises_a_node_that_has_not_come_for_minutes() -> None:
    house = House(FakeRuntime(n1=1), standby=0, autoscaling=True)
    await house.starts("one")
    await house.player("one")
    await house.starts("two")
    await asyncio.sleep(100)
    assert (await house.load()).may_grow
    await asyncio.sleep(100)
    assert not (await house.load()).may_grow
    house.runtime.grow("n2", 1)
    await house.player("two")
    assert (await house.load()).may_grow


async def test_a_game_whose_actor_is_silent_is_one_that_waits() -> None:
    house = House(FakeRuntime(n1=1), standby=0)
    await house.starts()
    actor = await house.player()
    await asyncio.sleep(12)
    actor.hang()
    await asyncio.sleep(20)
    assert await house.value("crabstick_games", "waiting") == 1
    assert await house.value("crabstick_game_wait_seconds", "begun") > 10


async def test_games_that_wait_take_room() -> None:
    house = House(FakeRuntime(n1=1), standby=0)
    await asyncio.sleep(2)
    await house.starts()
    assert (await house.load()).room == 0


async def test_it_says_who_it_is() -> None:
    house = House()
    told = await house.worker_set.describe({"v": 1})
    assert (told["bot"], told["fingerprint"]) == (BOT, "0123456789ab")


async def test_reports_add_up_and_what_is_unknown_in_them_is_left_out() -> None:
    house = House()
    report = Report(
        sender="engine:a",
        counts=(("crabstick_moves_total", None, 3), ("crabstick_later_total", None, 1)),
        samples=(("crabstick_think_seconds", 0.2), ("crabstick_later_seconds", 1.0)),
    )
    await house.worker_set.report(report.pack())
    await house.worker_set.report(report.pack())
    assert await house.value("crabstick_moves_total") == 6


async def test_what_was_heard_gets_older_when_the_listener_says_nothing_any_more() -> None:
    house = House()
    report = Report(sender="event-listener", hearing=ListenerStatus(age_s=4, problem="deaf"))
    await house.worker_set.report(report.pack())
    picture = await house.worker_set.statistics(STATISTICS)
    assert picture["problem"] == "deaf"
    await asyncio.sleep(60)
    age_s = await house.value("crabstick_event_stream_age_seconds")
    assert age_s == pytest.approx(64, abs=0.1)


# The limits of the bot.


def a_report(**wait_s: float) -> Report:
    rate_limits = RateLimits(virtual_loop().time)
    for endpoint, wait in wait_s.items():
        rate_limits.note_wait(endpoint, seconds(wait))
    return Report(sender="engine:a", limits=rate_limits.export())


async def test_a_limit_that_anyone_met_is_known_to_all() -> None:
    house = House()
    actor = await house.playing()
    report = a_report(challenge=40, command=50)
    await house.worker_set.report(report.pack())
    claim = Claim(game=GAME, actor=actor.name, epoch=1).pack()
    owns = Ownership.read(await house.worker_set.owns(claim))
    assert owns.limits == (await house.load()).limits == report.limits
    await house.standbys(1)
    await house.starts("second12")
    assert (await house.player("second12")).assignments[0].limits == report.limits


async def test_a_limit_is_forgotten_when_it_is_over() -> None:
    house = House()
    await house.worker_set.report(a_report(challenge=5).pack())
    await asyncio.sleep(6)
    assert (await house.load()).limits == {}


async def test_a_limit_is_shown_with_its_time() -> None:
    house = House()
    report = a_report(move=30, openings=60)
    await house.worker_set.report(report.pack())
    picture = await house.worker_set.statistics(STATISTICS)
    assert picture["limits"] == {"move": report.limits["move"]}
    wait_s = await house.value("crabstick_rate_limit_wait_seconds", "move")
    assert wait_s == pytest.approx(30, abs=0.1)


async def test_a_restarted_worker_set_learns_the_limits_from_the_actors_that_live(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    house = House()
    actor = await house.playing()
    house.crash()
    limits = a_report(command=50).limits
    described = actor._description

    def description() -> Description:
        return described().model_copy(update={"limits": limits})

    monkeypatch.setattr(actor, "_description", description)
    house.begin()
    await house.owns(actor, 1)
    assert (await house.load()).limits == limits


async def test_its_own_limits_are_the_bots_too() -> None:
    house = House()
    house.lichess.faults.append(RateLimited("slowly", seconds(30)))
    await asyncio.sleep(1)
    assert (await house.load()).limits.keys() == {"account"}
    assert await house.value("crabstick_rate_limited_total", "account") == 1


# The listener.


async def test_a_listener_that_hangs_is_restarted() -> None:
    house = House()
    await asyncio.sleep(5)
    house.listener.takes_s = float("inf")
    await until(lambda: house.listener.restarted_s, within_s=13)


async def test_a_listener_is_not_restarted_because_the_worker_set_stood_still() -> None:
    house = House()
    await asyncio.sleep(5)
    house.listener.takes_s = float("inf")
    await asyncio.sleep(3)
    stall(30)
    house.listener.takes_s = 0
    await asyncio.sleep(60)
    assert house.listener.restarted_s == []
