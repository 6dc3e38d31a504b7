"""What the pool does with its actors, one at a time; the WorkerSet's tests tell the stories."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Literal

import pytest

from actors.messages import Assignment
from actors.worker_set.engine_pool import EnginePool
from actors.worker_set.narrator import Narrator
from actors.worker_set.registry_store import RegistryStore
from crabstick.game.rate_limits import RateLimits
from crabstick.rules.cluster_view import ActorPhase
from crabstick.rules.model import ActorName, GameId, NodeId
from crabstick.rules.registry import Registry
from crabstick.rules.registry_records import EngineRecord, GameRecord
from crabstick.telemetry.logs import get_logger
from crabstick.telemetry.metrics import Ledger
from tests.fakes.runtime import FakeActor, FakeRuntime
from tests.unit.actors.configs import a_config
from tests.unit.virtual_time import until, virtual_loop

GAME = GameId("abcdefgh")
LOST = ("starting", "standby", "busy", "useless")


class Stand:
    """A pool on a fake cluster; `wakes` counts how often it woke the WorkerSet."""

    def __init__(self, **slots: int) -> None:
        self.runtime = FakeRuntime(**(slots or {"n1": 8}))
        self.ledger = Ledger()
        narrator = Narrator(get_logger(), self.ledger)
        self.store = RegistryStore(narrator.event)
        self.wakes = 0
        limits = RateLimits(virtual_loop().time)
        self.pool = EnginePool(
            self.runtime, self.store, narrator, limits, now=self.now, wake=self._wake
        )

    def _wake(self) -> None:
        self.wakes += 1

    @property
    def registry(self) -> Registry:
        return self.store.registry

    @property
    def engines(self) -> list[EngineRecord]:
        return [*self.registry.engines.values()]

    def now(self) -> timedelta:
        return timedelta(seconds=virtual_loop().time())

    def phases(self) -> list[ActorPhase]:
        return [engine.phase for engine in self.engines]

    def value(self, metric: str, label: str = "") -> float:
        values = self.ledger.snapshot()["values"]
        assert isinstance(values, dict)
        return float(values[metric][label])

    def lost(self) -> list[float]:
        return [self.value("crabstick_actors_lost_total", state) for state in LOST]

    def game_runs(self, **changes: int) -> None:
        self.store.take(self.registry.with_game(GameRecord(id=GAME)))
        game = replace(self.registry.games[GAME], **changes)  # type: ignore[arg-type]  # counts
        self.store.registry = replace(self.registry, games={GAME: game})

    def suspect(self, name: ActorName) -> None:
        engine = self.registry.engines[name]
        self.store.registry = self.registry.suspected(engine, self.now())

    async def standby(self) -> FakeActor:
        """A new standby."""
        self.pool.spawn(a_config(), None)
        await until(lambda: self.phases()[-1:] == [ActorPhase.STANDBY])
        return self.runtime.actors[self.runtime.spawned[-1]]

    async def player(self) -> FakeActor:
        """A standby that was given the game."""
        actor = await self.standby()
        self.game_runs()
        self.pool.assign(GAME, actor.name)
        await until(lambda: actor.assignments)
        return actor

    async def empty(self) -> None:
        await until(lambda: not self.engines)


async def test_a_spawned_actor_is_a_standby_when_it_says_so() -> None:
    stand = Stand()
    stand.pool.spawn(a_config(), NodeId("n1"))
    assert stand.phases() == [ActorPhase.STARTING]
    await until(lambda: stand.phases() == [ActorPhase.STANDBY])
    assert stand.wakes == 1


async def test_an_actor_is_born_with_a_name_of_its_own() -> None:
    stand = Stand()
    first, second = await stand.standby(), await stand.standby()
    assert first.config.name == first.name != second.name


async def test_an_actor_without_a_node_is_given_up_after_a_quarter_of_an_hour() -> None:
    stand = Stand(n1=0)
    stand.pool.spawn(a_config(), None)
    await asyncio.sleep(899)
    assert stand.phases() == [ActorPhase.STARTING]
    await asyncio.sleep(2)
    assert stand.runtime.killed == stand.runtime.spawned


async def test_a_silent_gcs_starts_nothing_and_leaves_no_member_behind() -> None:
    stand = Stand()
    stand.runtime.is_away = True
    stand.pool.spawn(a_config(), None)
    await stand.empty()
    assert stand.runtime.spawned == []


async def test_an_actor_that_is_killed_before_it_was_made_does_not_stay() -> None:
    stand = Stand()
    stand.pool.spawn(a_config(), None)
    stand.pool.kill(next(iter(stand.registry.engines)))
    await stand.pool.settle()
    assert (stand.runtime.actors, len(stand.runtime.spawned)) == ({}, 1)


async def test_an_actor_that_dies_before_it_says_anything_holds_the_next_ones_back() -> None:
    stand = Stand()
    pauses = []
    for _ in range(3):
        stand.pool.spawn(a_config(), None)
        await until(lambda: stand.runtime.actors)
        stand.runtime.lose_actor(next(iter(stand.runtime.actors.values())))
        await stand.empty()
        assert stand.pool.paused_until is not None
        pauses.append(round((stand.pool.paused_until - stand.now()).total_seconds(), 1))
        await asyncio.sleep(pauses[-1] + 0.1)
    assert pauses == sorted(pauses)
    assert pauses[0] < 0.5 < pauses[2]


async def test_an_actor_for_which_no_node_came_is_no_lost_one() -> None:
    stand = Stand(n1=0)
    stand.pool.spawn(a_config(), None)
    await until(lambda: stand.runtime.actors)
    await until(lambda: not stand.registry.engines, within_s=1000)
    assert stand.value("crabstick_actors_lost_total", "starting") == 0
    assert stand.pool.paused_until is None


async def test_many_that_die_at_once_hold_the_next_one_back_no_longer_than_one() -> None:
    stand = Stand()
    for _ in range(8):
        stand.pool.spawn(a_config(), None)
    await until(lambda: len(stand.runtime.actors) == 8)
    for actor in [*stand.runtime.actors.values()]:
        stand.runtime.lose_actor(actor)
    await stand.empty()
    assert stand.pool.paused_until is not None
    assert stand.pool.paused_until - stand.now() < timedelta(seconds=1)


async def test_one_that_starts_ends_the_wait_of_the_next() -> None:
    stand = Stand()
    stand.pool.paused_until = stand.now() + timedelta(seconds=100)
    stand.pool.spawn(a_config(), None)
    assert stand.pool.is_paused
    await until(lambda: not stand.pool.is_paused, within_s=5)


async def test_the_game_is_told_to_its_actor_which_is_supervised_once() -> None:
    stand = Stand()
    actor = await stand.player()
    assert actor.assignments == [Assignment(game=GAME, epoch=1)]
    assert stand.runtime.supervised == [actor.name]
    actor.end_game()
    await stand.empty()
    assert stand.value("crabstick_games_finished_total", "won") == 1


async def test_an_actor_that_cannot_be_told_is_killed_and_the_game_waits_again() -> None:
    stand = Stand()
    actor = await stand.standby()
    actor.hang()
    stand.game_runs()
    stand.pool.assign(GAME, actor.name)
    await until(lambda: stand.runtime.killed == [actor.name])
    assert [game.id for game in stand.registry.waiting()] == [GAME]
    assert stand.value("crabstick_actors_lost_total", "busy") == 1


async def test_an_actor_whose_game_was_over_before_it_was_told_does_not_stay() -> None:
    stand = Stand()
    actor = await stand.standby()
    stand.game_runs()
    stand.pool.assign(GAME, actor.name)
    stand.store.take(stand.registry.ended(GAME))
    await until(lambda: stand.runtime.killed == [actor.name])
    assert (stand.registry.engines, actor.assignments) == ({}, [])


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
    stand = Stand()
    (await stand.player()).end_game(result=result, status=status)
    await stand.empty()
    assert stand.value("crabstick_games_lost_on_time_total") == count


async def test_actors_that_end_and_should_not_are_counted_by_what_they_did() -> None:
    stand = Stand()
    stand.runtime.lose_actor(await stand.player())
    stand.runtime.lose_actor(await stand.standby())
    stand.pool.spawn(a_config(), None)
    await until(lambda: stand.runtime.actors)
    stand.runtime.lose_actor(next(iter(stand.runtime.actors.values())))
    stand.runtime.next_problem = "no token"
    stand.pool.spawn(a_config(), None)
    await until(lambda: stand.pool.problem)
    await stand.empty()
    assert stand.lost() == [1, 1, 1, 1]


async def test_an_actor_whose_time_has_come_is_no_loss() -> None:
    stand = Stand()
    (await stand.player()).end_game()
    await stand.empty()
    stand.pool.kill((await stand.standby()).name)
    await stand.pool.settle()
    assert stand.lost() == [0, 0, 0, 0]


async def test_an_unplayable_game_counts_as_aborted() -> None:
    stand = Stand()
    actor = await stand.player()
    actor.end_game("unplayable", result="")
    await stand.empty()
    assert stand.value("crabstick_games_finished_total", "aborted") == 1


async def test_an_actor_that_was_replaced_leaves_the_game_where_it_is() -> None:
    stand = Stand()
    actor = await stand.player()
    actor.end_game("replaced", result="")
    await stand.empty()
    assert [game.id for game in stand.registry.waiting()] == [GAME]
    assert stand.registry.games[GAME].takeovers == 0


async def test_the_death_of_a_busy_actor_costs_the_game_one_takeover() -> None:
    stand = Stand()
    stand.runtime.lose_actor(await stand.player())
    await stand.empty()
    game = stand.registry.games[GAME]
    assert (game.takeovers, game.deaths) == (1, 1)
    assert stand.value("crabstick_takeovers_total") == 1


async def test_the_suspects_game_costs_a_takeover_a_hand_over_does_not() -> None:
    stand = Stand()
    first = await stand.player()
    second, third = await stand.standby(), await stand.standby()
    stand.pool.assign(GAME, second.name)
    assert stand.registry.games[GAME].takeovers == 0
    stand.suspect(second.name)
    stand.pool.assign(GAME, third.name)
    assert stand.registry.games[GAME].takeovers == 1
    assert first.name in stand.registry.engines


async def test_a_game_that_cost_two_actors_is_played_by_the_embedded_engine() -> None:
    stand = Stand()
    actor = await stand.standby()
    stand.game_runs(takeovers=2, deaths=2)
    stand.pool.assign(GAME, actor.name)
    await until(lambda: actor.assignments)
    given = actor.assignments[0]
    assert (given.engine, given.takeovers, given.deaths) == ("embedded", 2, 2)


async def test_a_game_whose_actors_fell_silent_keeps_its_engine() -> None:
    stand = Stand()
    await stand.player()
    for _ in range(3):
        heir, owner = await stand.standby(), stand.registry.owner_of(GAME)
        assert owner is not None
        stand.suspect(owner.name)
        stand.pool.assign(GAME, heir.name)
    actor = (await until(lambda: stand.runtime.playing(GAME)[3:]))[0]
    assert actor.assignment
    assert (actor.assignment.engine, actor.assignment.takeovers) == ("own", 3)


async def test_a_busy_actor_is_pinged_until_its_game_is_over() -> None:
    stand = Stand()
    actor = await stand.player()
    heard = stand.engines[0].last_seen
    await until(lambda: stand.engines[0].last_seen > heard + timedelta(seconds=3))
    actor.end_game()
    await stand.empty()


async def test_adoption_takes_over_whoever_lives() -> None:
    stand = Stand()
    stand.runtime.enter("idle", "n1")
    stand.runtime.enter("busy", "n1", Assignment(game=GAME, epoch=4))
    await stand.pool.adopt()
    assert sorted(phase.value for phase in stand.phases()) == ["playing", "standby"]
    owner = stand.registry.owner_of(GAME)
    assert owner is not None
    assert (owner.name, owner.epoch) == ("engine:busy", 4)


async def test_an_adopted_busy_actor_is_pinged_and_supervised() -> None:
    stand = Stand()
    actor = stand.runtime.enter("busy", "n1", Assignment(game=GAME, epoch=4))
    await stand.pool.adopt()
    adopted = stand.now()
    await until(lambda: stand.engines[0].last_seen > adopted + timedelta(seconds=3))
    stand.runtime.lose_actor(actor)
    await stand.empty()
    assert stand.registry.games[GAME].takeovers == 1


async def test_a_silent_actor_holds_the_adoption_up_for_five_seconds_only() -> None:
    stand = Stand()
    stand.runtime.enter("dumb", "n1").hang()
    stand.runtime.enter("busy", "n1", Assignment(game=GAME, epoch=4))
    began_s = virtual_loop().time()
    await stand.pool.adopt()
    assert round(virtual_loop().time() - began_s, 3) == 5
    assert stand.registry.owner_of(GAME) is not None


async def test_an_actor_that_answers_late_is_adopted_late() -> None:
    stand = Stand()
    actor = stand.runtime.enter("slow", "n1", Assignment(game=GAME, epoch=4))
    actor.lateness = timedelta(seconds=7)
    await stand.pool.adopt()
    assert stand.registry.owner_of(GAME) is None
    await until(lambda: stand.registry.owner_of(GAME) is not None)


async def test_an_actor_whose_work_is_done_is_not_kept() -> None:
    stand = Stand()
    actor = stand.runtime.enter("done", "n1", Assignment(game=GAME, epoch=4))
    actor.end_game()
    await stand.pool.adopt()
    await stand.empty()


async def test_adopting_twice_adopts_once() -> None:
    stand = Stand()
    stand.runtime.enter("idle", "n1")
    await stand.pool.adopt()
    await stand.pool.adopt()
    assert len(stand.registry.engines) == len(stand.runtime.supervised) == 1


async def test_an_actor_that_cannot_play_is_ended_and_says_why() -> None:
    stand = Stand()
    stand.runtime.next_problem = "node n1: there is no Lichess token"
    stand.pool.spawn(a_config(), None)
    await until(lambda: stand.pool.problem)
    assert stand.pool.problem == "node n1: there is no Lichess token"
    assert stand.pool.paused_until == stand.now() + timedelta(seconds=5)
    await until(lambda: not stand.runtime.actors)


async def test_the_problem_is_gone_with_the_first_actor_that_can_play() -> None:
    stand = Stand()
    stand.runtime.next_problem = "no token"
    stand.pool.spawn(a_config(), None)
    await until(lambda: stand.pool.problem)
    stand.runtime.next_problem = ""
    await stand.standby()
    assert stand.pool.problem == ""


async def test_a_kill_that_ray_does_not_answer_is_survived() -> None:
    stand = Stand()
    actor = await stand.standby()
    stand.runtime.is_away = True
    stand.pool.kill(ActorName(actor.name))
    await stand.pool.settle()
    assert stand.registry.engines == {}
