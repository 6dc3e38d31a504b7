"""What the crew does with its actors, one at a time; the WorkerSet's tests tell the stories."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal

import pytest

from actors.messages import Assignment, GameUpdate
from actors.worker_set.engine_pool import EnginePool
from actors.worker_set.registry import Registry
from crabstick.rules.cluster_view import ActorPhase
from crabstick.rules.model import ActorName, GameId, NodeId
from crabstick.telemetry.metrics import Ledger
from tests.fakes.runtime import FakeActor, FakeRuntime
from tests.unit.actors.configs import a_config
from tests.unit.virtual_time import until, virtual_loop

GAME = GameId("abcdefgh")


@dataclass
class Deck:
    """A crew on a fake cluster; `wakes` counts how often it woke the WorkerSet."""

    runtime: FakeRuntime
    registry: Registry = field(default_factory=Registry)
    ledger: Ledger = field(default_factory=Ledger)
    wakes: int = 0

    def __post_init__(self) -> None:
        self.crew = EnginePool(
            self.runtime, self.registry, self.ledger, now=self.now, wake=self._wake
        )

    def _wake(self) -> None:
        self.wakes += 1

    def now(self) -> timedelta:
        return timedelta(seconds=virtual_loop().time())

    def phases(self) -> list[ActorPhase]:
        return [member.phase for member in self.registry.members.values()]

    def value(self, metric: str, label: str = "") -> float:
        values = self.ledger.snapshot()["values"]
        assert isinstance(values, dict)
        return float(values[metric][label])

    async def standby(self) -> FakeActor:
        """A new standby."""
        self.crew.spawn(a_config(), None)
        await until(lambda: self.phases()[-1:] == [ActorPhase.STANDBY])
        return self.runtime.actors[self.runtime.spawned[-1]]

    async def player(self) -> FakeActor:
        """A standby that was given the game."""
        actor = await self.standby()
        self.registry.hear_of(GameUpdate(game=GAME, opponent="Alice", speed="blitz"))
        self.crew.assign(GAME, actor.name)
        await until(lambda: actor.assignments)
        return actor


def a_deck(**slots: int) -> Deck:
    return Deck(FakeRuntime(**(slots or {"n1": 8})))


async def test_a_spawned_actor_is_a_standby_when_it_says_so() -> None:
    deck = a_deck()
    deck.crew.spawn(a_config(), NodeId("n1"))
    assert deck.phases() == [ActorPhase.STARTING]
    await until(lambda: deck.phases() == [ActorPhase.STANDBY])
    assert deck.wakes == 1


async def test_an_actor_is_born_with_a_name_of_its_own() -> None:
    deck = a_deck()
    first, second = await deck.standby(), await deck.standby()
    assert first.config.name == first.name != second.name


async def test_an_actor_waits_for_a_node_as_long_as_it_takes() -> None:
    deck = a_deck(n1=0)
    deck.crew.spawn(a_config(), None)
    await until(lambda: deck.runtime.spawned)
    deck.runtime.grow("n2", 1)
    await until(lambda: deck.phases() == [ActorPhase.STANDBY])


async def test_an_actor_without_a_node_is_given_up_after_a_quarter_of_an_hour() -> None:
    deck = a_deck(n1=0)
    deck.crew.spawn(a_config(), None)
    await asyncio.sleep(899)
    assert deck.phases() == [ActorPhase.STARTING]
    await asyncio.sleep(2)
    assert deck.runtime.killed == deck.runtime.spawned


async def test_a_silent_gcs_starts_nothing_and_leaves_no_member_behind() -> None:
    deck = a_deck()
    deck.runtime.is_away = True
    deck.crew.spawn(a_config(), None)
    await until(lambda: not deck.registry.members)
    assert deck.runtime.spawned == []


async def test_an_actor_that_is_killed_before_it_was_made_does_not_stay() -> None:
    deck = a_deck()
    deck.crew.spawn(a_config(), None)
    deck.crew.kill(next(iter(deck.registry.members)))
    await deck.crew.settle()
    assert (deck.runtime.actors, len(deck.runtime.spawned)) == ({}, 1)


async def test_an_actor_that_dies_before_it_says_anything_holds_the_next_ones_back() -> None:
    deck = a_deck()
    pauses = []
    for _ in range(3):
        deck.crew.spawn(a_config(), None)
        await until(lambda: deck.runtime.actors)
        deck.runtime.lose_actor(next(iter(deck.runtime.actors.values())))
        await until(lambda: not deck.registry.members)
        assert deck.crew.no_spawn_before is not None
        pauses.append(round((deck.crew.no_spawn_before - deck.now()).total_seconds(), 1))
        await asyncio.sleep(pauses[-1] + 0.1)
    assert pauses == sorted(pauses)
    assert pauses[0] < 0.5 < pauses[2]


async def test_an_actor_for_which_no_node_came_is_no_lost_one() -> None:
    deck = a_deck(n1=0)
    deck.crew.spawn(a_config(), None)
    await until(lambda: deck.runtime.actors)
    await until(lambda: not deck.registry.members, within_s=1000)
    assert deck.value("crabstick_actors_lost_total", "starting") == 0
    assert deck.crew.no_spawn_before is None


async def test_many_that_die_at_once_hold_the_next_one_back_no_longer_than_one() -> None:
    deck = a_deck()
    for _ in range(8):
        deck.crew.spawn(a_config(), None)
    await until(lambda: len(deck.runtime.actors) == 8)
    for actor in [*deck.runtime.actors.values()]:
        deck.runtime.lose_actor(actor)
    await until(lambda: not deck.registry.members)
    assert deck.crew.no_spawn_before is not None
    assert deck.crew.no_spawn_before - deck.now() < timedelta(seconds=1)


async def test_one_that_starts_ends_the_wait_of_the_next() -> None:
    deck = a_deck()
    deck.crew.no_spawn_before = deck.now() + timedelta(seconds=100)
    deck.crew.spawn(a_config(), None)
    assert deck.crew.is_held
    await until(lambda: not deck.crew.is_held, within_s=5)


async def test_the_game_is_told_to_its_actor_which_is_supervised_once() -> None:
    deck = a_deck()
    actor = await deck.player()
    assert actor.assignments == [Assignment(game=GAME, epoch=1)]
    assert deck.runtime.supervised == [actor.name]
    actor.end_game()
    await until(lambda: not deck.registry.members)
    assert deck.value("crabstick_games_finished_total", "won") == 1


async def test_an_actor_that_cannot_be_told_is_killed_and_the_game_waits_again() -> None:
    deck = a_deck()
    actor = await deck.standby()
    actor.hang()
    deck.registry.hear_of(GameUpdate(game=GAME))
    deck.crew.assign(GAME, actor.name)
    await until(lambda: deck.runtime.killed == [actor.name])
    assert [game.id for game in deck.registry.waiting()] == [GAME]
    assert deck.value("crabstick_actors_lost_total", "busy") == 1


async def test_an_actor_whose_game_was_over_before_it_was_told_does_not_stay() -> None:
    deck = a_deck()
    actor = await deck.standby()
    deck.registry.hear_of(GameUpdate(game=GAME))
    deck.crew.assign(GAME, actor.name)
    deck.registry.end(GAME)
    await until(lambda: deck.runtime.killed == [actor.name])
    assert (deck.registry.members, actor.assignments) == ({}, [])


async def test_a_finished_game_is_counted_by_its_result_and_its_actor_ended() -> None:
    deck = a_deck()
    actor = await deck.player()
    actor.end_game(result="lost")
    await until(lambda: not deck.registry.members)
    assert (deck.value("crabstick_games_finished_total", "lost"), deck.registry.games) == (1, {})


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
    deck = a_deck()
    (await deck.player()).end_game(result=result, status=status)
    await until(lambda: not deck.registry.members)
    assert deck.value("crabstick_games_lost_on_time_total") == count


async def test_actors_that_end_and_should_not_are_counted_by_what_they_did() -> None:
    deck = a_deck()
    deck.runtime.lose_actor(await deck.player())
    deck.runtime.lose_actor(await deck.standby())
    deck.crew.spawn(a_config(), None)
    await until(lambda: deck.runtime.actors)
    deck.runtime.lose_actor(next(iter(deck.runtime.actors.values())))
    deck.runtime.next_problem = "no token"
    deck.crew.spawn(a_config(), None)
    await until(lambda: deck.crew.problem)
    await until(lambda: not deck.registry.members)
    states = ("starting", "standby", "busy", "useless")
    assert [deck.value("crabstick_actors_lost_total", state) for state in states] == [1, 1, 1, 1]


async def test_an_actor_whose_time_has_come_is_no_loss() -> None:
    deck = a_deck()
    (await deck.player()).end_game()
    await until(lambda: not deck.registry.members)
    deck.crew.kill((await deck.standby()).name)
    await deck.crew.settle()
    states = ("starting", "standby", "busy", "useless")
    assert [deck.value("crabstick_actors_lost_total", state) for state in states] == [0, 0, 0, 0]


async def test_an_unplayable_game_counts_as_aborted() -> None:
    deck = a_deck()
    actor = await deck.player()
    actor.end_game("unplayable", result="")
    await until(lambda: not deck.registry.members)
    assert deck.value("crabstick_games_finished_total", "aborted") == 1


async def test_an_actor_that_was_replaced_leaves_the_game_where_it_is() -> None:
    deck = a_deck()
    actor = await deck.player()
    actor.end_game("replaced", result="")
    await until(lambda: not deck.registry.members)
    assert [game.id for game in deck.registry.waiting()] == [GAME]
    assert deck.registry.games[GAME].takeovers == 0


async def test_the_death_of_a_busy_actor_costs_the_game_one_takeover() -> None:
    deck = a_deck()
    deck.runtime.lose_actor(await deck.player())
    await until(lambda: not deck.registry.members)
    game = deck.registry.games[GAME]
    assert (game.takeovers, game.deaths) == (1, 1)
    assert deck.value("crabstick_takeovers_total") == 1


async def test_an_actor_whose_code_fails_is_lost_too() -> None:
    deck = a_deck()
    (await deck.player()).fail("ValueError")
    await until(lambda: not deck.registry.members)
    assert deck.registry.games[GAME].takeovers == 1


async def test_the_death_of_a_standby_costs_no_game_anything() -> None:
    deck = a_deck()
    deck.runtime.lose_actor(await deck.standby())
    await until(lambda: not deck.registry.members)
    assert deck.value("crabstick_takeovers_total") == 0


async def test_the_suspects_game_costs_a_takeover_a_hand_over_does_not() -> None:
    deck = a_deck()
    first = await deck.player()
    second, third = await deck.standby(), await deck.standby()
    deck.crew.assign(GAME, second.name)
    assert deck.registry.games[GAME].takeovers == 0
    deck.registry.members[second.name].is_suspect = True
    deck.crew.assign(GAME, third.name)
    assert deck.registry.games[GAME].takeovers == 1
    assert first.name in deck.registry.members


async def test_a_game_that_cost_two_actors_is_played_by_the_embedded_engine() -> None:
    deck = a_deck()
    actor = await deck.standby()
    game = deck.registry.hear_of(GameUpdate(game=GAME))
    assert game is not None
    game.takeovers = game.deaths = 2
    deck.crew.assign(GAME, actor.name)
    await until(lambda: actor.assignments)
    given = actor.assignments[0]
    assert (given.engine, given.takeovers, given.deaths) == ("embedded", 2, 2)


async def test_a_game_whose_actors_fell_silent_keeps_its_engine() -> None:
    deck = a_deck()
    await deck.player()
    for _ in range(3):
        heir, owner = await deck.standby(), deck.registry.owner_of(GAME)
        assert owner is not None
        owner.is_suspect = True
        deck.crew.assign(GAME, heir.name)
    actor = (await until(lambda: deck.runtime.playing(GAME)[3:]))[0]
    assert actor.assignment
    assert (actor.assignment.engine, actor.assignment.takeovers) == ("own", 3)


async def test_a_busy_actor_is_pinged_until_its_game_is_over() -> None:
    deck = a_deck()
    actor = await deck.player()
    member = deck.registry.members[actor.name]
    heard = member.heard
    await until(lambda: member.heard > heard + timedelta(seconds=3))
    actor.end_game()
    await until(lambda: not deck.registry.members)


async def test_adoption_takes_over_whoever_lives() -> None:
    deck = a_deck()
    deck.runtime.enter("idle", "n1")
    deck.runtime.enter("busy", "n1", Assignment(game=GAME, epoch=4))
    await deck.crew.adopt()
    assert sorted(phase.value for phase in deck.phases()) == ["playing", "standby"]
    owner = deck.registry.owner_of(GAME)
    assert owner is not None
    assert (owner.name, owner.epoch) == ("engine:busy", 4)


async def test_an_adopted_actor_is_supervised() -> None:
    deck = a_deck()
    actor = deck.runtime.enter("busy", "n1", Assignment(game=GAME, epoch=4))
    await deck.crew.adopt()
    deck.runtime.lose_actor(actor)
    await until(lambda: not deck.registry.members)
    assert deck.registry.games[GAME].takeovers == 1


async def test_an_adopted_busy_actor_is_pinged() -> None:
    deck = a_deck()
    actor = deck.runtime.enter("busy", "n1", Assignment(game=GAME, epoch=4))
    await deck.crew.adopt()
    member = deck.registry.members[actor.name]
    adopted = deck.now()
    await until(lambda: member.heard > adopted + timedelta(seconds=3))


async def test_a_silent_actor_holds_the_adoption_up_for_five_seconds_only() -> None:
    deck = a_deck()
    deck.runtime.enter("dumb", "n1").hang()
    deck.runtime.enter("busy", "n1", Assignment(game=GAME, epoch=4))
    began_s = virtual_loop().time()
    await deck.crew.adopt()
    assert round(virtual_loop().time() - began_s, 3) == 5
    assert deck.registry.owner_of(GAME) is not None


async def test_an_actor_that_answers_late_is_adopted_late() -> None:
    deck = a_deck()
    actor = deck.runtime.enter("slow", "n1", Assignment(game=GAME, epoch=4))
    actor.lateness = timedelta(seconds=7)
    await deck.crew.adopt()
    assert deck.registry.owner_of(GAME) is None
    await until(lambda: deck.registry.owner_of(GAME) is not None)


async def test_an_adopted_actor_that_cannot_play_is_ended() -> None:
    deck = a_deck()
    deck.runtime.enter("poor", "n1").problem = "no token"
    await deck.crew.adopt()
    await until(lambda: deck.runtime.killed == ["engine:poor"])
    assert deck.crew.problem == "no token"


async def test_an_actor_that_never_answers_the_adoption_is_ended() -> None:
    deck = a_deck()
    deck.runtime.enter("dumb", "n1").hang()
    await deck.crew.adopt()
    await until(lambda: deck.runtime.killed == ["engine:dumb"])


async def test_an_actor_whose_work_is_done_is_not_kept() -> None:
    deck = a_deck()
    actor = deck.runtime.enter("done", "n1", Assignment(game=GAME, epoch=4))
    actor.end_game()
    await deck.crew.adopt()
    await until(lambda: not deck.registry.members)


async def test_adopting_twice_adopts_once() -> None:
    deck = a_deck()
    deck.runtime.enter("idle", "n1")
    await deck.crew.adopt()
    await deck.crew.adopt()
    assert len(deck.registry.members) == len(deck.runtime.supervised) == 1


async def test_an_actor_that_cannot_play_is_ended_and_says_why() -> None:
    deck = a_deck()
    deck.runtime.next_problem = "node n1: there is no Lichess token"
    deck.crew.spawn(a_config(), None)
    await until(lambda: deck.crew.problem)
    assert deck.crew.problem == "node n1: there is no Lichess token"
    assert deck.crew.no_spawn_before == deck.now() + timedelta(seconds=5)
    await until(lambda: not deck.runtime.actors)


async def test_the_problem_is_gone_with_the_first_actor_that_can_play() -> None:
    deck = a_deck()
    deck.runtime.next_problem = "no token"
    deck.crew.spawn(a_config(), None)
    await until(lambda: deck.crew.problem)
    deck.runtime.next_problem = ""
    await deck.standby()
    assert deck.crew.problem == ""


async def test_a_kill_that_ray_does_not_answer_is_survived() -> None:
    deck = a_deck()
    actor = await deck.standby()
    deck.runtime.is_away = True
    deck.crew.kill(ActorName(actor.name))
    await deck.crew.settle()
    assert deck.registry.members == {}
