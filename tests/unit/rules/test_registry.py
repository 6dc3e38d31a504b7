"""Operations and laws of the registry."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.rules.cluster_view import (
    DEFAULT_ENGINE,
    ActorPhase,
    Demand,
    EngineReport,
    GameRecord,
)
from crabstick.rules.lichess_types import ActorName, GameId, NodeId
from crabstick.rules.observation import Nodes, observe
from crabstick.rules.registry import REMEMBERED, ActorLost, GameTakenOver, Registry
from tests.builders import seconds

NOW = seconds(100)
GAME = GameId("abcdefgh")
OTHER = GameId("other123")
A, B, C = ActorName("engine:a"), ActorName("engine:b"), ActorName("engine:c")


def a_report(**changes: Any) -> EngineReport:
    fields: dict[str, Any] = {"node": NodeId("n1"), "phase": ActorPhase.STANDBY}
    return EngineReport(**{**fields, **changes})


def playing(epoch: int, **changes: Any) -> EngineReport:
    return a_report(phase=ActorPhase.PLAYING, game=GAME, epoch=epoch, **changes)


def a_registry(*games: GameId) -> Registry:
    registry = Registry()
    for game in games:
        registry, _ = registry.with_game(GameRecord(id=game))
    return registry


def with_actor(
    registry: Registry, name: ActorName = A, report: EngineReport | None = None
) -> Registry:
    registry, engine = registry.entered(name, NOW)
    return registry.described(engine, report or a_report(), NOW)


def with_player(registry: Registry, name: ActorName = A, game: GameId = GAME) -> Registry:
    return with_actor(registry, name).assigned(game, name, NOW)[0]


def test_an_update_without_details_erases_only_the_urgency() -> None:
    full = GameRecord(id=GAME, opponent="Alice", speed="blitz", urgency=seconds(9))
    registry, _ = Registry().with_game(full)
    _, game = registry.with_game(GameRecord(id=GAME))
    assert game == replace(full, urgency=None)


def test_a_game_is_fresh_until_it_has_had_an_actor() -> None:
    registry = a_registry(GAME)
    assert [game.is_fresh for game in registry.running()] == [True]
    registry = with_player(registry)
    registry = registry.removed(registry.engines[A])
    assert [game.is_fresh for game in registry.running()] == [False]


def test_an_old_update_does_not_bring_a_finished_game_back() -> None:
    registry, game = a_registry(GAME).ended(GAME)
    assert game is not None
    assert registry.with_game(GameRecord(id=GAME)) == (registry, None)


def test_only_so_many_finished_games_are_remembered() -> None:
    registry = Registry()
    for number in range(REMEMBERED + 1):
        registry, _ = registry.ended(GameId(str(number)))
    assert registry.with_game(GameRecord(id=GameId("0")))[1] is not None
    assert registry.with_game(GameRecord(id=GameId("1")))[1] is None


def test_an_assigned_game_has_one_owner_and_the_next_epoch() -> None:
    registry = with_actor(with_player(a_registry(GAME)), B)
    registry, _ = registry.assigned(GAME, B, NOW + seconds(1))
    owner = registry.owner_of(GAME)
    assert owner is not None
    assert (owner.name, owner.epoch, registry.last_game_start) == (B, 2, NOW + seconds(1))


@pytest.mark.parametrize(
    ("game", "actor", "epoch", "answer"),
    [(GAME, A, 1, True), (GAME, A, 2, False), (GAME, B, 1, False), (OTHER, A, 1, None)],
)
def test_a_claim_is_right_for_the_owner_only(
    game: GameId, actor: str, epoch: int, *, answer: bool | None
) -> None:
    assert with_player(a_registry(GAME)).is_owner(game, actor, epoch) is answer


def test_an_adopted_actor_keeps_its_game_and_what_the_game_has_cost() -> None:
    registry = with_actor(Registry(), A, playing(3, takeovers=2, deaths=1))
    game, engine = registry.games[GAME], registry.engines[A]
    assert (engine.phase, engine.game, engine.epoch) == (ActorPhase.PLAYING, GAME, 3)
    assert (game.epoch, game.takeovers, game.deaths) == (3, 2, 1)


@pytest.mark.parametrize("order", [(A, B), (B, A)])
def test_of_two_adopted_actors_the_later_epoch_owns_the_game(
    order: tuple[ActorName, ActorName],
) -> None:
    registry = Registry()
    for name in order:
        registry = with_actor(registry, name, playing({A: 1, B: 2}[name]))
    assert registry.is_owner(GAME, B, 2) is True


def test_a_game_that_was_assigned_meanwhile_is_not_given_back() -> None:
    registry, late = a_registry(GAME).entered(B, NOW)
    registry = with_player(registry).described(late, playing(7), NOW)
    assert registry.engines[B].phase is ActorPhase.ENDING
    assert registry.is_owner(GAME, A, 1) is True


def test_an_actor_of_a_finished_game_is_ending() -> None:
    registry, _ = a_registry().ended(GAME)
    registry = with_actor(registry, A, playing(1))
    assert (registry.engines[A].phase, registry.games) == (ActorPhase.ENDING, {})


def test_a_released_actor_is_a_standby_and_late_news_of_its_game_changes_nothing() -> None:
    registry = with_player(a_registry(GAME))
    earlier = registry.engines[A]
    registry, idle = registry.released(earlier, NOW + seconds(9))
    assert idle == registry.engines[A]
    assert (idle.phase, idle.game, idle.node) == (ActorPhase.STANDBY, None, earlier.node)
    assert registry.owner_of(GAME) is None
    late = playing(1, ply=30, problem="late", fingerprint="late")
    later = NOW + seconds(10)
    assert registry.described(earlier, late, later) == registry
    assert registry.suspected(earlier, later) == registry
    assert registry.leaving(earlier, later) == registry
    assert registry.cannot_leave(earlier) == registry
    assert registry.lost(earlier, "late", later) == (registry, ())
    assert registry.released(earlier, later) == (registry, None)
    assert registry.removed(earlier) == registry


def test_a_later_report_never_changes_the_owner() -> None:
    registry = with_player(a_registry(GAME))
    registry = registry.suspected(registry.engines[A], NOW)
    report = a_report(node=NodeId("n2"), ply=7)
    registry = registry.described(registry.engines[A], report, NOW + seconds(5))
    engine = registry.engines[A]
    assert (engine.phase, engine.game, engine.node) == (ActorPhase.PLAYING, GAME, "n2")
    assert (engine.ply, engine.last_seen, engine.is_suspect) == (7, NOW + seconds(5), False)


def test_a_late_report_of_an_earlier_actor_of_that_name_changes_nothing() -> None:
    registry, before = Registry().entered(A, NOW)
    registry, _ = registry.removed(before).entered(A, NOW)
    assert registry.described(before, playing(1), NOW) == registry
    assert registry.lost(before, "dead", NOW) == (registry, ())
    assert registry.removed(before) == registry


def test_the_death_of_the_owner_is_a_takeover_and_a_death() -> None:
    registry = with_player(a_registry(GAME))
    after, events = registry.lost(registry.engines[A], "dead", NOW)
    assert (after.games[GAME].takeovers, after.games[GAME].deaths) == (1, 1)
    assert [type(event) for event in events] == [ActorLost, GameTakenOver]
    assert after.doubtful_nodes(NOW) == {"n1"}


def test_a_suspect_costs_a_takeover_and_no_death_when_its_game_goes() -> None:
    registry = with_actor(with_player(a_registry(GAME)), B)
    registry = registry.suspected(registry.engines[A], NOW)
    registry, (event,) = registry.assigned(GAME, B, NOW)
    assert event == GameTakenOver(
        game=registry.games[GAME], why="the actor before is silent or cannot leave"
    )
    assert (registry.games[GAME].takeovers, registry.games[GAME].deaths) == (1, 0)


def test_a_game_that_lichess_calls_finished_is_not_wanted() -> None:
    registry = a_registry(GAME).finished(GAME, NOW)
    assert (registry.running(), registry.waiting()) == ([], [])
    assert registry.finished(GAME, NOW + seconds(1)) == registry


def test_our_turn_at_the_same_ply_twice_is_suspicious() -> None:
    registry = with_player(a_registry(GAME))
    registry, first = registry.listed(GAME, is_our_turn=True)
    _, second = registry.listed(GAME, is_our_turn=True)
    moved = registry.described(registry.engines[A], a_report(ply=2), NOW)
    assert (first, second) == (None, 0)
    assert moved.listed(GAME, is_our_turn=True)[1] is None
    assert registry.listed(GAME, is_our_turn=False)[1] is None


@pytest.mark.parametrize(
    ("node", "after_s", "is_late"), [("n1", 59, False), ("n1", 61, True), (None, 600, False)]
)
def test_an_actor_that_does_not_start_on_its_node_is_late(
    node: str | None, after_s: float, *, is_late: bool
) -> None:
    registry, _ = Registry().entered(A, NOW, None if node is None else NodeId(node))
    (view,) = observe(registry, Nodes(), NOW + seconds(after_s)).actors
    assert view.is_suspect == is_late
    slow = {DEFAULT_ENGINE: Demand(resources={"CPU": 1}, engine_start=seconds(120))}
    (view,) = observe(registry, Nodes(), NOW + seconds(after_s), slow).actors
    assert not view.is_suspect


Step = Callable[[Registry], Registry]
STEPS: list[Step] = [
    *(lambda r, game=game: r.with_game(GameRecord(id=game))[0] for game in (GAME, OTHER)),
    *(lambda r, game=game: r.ended(game)[0] for game in (GAME, OTHER)),
    *(lambda r, game=game: r.finished(game, NOW) for game in (GAME, OTHER)),
    *(lambda r, name=name: r.entered(name, NOW)[0] for name in (A, B, C)),
    *(lambda r, name=name: _assigned(r, name) for name in (A, B, C)),
    *(lambda r, name=name: _changed(r, name, Registry.removed) for name in (A, B, C)),
    *(lambda r, name=name: _changed(r, name, _lost) for name in (A, B, C)),
    *(lambda r, name=name: _changed(r, name, _released) for name in (A, B, C)),
    *(lambda r, name=name: _changed(r, name, _suspected) for name in (A, B, C)),
    *(lambda r, name=name: _changed(r, name, _standby) for name in (A, B, C)),
    *(lambda r, name=name: _changed(r, name, _adopted) for name in (A, B, C)),
]


def _changed(registry: Registry, name: ActorName, change: Callable[..., Registry]) -> Registry:
    engine = registry.engines.get(name)
    return registry if engine is None else change(registry, engine)


def _lost(registry: Registry, engine: Any) -> Registry:
    return registry.lost(engine, "dead", NOW)[0]


def _released(registry: Registry, engine: Any) -> Registry:
    """An actor is released when its game is over."""
    if engine.phase is not ActorPhase.PLAYING:
        return registry
    return registry.ended(engine.game)[0].released(engine, NOW)[0]


def _suspected(registry: Registry, engine: Any) -> Registry:
    return registry.suspected(engine, NOW)


def _standby(registry: Registry, engine: Any) -> Registry:
    return registry.described(engine, a_report(), NOW)


def _adopted(registry: Registry, engine: Any) -> Registry:
    return registry.described(engine, playing(2), NOW)


def _assigned(registry: Registry, name: ActorName) -> Registry:
    """A plan gives games to standbys only."""
    engine = registry.engines.get(name)
    if engine is None or engine.phase is not ActorPhase.STANDBY or not registry.games:
        return registry
    return registry.assigned(next(iter(registry.games)), name, NOW)[0]


@given(st.lists(st.sampled_from(STEPS), max_size=40))
def test_the_laws_hold_whatever_happens(steps: list[Step]) -> None:
    registry = Registry()
    for step in steps:
        before, registry = registry, step(registry)
        for game_id, game in registry.games.items():
            known = before.games.get(game_id, GameRecord(id=game_id))
            assert game.epoch >= known.epoch
            assert game.takeovers >= known.takeovers
            assert game.takeovers >= game.deaths
        assert not before.over.keys() & registry.games.keys()
        epochs = [(e.game, e.epoch) for e in registry.engines.values() if e.game is not None]
        assert len(epochs) == len(set(epochs))
        assert all(engine.serial <= registry.last_serial for engine in registry.engines.values())
