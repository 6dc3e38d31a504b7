"""Who owns which game, whatever is heard in whatever order."""

from datetime import timedelta
from typing import Any

import pytest

from actors.messages import Claim, Description, GameUpdate, Progress
from actors.worker_set.registry import REMEMBERED, EngineRecord, Registry
from crabstick.rules.cluster_view import ActorPhase, WantedGame
from crabstick.rules.model import ActorName, GameId, NodeId
from tests.builders import seconds

NOW = seconds(100)
GAME = GameId("abcdefgh")
A, B = ActorName("engine:a"), ActorName("engine:b")


def a_description(name: str = A, **changes: Any) -> Description:
    fields: dict[str, Any] = {
        "name": name,
        "node": "n1",
        "pid": 1,
        "fingerprint": "f",
        "phase": "standby",
    }
    return Description(**{**fields, **changes})


def playing(name: str, epoch: int, **changes: Any) -> Description:
    return a_description(name, phase="playing", game=GAME, epoch=epoch, **changes)


def a_roster(*games: str) -> Registry:
    registry = Registry()
    for game in games:
        registry.hear_of(GameUpdate(game=game))
    return registry


def with_standby(registry: Registry, name: ActorName = A) -> EngineRecord:
    member = registry.enter(name, NOW)
    registry.hear_from(member, a_description(name), NOW)
    return member


def test_news_are_kept_and_emptier_news_erase_nothing() -> None:
    registry = a_roster()
    registry.hear_of(GameUpdate(game=GAME, opponent="Alice", speed="blitz", left_ms=9000))
    registry.hear_of(GameUpdate(game=GAME))
    game = registry.games[GAME]
    assert (game.opponent, game.speed, game.urgency) == ("Alice", "blitz", None)


def test_a_game_with_little_time_is_urgent() -> None:
    registry = a_roster()
    registry.hear_of(GameUpdate(game=GAME, left_ms=9000))
    assert registry.wanted() == [WantedGame(id=GAME, urgency=seconds(9), is_fresh=True)]


def test_a_game_is_fresh_until_it_has_had_an_actor() -> None:
    registry = a_roster(GAME)
    with_standby(registry)
    assert [game.is_fresh for game in registry.wanted()] == [True]
    registry.assign(GAME, A, NOW)
    del registry.members[A]
    assert [game.is_fresh for game in registry.wanted()] == [False]


@pytest.mark.parametrize(
    ("progress", "left"),
    [
        (Progress(color="white", white_ms=9000, black_ms=1000), seconds(9)),
        (Progress(color="black", white_ms=9000, black_ms=1000), seconds(1)),
        (Progress(color="white"), None),
        (Progress(), None),
    ],
)
def test_the_plan_sees_our_clock_as_the_actor_tells_it(
    progress: Progress, left: timedelta | None
) -> None:
    registry = a_roster()
    registry.hear_from(registry.enter(A, NOW), a_description(progress=progress), NOW)
    assert [view.time_left for view in registry.views(NOW)] == [left]


def test_old_news_do_not_bring_a_finished_game_back() -> None:
    registry = a_roster(GAME)
    registry.end(GAME)
    assert registry.hear_of(GameUpdate(game=GAME)) is None
    assert registry.games == {}


def test_only_so_many_finished_games_are_remembered() -> None:
    registry = a_roster()
    for number in range(REMEMBERED + 1):
        registry.end(GameId(str(number)))
    assert registry.hear_of(GameUpdate(game="0")) is not None
    assert registry.hear_of(GameUpdate(game="1")) is None


def test_ending_a_game_that_nobody_knows_is_no_mistake() -> None:
    assert a_roster().end(GAME) is None


def test_an_actor_that_describes_itself_is_a_standby() -> None:
    registry = a_roster()
    member = with_standby(registry)
    assert (member.phase, member.node) == (ActorPhase.STANDBY, "n1")


def test_a_game_that_is_given_away_has_one_owner_and_the_next_epoch() -> None:
    registry = a_roster(GAME)
    with_standby(registry, A)
    with_standby(registry, B)
    registry.assign(GAME, A, NOW)
    registry.assign(GAME, B, NOW + seconds(1))
    owner = registry.owner_of(GAME)
    assert owner is not None
    assert (owner.name, owner.epoch, registry.last_game_start) == (B, 2, NOW + seconds(1))


@pytest.mark.parametrize(
    ("claim", "answer"),
    [
        (Claim(game=GAME, actor=A, epoch=1), True),
        (Claim(game=GAME, actor=A, epoch=2), False),
        (Claim(game=GAME, actor=B, epoch=1), False),
        (Claim(game="elsewher", actor=A, epoch=1), None),
    ],
)
def test_a_claim_is_good_for_the_owner_only(claim: Claim, answer: bool | None) -> None:  # noqa: FBT001 -- a table
    registry = a_roster(GAME)
    with_standby(registry)
    registry.assign(GAME, A, NOW)
    assert registry.owns(claim) == answer


def test_an_adopted_actor_keeps_its_game_and_what_the_game_has_cost() -> None:
    registry = a_roster()
    member = registry.enter(A, NOW)
    registry.hear_from(member, playing(A, 3, takeovers=2), NOW)
    assert (member.phase, member.game, member.epoch) == (ActorPhase.PLAYING, GAME, 3)
    assert (registry.games[GAME].epoch, registry.games[GAME].takeovers) == (3, 2)


@pytest.mark.parametrize("order", [(A, B), (B, A)])
def test_of_two_adopted_actors_on_one_game_the_later_epoch_owns_it(
    order: tuple[ActorName, ActorName],
) -> None:
    registry = a_roster()
    epochs = {A: 1, B: 2}
    for name in order:
        registry.hear_from(registry.enter(name, NOW), playing(name, epochs[name]), NOW)
    assert registry.owns(Claim(game=GAME, actor=B, epoch=2)) is True
    assert registry.owns(Claim(game=GAME, actor=A, epoch=1)) is False


def test_an_older_actor_that_comes_late_is_ending() -> None:
    registry = a_roster()
    registry.hear_from(registry.enter(B, NOW), playing(B, 2), NOW)
    late = registry.enter(A, NOW)
    registry.hear_from(late, playing(A, 1), NOW)
    assert (late.phase, late.game) == (ActorPhase.ENDING, None)


def test_a_game_that_was_given_away_meanwhile_is_not_given_back() -> None:
    registry = a_roster(GAME)
    late = registry.enter(B, NOW)
    with_standby(registry, A)
    registry.assign(GAME, A, NOW)
    registry.hear_from(late, playing(B, 7), NOW)
    assert late.phase is ActorPhase.ENDING
    assert registry.owns(Claim(game=GAME, actor=A, epoch=1)) is True


def test_an_actor_at_a_finished_game_is_ending() -> None:
    registry = a_roster()
    registry.end(GAME)
    member = registry.enter(A, NOW)
    registry.hear_from(member, playing(A, 1), NOW)
    assert (member.phase, registry.games) == (ActorPhase.ENDING, {})


def test_a_later_word_changes_where_and_how_but_never_who_owns_what() -> None:
    registry = a_roster(GAME)
    member = with_standby(registry)
    registry.assign(GAME, A, NOW)
    member.is_suspect = True
    told = a_description(A, node="n2", progress=Progress(ply=7))
    registry.hear_from(member, told, NOW + seconds(5))
    assert (member.phase, member.game, member.node) == (ActorPhase.PLAYING, GAME, "n2")
    assert (member.progress.ply, member.heard, member.is_suspect) == (7, NOW + seconds(5), False)


def test_a_game_that_lichess_calls_finished_is_not_wanted_any_more() -> None:
    registry = a_roster(GAME)
    registry.games[GAME].finished_at = NOW
    assert (registry.wanted(), registry.waiting()) == ([], [])


def test_games_without_an_actor_wait() -> None:
    registry = a_roster(GAME, "other123")
    with_standby(registry)
    registry.assign(GAME, A, NOW)
    assert [game.id for game in registry.waiting()] == ["other123"]


def test_only_busy_actors_have_a_pulse_and_lost_nodes_condemn() -> None:
    registry = a_roster(GAME)
    with_standby(registry, A)
    with_standby(registry, B)
    registry.assign(GAME, A, NOW)
    heartbeats = [registry.heartbeats({NodeId("n1")}), registry.heartbeats({NodeId("n2")})]
    assert [[(p.actor, p.heard, p.is_condemned) for p in some] for some in heartbeats] == [
        [(A, NOW, False)],
        [(A, NOW, True)],
    ]


def test_the_plan_sees_what_the_roster_knows() -> None:
    registry = a_roster(GAME)
    with_standby(registry)
    registry.assign(GAME, A, NOW)
    view = registry.views(NOW)[0]
    assert (view.name, view.phase, view.node, view.game, view.epoch) == (
        A,
        ActorPhase.PLAYING,
        "n1",
        GAME,
        1,
    )
    assert registry.count(ActorPhase.PLAYING) == 1


@pytest.mark.parametrize(
    ("node", "after_s", "is_late"), [("n1", 59, False), ("n1", 61, True), (None, 600, False)]
)
def test_who_has_a_node_and_does_not_come_up_there_is_late(
    node: str | None,
    after_s: float,
    is_late: bool,  # noqa: FBT001 -- both ways
) -> None:
    """Without a node it waits for one that may have to be bought."""
    registry = a_roster()
    registry.enter(A, NOW, None if node is None else NodeId(node))
    (view,) = registry.views(NOW + seconds(after_s))
    assert view.is_suspect == is_late
