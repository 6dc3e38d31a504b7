"""The pool's handling of single actors; test_worker_set.py has the stories of many."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Literal

import pytest

from actors.messages import Assignment, Progress
from actors.worker_set.engine_pool import EnginePool
from actors.worker_set.telemetry import EventLog
from crabstick.game.rate_limits import RateLimits
from crabstick.rules.cluster_view import ActorPhase, EngineRecord, GameRecord
from crabstick.rules.lichess_types import ActorName, GameId, NodeId
from crabstick.rules.registry import Registry
from crabstick.rules.starts import READY, Starts
from crabstick.telemetry.bot_metrics import BotMetrics
from crabstick.telemetry.logs import get_logger
from tests.fakes.runtime import FakeActor, FakeRuntime
from tests.unit.actors.configs import a_config
from tests.unit.virtual_time import until, virtual_loop

GAME = GameId("abcdefgh")
LOST = ("starting", "standby", "busy", "useless")


class PoolRig:
    """A pool on a fake cluster; `wakes` counts the wake-ups of the WorkerSet."""

    def __init__(self, **slots: int) -> None:
        self.runtime = FakeRuntime(**(slots or {"n1": 8}))
        self.metrics = BotMetrics()
        narrator = EventLog(get_logger(), self.metrics)
        self.wakes = 0
        limits = RateLimits(virtual_loop().time)
        self.pool = EnginePool(a_config(), self.runtime, narrator, limits, self._wake)

    def _wake(self) -> None:
        self.wakes += 1

    @property
    def registry(self) -> Registry:
        return self.pool.registry

    @property
    def engines(self) -> list[EngineRecord]:
        return [*self.registry.engines.values()]

    def now(self) -> timedelta:
        return timedelta(seconds=virtual_loop().time())

    def phases(self) -> list[ActorPhase]:
        return [engine.phase for engine in self.engines]

    def value(self, metric: str, label: str = "") -> float:
        values = self.metrics.snapshot()["values"]
        assert isinstance(values, dict)
        return float(values[metric][label])

    def pause(self) -> timedelta:
        """How long no actor of the default engine is to be made."""
        return self.pool.starts["default"].paused_until - self.now()

    def lost(self) -> list[float]:
        return [self.value("crabstick_actors_lost_total", state) for state in LOST]

    def set_game(self, **changes: int) -> None:
        self.pool.take(self.registry.with_game(GameRecord(id=GAME)))
        game = replace(self.registry.games[GAME], **changes)  # type: ignore[arg-type]  # counts
        self.pool.registry = replace(self.registry, games={GAME: game})

    def suspect(self, name: ActorName) -> None:
        engine = self.registry.engines[name]
        self.pool.registry = self.registry.suspected(engine, self.now())

    async def add_standby(self) -> FakeActor:
        """Adds a standby."""
        self.pool.spawn(None)
        await until(lambda: self.phases()[-1:] == [ActorPhase.STANDBY])
        return self.runtime.actors[self.runtime.spawned[-1]]

    async def add_player(self) -> FakeActor:
        """Adds a standby and gives it the game."""
        actor = await self.add_standby()
        self.set_game()
        self.pool.assign(GAME, actor.name)
        await until(lambda: actor.assignments)
        return actor

    async def wait_empty(self) -> None:
        await until(lambda: not self.engines)


async def test_a_spawned_actor_is_a_standby_after_its_first_report() -> None:
    rig = PoolRig()
    rig.pool.spawn(NodeId("n1"))
    assert rig.phases() == [ActorPhase.STARTING]
    await until(lambda: rig.phases() == [ActorPhase.STANDBY])
    assert rig.wakes == 1


async def test_an_actor_without_a_node_is_given_up_after_a_quarter_of_an_hour_and_not_counted() -> (
    None
):
    rig = PoolRig(n1=0)
    rig.pool.spawn(None)
    await asyncio.sleep(899)
    assert rig.phases() == [ActorPhase.STARTING]
    await asyncio.sleep(2)
    assert rig.runtime.killed == rig.runtime.spawned
    assert (rig.lost(), rig.pool.starts) == ([0, 0, 0, 0], {})


async def test_a_silent_gcs_leaves_no_record_behind() -> None:
    rig = PoolRig()
    rig.runtime.is_away = True
    rig.pool.spawn(None)
    await rig.wait_empty()
    assert rig.runtime.spawned == []


async def test_an_actor_that_is_killed_before_ray_made_it_does_not_stay() -> None:
    rig = PoolRig()
    rig.pool.spawn(None)
    rig.pool.kill(next(iter(rig.registry.engines)))
    await rig.pool.settle()
    assert (rig.runtime.actors, len(rig.runtime.spawned)) == ({}, 1)


async def test_after_actors_that_died_early_the_next_ones_start_ever_later() -> None:
    rig = PoolRig()
    pauses = []
    for _ in range(3):
        rig.pool.spawn(None)
        await until(lambda: rig.runtime.actors)
        rig.runtime.lose_actor(next(iter(rig.runtime.actors.values())))
        await rig.wait_empty()
        pauses.append(round(rig.pause().total_seconds(), 1))
        await asyncio.sleep(pauses[-1] + 0.1)
    assert pauses == sorted(pauses)
    assert pauses[0] < 0.5 < pauses[2]


async def test_many_early_deaths_at_once_delay_the_next_start_like_one() -> None:
    rig = PoolRig()
    for _ in range(8):
        rig.pool.spawn(None)
    await until(lambda: len(rig.runtime.actors) == 8)
    for actor in [*rig.runtime.actors.values()]:
        rig.runtime.lose_actor(actor)
    await rig.wait_empty()
    assert rig.pause() < timedelta(seconds=1)


async def test_a_successful_start_ends_the_pause() -> None:
    rig = PoolRig()
    for engine in ("default", "atomic"):
        rig.pool.starts[engine] = Starts(paused_until=rig.now() + timedelta(seconds=100), why="x")
    rig.pool.spawn(None)
    await until(lambda: rig.pool.starts["default"] == READY, within_s=5)
    assert rig.pool.problem == "engines.atomic: x", "another engine may still fail"


async def test_an_actor_that_dies_in_its_start_is_a_problem_with_rays_reason() -> None:
    rig = PoolRig()
    rig.pool.spawn(None)
    await until(lambda: rig.runtime.actors)
    rig.runtime.lose_actor(next(iter(rig.runtime.actors.values())), "out of memory")
    await rig.wait_empty()
    assert rig.pool.problem == "actors do not start: out of memory"
    await rig.add_standby()
    assert rig.pool.problem == ""
    rig.pool.spawn(None)
    await until(lambda: len(rig.runtime.actors) > 1)
    rig.runtime.lose_actor(rig.runtime.actors[rig.runtime.spawned[-1]], "its node died")
    await until(lambda: rig.pool.starts["default"].failures)
    assert rig.pool.problem == "", "others can play"


async def test_an_assigned_actor_gets_its_game_and_is_supervised_once() -> None:
    rig = PoolRig()
    actor = await rig.add_player()
    assert actor.assignments == [Assignment(game=GAME, epoch=1)]
    assert rig.runtime.supervised == [actor.name]
    actor.end_game()
    await rig.wait_empty()
    assert rig.value("crabstick_games_finished_total", "won") == 1


async def test_an_actor_that_does_not_answer_its_assignment_is_killed_and_the_game_waits() -> None:
    rig = PoolRig()
    actor = await rig.add_standby()
    actor.hang()
    rig.set_game()
    rig.pool.assign(GAME, actor.name)
    await until(lambda: rig.runtime.killed == [actor.name])
    assert [game.id for game in rig.registry.waiting()] == [GAME]
    assert rig.value("crabstick_actors_lost_total", "busy") == 1


async def test_an_actor_whose_game_was_over_before_the_assignment_does_not_stay() -> None:
    rig = PoolRig()
    actor = await rig.add_standby()
    rig.set_game()
    rig.pool.assign(GAME, actor.name)
    rig.pool.take(rig.registry.ended(GAME))
    await until(lambda: rig.runtime.killed == [actor.name])
    assert (rig.registry.engines, actor.assignments) == ({}, [])


@pytest.mark.parametrize(
    ("status", "result", "count"),
    [
        ("outoftime", "lost", 1),
        ("timeout", "lost", 1),
        ("mate", "lost", 0),
        ("outoftime", "won", 0),
        ("outoftime", "drawn", 0),
    ],
)
async def test_a_game_that_our_clock_lost_is_counted(
    status: str, result: Literal["won", "lost", "drawn"], count: int
) -> None:
    rig = PoolRig()
    (await rig.add_player()).end_game(result=result, status=status)
    await rig.wait_empty()
    assert rig.value("crabstick_games_lost_on_time_total") == count


async def test_lost_actors_are_counted_by_phase() -> None:
    rig = PoolRig()
    rig.runtime.lose_actor(await rig.add_player())
    rig.runtime.lose_actor(await rig.add_standby())
    rig.pool.spawn(None)
    await until(lambda: rig.runtime.actors)
    rig.runtime.lose_actor(next(iter(rig.runtime.actors.values())))
    rig.runtime.next_problem = "no token"
    rig.pool.spawn(None)
    await until(lambda: rig.pool.starts["default"].why == "no token")
    await rig.wait_empty()
    assert rig.lost() == [1, 1, 1, 1]


async def test_actors_that_end_as_planned_are_not_counted_as_lost() -> None:
    rig = PoolRig()
    (await rig.add_player()).end_game()
    await rig.wait_empty()
    rig.pool.kill((await rig.add_standby()).name)
    await rig.pool.settle()
    assert rig.lost() == [0, 0, 0, 0]


async def test_an_unplayable_game_counts_as_aborted() -> None:
    rig = PoolRig()
    actor = await rig.add_player()
    actor.end_game("unplayable", result="")
    await rig.wait_empty()
    assert rig.value("crabstick_games_finished_total", "aborted") == 1


async def test_an_actor_that_was_replaced_ends_without_its_game() -> None:
    rig = PoolRig()
    actor = await rig.add_player()
    actor.end_game("replaced", result="")
    await rig.wait_empty()
    assert [game.id for game in rig.registry.waiting()] == [GAME]
    assert rig.registry.games[GAME].takeovers == 0


async def test_a_game_that_cost_two_actors_is_played_by_the_bundled_engine() -> None:
    rig = PoolRig()
    actor = await rig.add_standby()
    rig.set_game(takeovers=2, deaths=2)
    rig.pool.assign(GAME, actor.name)
    await until(lambda: actor.assignments)
    given = actor.assignments[0]
    assert (given.engine, given.takeovers, given.deaths) == ("embedded", 2, 2)


async def test_a_game_whose_actors_were_silent_keeps_its_engine() -> None:
    rig = PoolRig()
    await rig.add_player()
    for _ in range(3):
        successor, owner = await rig.add_standby(), rig.registry.owner_of(GAME)
        assert owner is not None
        rig.suspect(owner.name)
        rig.pool.assign(GAME, successor.name)
    actor = (await until(lambda: rig.runtime.players_of(GAME)[3:]))[0]
    assert actor.assignment
    assert (actor.assignment.engine, actor.assignment.takeovers) == ("own", 3)


async def test_a_busy_actor_is_pinged_until_its_game_is_over() -> None:
    rig = PoolRig()
    actor = await rig.add_player()
    before = rig.engines[0].last_seen
    await until(lambda: rig.engines[0].last_seen > before + timedelta(seconds=3))
    actor.end_game()
    await rig.wait_empty()


async def test_an_actor_plays_one_game_after_another() -> None:
    rig = PoolRig()
    actor = await rig.add_player()
    for game in (GameId("another1"), GameId("another2"), GameId("another3")):
        actor.end_game(stays=True)
        await until(lambda: rig.phases() == [ActorPhase.STANDBY])
        rig.pool.take(rig.registry.with_game(GameRecord(id=game)))
        rig.pool.assign(game, actor.name)
        await until(lambda: actor.assignment)
        assert actor.assignment == Assignment(game=game, epoch=1)
    assert rig.value("crabstick_games_finished_total", "won") == 3
    assert [len(rig.runtime.spawned), rig.runtime.killed, rig.lost()] == [1, [], [0, 0, 0, 0]]
    rig.runtime.lose_actor(actor)
    await rig.wait_empty()
    assert rig.registry.games[GameId("another3")].takeovers == 1


async def test_late_news_of_a_game_changes_nothing_in_the_next_one() -> None:
    rig = PoolRig()
    actor = await rig.add_player()
    earlier = rig.engines[0]
    actor.delay = timedelta(seconds=2)
    actor.progress = Progress(ply=90, color="white", white_ms=1)
    rig.pool.hand_over(actor.name, timedelta(seconds=9))
    await until(
        lambda: rig.registry.engines[actor.name].last_seen < rig.now() - timedelta(seconds=1)
    )
    actor.end_game(stays=True)
    await until(lambda: rig.phases() == [ActorPhase.STANDBY])
    actor.progress, actor.delay = Progress(), timedelta(0)
    rig.pool.take(rig.registry.with_game(GameRecord(id=GameId("another1"))))
    rig.pool.assign(GameId("another1"), actor.name)
    await asyncio.sleep(5)
    now = rig.engines[0]
    assert (now.ply, now.time_left, now.leave_by, now.game) == (0, None, None, "another1")
    assert rig.registry.suspected(earlier, rig.now()) == rig.registry
    assert [request.game for request in actor.requests] == [GAME]


async def test_an_actor_of_other_code_ends_after_its_game() -> None:
    rig = PoolRig()
    rig.runtime.fingerprint = "of-old-code!"
    actor = rig.runtime.add("1", "n1", Assignment(game=GAME, epoch=4))
    await rig.pool.adopt()
    actor.end_game(stays=True)
    await rig.wait_empty()
    assert rig.runtime.killed == [actor.name]


async def test_a_standby_of_other_code_is_not_adopted() -> None:
    rig = PoolRig()
    rig.runtime.fingerprint = "of-old-code!"
    rig.runtime.add("1", "n1")
    await rig.pool.adopt()
    await rig.wait_empty()


async def test_an_adopted_busy_actor_is_pinged_and_supervised() -> None:
    rig = PoolRig()
    actor = rig.runtime.add("busy", "n1", Assignment(game=GAME, epoch=4))
    await rig.pool.adopt()
    adopted = rig.now()
    await until(lambda: rig.engines[0].last_seen > adopted + timedelta(seconds=3))
    rig.runtime.lose_actor(actor)
    await rig.wait_empty()
    assert rig.registry.games[GAME].takeovers == 1


async def test_a_silent_actor_delays_the_adoption_by_five_seconds_only() -> None:
    rig = PoolRig()
    rig.runtime.add("dumb", "n1").hang()
    rig.runtime.add("busy", "n1", Assignment(game=GAME, epoch=4))
    began_s = virtual_loop().time()
    await rig.pool.adopt()
    assert round(virtual_loop().time() - began_s, 3) == 5
    assert rig.registry.owner_of(GAME) is not None


async def test_an_actor_that_answers_late_is_adopted_late() -> None:
    rig = PoolRig()
    actor = rig.runtime.add("slow", "n1", Assignment(game=GAME, epoch=4))
    actor.delay = timedelta(seconds=7)
    await rig.pool.adopt()
    assert rig.registry.owner_of(GAME) is None
    await until(lambda: rig.registry.owner_of(GAME) is not None)


async def test_an_actor_whose_work_is_done_is_not_adopted() -> None:
    rig = PoolRig()
    actor = rig.runtime.add("done", "n1", Assignment(game=GAME, epoch=4))
    actor.end_game()
    await rig.pool.adopt()
    await rig.wait_empty()


async def test_adopting_twice_adopts_once() -> None:
    rig = PoolRig()
    rig.runtime.add("idle", "n1")
    await rig.pool.adopt()
    await rig.pool.adopt()
    assert len(rig.registry.engines) == len(rig.runtime.supervised) == 1


async def test_an_actor_that_cannot_play_is_killed_and_its_problem_is_kept() -> None:
    rig = PoolRig()
    rig.runtime.next_problem = "node n1: there is no Lichess token"
    rig.pool.spawn(None)
    await until(lambda: rig.pool.problem)
    assert rig.pool.problem == "node n1: there is no Lichess token"
    assert rig.pause() > timedelta(0)
    await until(lambda: not rig.runtime.actors)


async def test_a_kill_without_an_answer_of_ray_is_survived() -> None:
    rig = PoolRig()
    actor = await rig.add_standby()
    rig.runtime.is_away = True
    rig.pool.kill(ActorName(actor.name))
    await rig.pool.settle()
    assert rig.registry.engines == {}
