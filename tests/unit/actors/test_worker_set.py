"""Stories of the WorkerSet: games get actors, actors die, and every game keeps exactly one."""

import asyncio
import itertools
from datetime import timedelta

import chess
import pytest

from actors.messages import (
    Assignment,
    Claim,
    Description,
    HandOverRequest,
    ListenerStatus,
    LoadAnswer,
    Ownership,
    Progress,
    Report,
)
from crabstick.errors import ConfigError, RateLimited
from crabstick.game.rate_limits import RateLimits
from crabstick.rules.lichess_types import GameId, GameSummary, LichessPlayer
from tests.builders import seconds
from tests.fakes.runtime import FakeRuntime
from tests.unit.actors.worker_set_rig import GAME, STATISTICS, WorkerSetRig, playing_rig
from tests.unit.virtual_time import stall, until, virtual_loop


async def test_a_standby_starts_before_any_game() -> None:
    rig = WorkerSetRig()
    await rig.wait_standbys(1)
    assert len(rig.runtime.spawned) == 1


async def test_a_game_goes_to_the_standby_and_another_takes_its_place() -> None:
    rig, actor = await playing_rig()
    await rig.wait_standbys(1)
    assert actor.assignment == Assignment(game=GAME, epoch=1)
    assert sorted(rig.phases()) == ["playing", "standby"]


async def test_a_repeated_report_of_a_game_changes_nothing() -> None:
    rig, actor = await playing_rig()
    for _ in range(20):
        await rig.report_game()
        await asyncio.sleep(0.4)
    assert rig.runtime.players_of(GAME) == [actor]
    assert actor.assignments == [Assignment(game=GAME, epoch=1)]


async def test_games_without_a_standby_get_actors_of_their_own() -> None:
    rig = WorkerSetRig(standby=0)
    for game in ("first123", "second12", "third123"):
        await rig.report_game(game)
    actors = [await rig.wait_player(game) for game in ("first123", "second12", "third123")]
    assert len(set(actors)) == 3
    assert len(rig.runtime.spawned) == 3


async def test_a_game_that_is_over_ends_its_actor_and_is_not_played_again() -> None:
    rig, actor = await playing_rig()
    actor.end_game(result="won")
    await until(lambda: actor.is_over)
    await rig.report_game()
    await asyncio.sleep(10)
    assert rig.runtime.players_of(GAME) == []
    assert await rig.value("crabstick_games_finished_total", "won") == 1


def a_summary(*, is_my_turn: bool = True, time_left: timedelta | None = None) -> GameSummary:
    return GameSummary(
        id=GameId(GAME),
        color=chess.WHITE,
        opponent=LichessPlayer(name="Alice"),
        speed="blitz",
        is_my_turn=is_my_turn,
        time_left=time_left,
    )


async def test_games_without_an_event_are_found_on_lichess() -> None:
    rig = WorkerSetRig()
    rig.lichess.started(a_summary())
    await rig.wait_player()


async def test_an_actor_that_has_missed_a_line_is_resynchronised() -> None:
    rig = WorkerSetRig()
    rig.lichess.started(a_summary())
    actor = await rig.wait_player()
    actor.progress = Progress(ply=7)
    await until(lambda: actor.resyncs)
    assert actor.resyncs == [7]


@pytest.mark.parametrize("is_my_turn", [True, False])
async def test_an_actor_whose_game_goes_on_is_not_resynchronised(*, is_my_turn: bool) -> None:
    rig = WorkerSetRig()
    rig.lichess.started(a_summary(is_my_turn=is_my_turn))
    actor = await rig.wait_player()
    for ply in range(100):
        actor.progress = Progress(ply=ply if is_my_turn else 7)
        await asyncio.sleep(1)
    assert actor.resyncs == []


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
    rig = WorkerSetRig(FakeRuntime(), standby=0)
    rig.lichess.started(summary)
    await until(lambda: rig.worker_set._registry.games)
    assert rig.worker_set._registry.games[GameId(GAME)].urgency == urgency


async def test_a_game_that_lichess_no_longer_lists_continues() -> None:
    rig, actor = await playing_rig()
    await asyncio.sleep(60)
    assert rig.runtime.players_of(GAME) == [actor]


async def test_a_rate_limit_does_not_stop_the_search_for_games() -> None:
    rig = WorkerSetRig()
    rig.lichess.faults.append(RateLimited("slowly", seconds(30)))
    await asyncio.sleep(1)
    rig.lichess.started(a_summary())
    await rig.wait_player()


# Lost actors.


async def test_the_game_of_a_dead_actor_is_taken_over_at_once() -> None:
    rig, actor = await playing_rig()
    await rig.wait_standbys(1)
    rig.runtime.lose_actor(actor)
    successor = await rig.wait_successor(actor, within_s=0.1)
    assert successor.assignment == Assignment(game=GAME, epoch=2, takeovers=1, deaths=1)


async def test_a_dead_node_costs_its_games_one_takeover_each() -> None:
    rig, actor = await playing_rig(FakeRuntime(n1=1, n2=3))
    await rig.wait_standbys(1)
    assert actor.node is not None
    rig.runtime.lose_node(actor.node)
    successor = await rig.wait_successor(actor)
    assert (successor.node != actor.node, await rig.value("crabstick_takeovers_total")) == (True, 1)


async def test_a_silent_actor_is_replaced_and_loses_its_claim() -> None:
    rig, actor = await playing_rig()
    await asyncio.sleep(12)
    actor.hang()
    successor = await rig.wait_successor(actor, within_s=8)
    assert await rig.owns(actor, 1) is False
    assert await rig.owns(successor, 2) is True
    await until(lambda: actor.is_over)


async def test_a_suspect_that_answers_again_keeps_its_game_if_no_other_actor_took_it() -> None:
    rig, actor = await playing_rig(FakeRuntime(n1=1), standby=0)
    await asyncio.sleep(12)
    actor.hang()
    await until(lambda: rig.engine(actor).is_suspect)
    actor.wake()
    await until(lambda: not rig.engine(actor).is_suspect)
    await asyncio.sleep(5)
    assert rig.runtime.players_of(GAME) == [actor]
    assert await rig.owns(actor, 1) is True


async def test_an_actor_that_answers_within_three_seconds_is_not_suspected() -> None:
    rig, actor = await playing_rig()
    await asyncio.sleep(12)
    actor.delay = timedelta(seconds=1.9)
    await asyncio.sleep(30)
    assert rig.runtime.players_of(GAME) == [actor]


async def test_after_a_stall_of_our_own_no_actor_is_suspected() -> None:
    rig, actor = await playing_rig()
    await asyncio.sleep(12)
    stall(9)
    await asyncio.sleep(10)
    assert rig.runtime.players_of(GAME) == [actor]


async def test_a_game_that_costs_too_many_actors_is_resigned() -> None:
    rig = WorkerSetRig(max_takeovers=1)
    rig.match.move("e2e4")
    rig.match.opponent_plays("e7e5")
    actor = await rig.start_game()
    rig.runtime.lose_actor(actor)
    rig.runtime.lose_actor(await rig.wait_successor(actor))
    await until(lambda: rig.match.status == "resign")
    await rig.report_game()
    await asyncio.sleep(5)
    assert rig.runtime.players_of(GAME) == []


async def test_a_forfeit_without_a_token_is_survived(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_settings: object) -> None:
        raise ConfigError("there is no Lichess token")

    monkeypatch.setattr("actors.worker_set.lichess_calls.read_token", refuse)
    rig = WorkerSetRig(max_takeovers=0)
    rig.worker_set._lichess_calls._games = None
    rig.runtime.lose_actor(await rig.start_game())
    await asyncio.sleep(5)
    assert rig.runtime.players_of(GAME) == []
    assert "task.failed" not in capsys.readouterr().err


# Actors that cannot play.


async def test_a_game_waits_until_an_actor_can_play() -> None:
    rig = WorkerSetRig()
    rig.runtime.next_problem = "node n1: there is no Lichess token"
    await rig.report_game()
    await asyncio.sleep(30)
    assert rig.runtime.players_of(GAME) == []
    assert await rig.problem() == "node n1: there is no Lichess token"
    rig.runtime.next_problem = ""
    await rig.wait_player()
    assert "token" not in await rig.problem()


async def test_actors_that_cannot_play_are_started_rarely() -> None:
    rig = WorkerSetRig()
    rig.runtime.next_problem = "there is no Lichess token"
    await asyncio.sleep(60)
    assert 5 <= len(rig.runtime.spawned) <= 12


async def test_while_actors_cannot_play_there_is_no_room_for_challenges() -> None:
    rig = WorkerSetRig(standby=0)
    assert (await rig.load()).room > 0
    rig.runtime.next_problem = "there is no Lichess token"
    await rig.report_game()
    await until(lambda: rig.worker_set._pool.problem)
    assert (await rig.load()).room <= 0
    await rig.report_end()
    await asyncio.sleep(30)
    assert (await rig.load()).room == 0
    rig.runtime.next_problem = ""
    await asyncio.sleep(30)
    assert (await rig.load()).room > 0


async def test_a_begun_game_continues_with_the_bundled_engine_when_its_own_is_missing() -> None:
    rig, actor = await playing_rig(standby=0)
    rig.runtime.next_problem, rig.runtime.lacks_engine = "there is no engine", True
    rig.runtime.lose_actor(actor)
    successor = await rig.wait_successor(actor)
    assert successor.assignment
    assert successor.assignment.engine == "embedded"


# Nodes.


@pytest.mark.parametrize("autoscaling", [True, False])
async def test_nodes_that_are_too_small_are_a_problem_unless_others_may_come(
    autoscaling: bool,  # noqa: FBT001 -- both ways
) -> None:
    rig = WorkerSetRig(FakeRuntime(), autoscaling=autoscaling)
    await asyncio.sleep(2)
    assert ("cluster.slot_cpus" in await rig.problem()) == (not autoscaling)


async def test_a_draining_node_hands_its_games_over_without_a_takeover() -> None:
    rig, actor = await playing_rig(FakeRuntime(n1=2, n2=2))
    rig.drain(actor)
    await until(lambda: actor.requests)
    assert rig.runtime.players_of(GAME) == [actor]
    actor.end_game("handed_over")
    successor = await rig.wait_successor(actor, within_s=0.1)
    assert successor.assignment == Assignment(game=GAME, epoch=2)
    assert successor.node != actor.node
    await until(lambda: actor.node not in rig.runtime.slots, within_s=2)
    assert await rig.value("crabstick_handovers_total") == 1
    assert await rig.value("crabstick_takeovers_total") == 0


async def test_a_game_stays_on_a_draining_node_until_another_node_has_room() -> None:
    rig, actor = await playing_rig(FakeRuntime(n1=1), standby=0)
    rig.drain(actor)
    await until(lambda: len(rig.runtime.spawned) == 2, within_s=2)
    await asyncio.sleep(20)
    assert (actor.requests, rig.runtime.players_of(GAME)) == ([], [actor])
    rig.runtime.add_node("n2", 1)
    await until(lambda: actor.requests)


async def test_a_hand_over_is_requested_again_when_the_node_ends_sooner() -> None:
    rig, actor = await playing_rig()
    rig.drain(actor, within_s=600)
    await until(lambda: actor.requests)
    await asyncio.sleep(10)
    rig.drain(actor, within_s=30)
    await until(lambda: len(actor.requests) > 1, within_s=2)
    await asyncio.sleep(5)
    assert actor.requests == [
        HandOverRequest(within_s=598, game=GAME),
        HandOverRequest(within_s=28, game=GAME),
    ]


async def test_a_lost_hand_over_request_is_repeated() -> None:
    rig, actor = await playing_rig()
    await rig.wait_standbys(1)
    actor.hang()
    rig.drain(actor)
    await asyncio.sleep(2)
    actor.wake()
    await until(lambda: actor.requests)
    actor.end_game("handed_over")
    successor = await rig.wait_successor(actor)
    assert successor.assignment == Assignment(game=GAME, epoch=2)


async def test_an_actor_of_older_code_that_cannot_leave_is_replaced() -> None:
    rig, actor = await playing_rig(FakeRuntime(n1=4, n2=1))
    actor.methods.discard("leave")
    rig.drain(actor)
    successor = await rig.wait_successor(actor)
    assert successor.assignment == Assignment(game=GAME, epoch=2, takeovers=1)
    await until(lambda: actor.is_over)


async def test_a_game_that_is_left_while_the_worker_set_is_away_finds_an_actor() -> None:
    rig, actor = await playing_rig()
    rig.drain(actor)
    await until(lambda: actor.requests)
    rig.crash()
    actor.end_game("handed_over")
    rig.start()
    await rig.report_game()
    await rig.wait_successor(actor)


async def test_a_new_worker_set_requests_the_hand_over_again() -> None:
    rig, actor = await playing_rig()
    rig.drain(actor)
    await until(lambda: actor.requests)
    rig.crash()
    rig.start()
    await rig.report_game()
    await until(lambda: len(actor.requests) == 2)


async def test_standbys_that_are_reserved_for_hand_overs_are_not_room() -> None:
    rig, actor = await playing_rig(FakeRuntime(n1=4, n2=1), standby=0)
    rig.drain(actor)
    await until(lambda: actor.requests)
    await asyncio.sleep(2)
    assert (rig.phases().count("standby"), (await rig.load()).room) == (1, 0)


async def test_a_gcs_that_is_away_costs_no_game() -> None:
    rig, actor = await playing_rig()
    rig.runtime.is_away = True
    await asyncio.sleep(30)
    assert await rig.owns(actor, 1) is True
    rig.runtime.is_away = False
    await rig.start_game("second12")


# Restarts and dead nodes.


async def test_after_a_restart_games_stay_with_their_actors_and_are_supervised() -> None:
    rig, actor = await playing_rig()
    rig.crash()
    await asyncio.sleep(2)
    rig.start()
    await rig.report_game()
    await asyncio.sleep(5)
    assert rig.runtime.players_of(GAME) == [actor]
    assert await rig.owns(actor, 1) is True
    rig.runtime.lose_actor(actor)
    successor = await rig.wait_successor(actor, within_s=0.1)
    assert successor.assignment == Assignment(game=GAME, epoch=2, takeovers=1, deaths=1)


async def test_an_actor_that_died_during_the_restart_is_replaced() -> None:
    rig, actor = await playing_rig()
    rig.crash()
    rig.runtime.lose_actor(actor)
    rig.start()
    await rig.report_game()
    await rig.wait_successor(actor)


@pytest.mark.parametrize("epochs", list(itertools.permutations([1, 2, 3])))
async def test_of_several_actors_on_one_game_the_latest_epoch_stays(
    epochs: tuple[int, ...],
) -> None:
    runtime = FakeRuntime(n1=9)
    actors = [
        runtime.add(f"e{epoch}", "n1", Assignment(game=GAME, epoch=epoch)) for epoch in epochs
    ]
    rig = WorkerSetRig(runtime)
    await rig.report_game()
    await until(lambda: len(runtime.players_of(GAME)) == 1)
    assert runtime.players_of(GAME) == [max(actors, key=lambda actor: actor.name)]


async def test_questions_wait_until_the_adoption_is_done() -> None:
    runtime = FakeRuntime(n1=9)
    actor = runtime.add("a", "n1", Assignment(game=GAME, epoch=3))
    runtime.is_away = True
    rig = WorkerSetRig(runtime)
    asked = asyncio.gather(rig.owns(actor, 3), rig.load())
    await asyncio.sleep(5)
    assert not asked.done()
    runtime.is_away = False
    owner, load = await asked
    assert (owner, load.games) == (True, (GAME,))


async def test_a_tick_that_fails_is_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = WorkerSetRig()
    await rig.wait_standbys(1)

    def fail(*_: object) -> None:
        raise RuntimeError("a mistake of our own")

    with monkeypatch.context() as patched:
        patched.setattr("actors.worker_set.reconciler.plan", fail)
        await rig.report_game()
        await asyncio.sleep(2)
    await rig.wait_player()


async def test_a_reading_of_the_nodes_that_fails_is_not_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig = WorkerSetRig(FakeRuntime())
    with monkeypatch.context() as patched:
        patched.setattr(rig.runtime, "nodes", lambda: 1 / 0)
        await asyncio.sleep(3)
    rig.runtime.add_node("n1", 3)
    await until(lambda: rig.worker_set._reconciler.nodes.views)


async def test_an_adoption_that_fails_is_repeated() -> None:
    rig, actor = await playing_rig()
    rig.crash()
    rig.runtime.listing_fails = 3
    rig.start()
    await rig.start_game("another")
    assert rig.runtime.players_of(GAME) == [actor]


async def test_no_actor_goes_to_a_dead_node_that_ray_still_trusts() -> None:
    rig = WorkerSetRig(FakeRuntime(n1=4, n2=4), standby=2)
    await rig.wait_standbys(2)
    for game in ("one", "two"):
        await rig.report_game(game)
        await rig.wait_player(game)
    dead = (await rig.wait_player("one")).node
    assert dead is not None
    rig.runtime.crash_node(dead)
    await until(lambda: all(rig.runtime.players_of(game) for game in ("one", "two")), within_s=6)
    await rig.wait_standbys(2)
    assert {actor.node for actor in rig.runtime.actors.values()} == {"n1", "n2"} - {dead}


async def test_a_dead_node_that_ray_still_trusts_is_not_filled_with_actors() -> None:
    rig = WorkerSetRig(FakeRuntime(n1=1, n2=4), standby=0)
    await rig.start_game("one")
    actor = await rig.start_game()
    assert actor.node == "n2"
    made = len(rig.runtime.spawned)
    rig.runtime.crash_node("n2")
    await asyncio.sleep(30)
    there = [one for one in rig.runtime.actors.values() if one.node == "n2"]
    assert len(there) <= 2
    assert len(rig.runtime.spawned) - made <= 3


async def test_a_slot_is_used_once_also_before_ray_counts_it() -> None:
    rig = WorkerSetRig(FakeRuntime(n1=2), standby=0)
    await rig.start_game("one")
    views = rig.worker_set._reconciler.nodes.views
    await until(lambda: rig.worker_set._reconciler.nodes.views is not views)  # in a second
    await rig.report_game("two")
    await until(lambda: len(rig.runtime.spawned) == 2)
    assert (await rig.load()).room == 0
    await rig.report_game("three")
    await asyncio.sleep(0.2)
    assert [one.node for one in rig.runtime.actors.values()] == ["n1", "n1", None]
    rig.runtime.add_node("n2", 1)
    await rig.wait_player("three")


async def test_a_node_whose_other_actors_answer_is_soon_trusted_again() -> None:
    rig = WorkerSetRig(FakeRuntime(n1=4), standby=2)
    first = await rig.start_game("one")
    await rig.start_game("two")
    rig.runtime.lose_actor(first)
    await rig.wait_successor(first, "one")
    await asyncio.sleep(3)
    assert rig.worker_set._registry.doubtful_nodes(rig.worker_set._now()) == set()


async def test_a_game_that_lichess_calls_finished_ends_with_its_actors_outcome() -> None:
    rig, actor = await playing_rig()
    await rig.report_end()
    await asyncio.sleep(10)
    assert rig.runtime.players_of(GAME) == [actor]
    actor.end_game()
    await until(lambda: actor.is_over)
    assert (await rig.load()).games == ()


async def test_an_actor_that_misses_the_end_of_its_game_is_killed() -> None:
    rig, actor = await playing_rig()
    await rig.report_end()
    await rig.report_end()
    lives = []
    for pause_s in (29, 3):
        await asyncio.sleep(pause_s)
        lives.append(not actor.is_over)
    assert lives == [True, False]
    assert (await rig.load()).games == ()


async def test_a_waiting_game_that_lichess_calls_finished_is_dropped() -> None:
    rig = WorkerSetRig(FakeRuntime(), standby=0)
    await rig.report_game()
    await rig.report_end()
    await until(lambda: not rig.worker_set._registry.games)


async def test_the_load_has_games_and_room() -> None:
    rig = WorkerSetRig(FakeRuntime(n1=3, n2=2))
    await rig.start_game()
    await rig.wait_standbys(1)
    await asyncio.sleep(2)
    assert await rig.load() == LoadAnswer(games=(GAME,), room=4)


async def test_a_node_that_has_not_come_for_minutes_is_not_promised() -> None:
    rig = WorkerSetRig(FakeRuntime(n1=1), standby=0, autoscaling=True)
    await rig.start_game("one")
    await rig.report_game("two")
    await asyncio.sleep(100)
    assert (await rig.load()).may_grow
    await asyncio.sleep(100)
    assert not (await rig.load()).may_grow
    rig.runtime.add_node("n2", 1)
    await rig.wait_player("two")
    assert (await rig.load()).may_grow


async def test_reports_add_up_without_their_unknown_metrics() -> None:
    rig = WorkerSetRig()
    report = Report(
        sender="engine:a",
        counts=(("crabstick_moves_total", None, 3), ("crabstick_later_total", None, 1)),
        samples=(("crabstick_think_seconds", 0.2), ("crabstick_later_seconds", 1.0)),
    )
    await rig.worker_set.report(report.pack())
    await rig.worker_set.report(report.pack())
    assert await rig.value("crabstick_moves_total") == 6


async def test_the_event_stream_ages_without_reports_of_the_listener() -> None:
    rig = WorkerSetRig()
    report = Report(sender="event-listener", hearing=ListenerStatus(age_s=4, problem="deaf"))
    await rig.worker_set.report(report.pack())
    assert await rig.problem() == "deaf"
    await asyncio.sleep(60)
    age_s = await rig.value("crabstick_event_stream_age_seconds")
    assert age_s == pytest.approx(64, abs=0.1)


def a_report(**wait_s: float) -> Report:
    rate_limits = RateLimits(virtual_loop().time)
    for endpoint, wait in wait_s.items():
        rate_limits.note_wait(endpoint, seconds(wait))
    return Report(sender="engine:a", limits=rate_limits.export())


async def test_a_reported_rate_limit_reaches_all_actors() -> None:
    rig, actor = await playing_rig()
    report = a_report(challenge=40, command=50)
    await rig.worker_set.report(report.pack())
    claim = Claim(game=GAME, actor=actor.name, epoch=1).pack()
    owns = Ownership.read(await rig.worker_set.owns(claim))
    assert owns.limits == (await rig.load()).limits == report.limits
    await rig.wait_standbys(1)
    await rig.report_game("second12")
    assert (await rig.wait_player("second12")).assignments[0].limits == report.limits


async def test_a_rate_limit_is_published_with_its_time() -> None:
    rig = WorkerSetRig()
    report = a_report(move=30, openings=60)
    await rig.worker_set.report(report.pack())
    statistics = await rig.worker_set.statistics(STATISTICS)
    assert statistics["limits"] == {"move": report.limits["move"]}
    wait_s = await rig.value("crabstick_rate_limit_wait_seconds", "move")
    assert wait_s == pytest.approx(30, abs=0.1)


async def test_a_restarted_worker_set_learns_the_rate_limits_from_living_actors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rig, actor = await playing_rig()
    rig.crash()
    limits = a_report(command=50).limits
    described = actor._description

    def description() -> Description:
        return described().model_copy(update={"limits": limits})

    monkeypatch.setattr(actor, "_description", description)
    rig.start()
    await rig.owns(actor, 1)
    assert (await rig.load()).limits == limits


async def test_the_worker_sets_own_rate_limits_count_for_the_bot() -> None:
    rig = WorkerSetRig()
    rig.lichess.faults.append(RateLimited("slowly", seconds(30)))
    await asyncio.sleep(1)
    assert (await rig.load()).limits.keys() == {"account"}
    assert await rig.value("crabstick_rate_limited_total", "account") == 1


async def test_a_listener_that_hangs_is_restarted() -> None:
    rig = WorkerSetRig()
    await asyncio.sleep(5)
    rig.listener.takes_s = float("inf")
    await until(lambda: rig.listener.restarted_s, within_s=13)


async def test_each_engine_has_actors_of_its_own() -> None:
    engines = {"atomic": {"standby": 1, "cpus": 2}, "horde": {"standby": 0}}
    rig = WorkerSetRig(FakeRuntime(n1=4, n2=4), engines=engines)
    await rig.wait_standbys(2)
    plays = [actor.config.engine for actor in rig.runtime.actors.values()]
    assert sorted(plays) == ["atomic", "default"]
    load = await rig.load()
    assert (load.room, load.rooms) == (6, {"atomic": 3, "horde": 5})
    await rig.report_game(engine="atomic")
    player = await rig.wait_player()
    assert player.config.engine == "atomic"
    await rig.report_game("hordegam", engine="horde")
    assert (await rig.wait_player("hordegam")).config.engine == "horde"
    await rig.report_game("unknowne", engine="of newer settings")
    assert (await rig.wait_player("unknowne")).config.engine == "default"
    rig.runtime.lose_actor(player)
    assert (await rig.wait_successor(player)).config.engine == "atomic"


async def test_an_engine_that_cannot_play_holds_up_no_other() -> None:
    rig = WorkerSetRig(engines={"atomic": {"gpus": 1, "standby": 0}})
    await rig.wait_standbys(1)
    assert (
        "no node has the 1 CPUs, 256 MB and 1 GPUs that engines.atomic asks" in await rig.problem()
    )
    load = await rig.load()
    assert (load.room, load.rooms) == (8, {"atomic": 0})
    await rig.report_game()
    assert (await rig.wait_player()).config.engine == "default"


async def test_while_no_actor_of_an_engine_ever_started_its_challenges_find_no_room() -> None:
    rig = WorkerSetRig(standby=0, autoscaling=True, engines={"human": {}})
    before = await rig.load()
    rig.runtime.start_time = timedelta(seconds=10)
    await rig.report_game(engine="human")
    while not await rig.problem():
        for actor in list(rig.runtime.actors.values()):
            rig.runtime.lose_actor(actor, "no memory")
        await asyncio.sleep(1)
    failing = await rig.load()
    assert (before.room, before.rooms, before.growing) == (8, {"human": 8}, ("human",))
    assert failing.room > 0 >= failing.rooms["human"]
    assert (failing.may_grow, failing.growing) == (True, ())
    assert await rig.problem() == "engines.human: actors do not start: no memory"
    await rig.wait_player()
    assert (await rig.load()).rooms == {"human": 7}
    assert "actors do not start" not in await rig.problem()


async def test_actors_that_die_in_their_start_come_ever_later() -> None:
    rig = WorkerSetRig(standby=1)
    rig.runtime.start_time = timedelta(seconds=10)
    deaths = 0
    for _ in range(240):
        for actor in list(rig.runtime.actors.values()):
            rig.runtime.lose_actor(actor)
            deaths += 1
        await asyncio.sleep(0.5)
    assert 5 < deaths < 20
