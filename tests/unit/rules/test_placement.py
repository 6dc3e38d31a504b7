"""Cases and laws of placement."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.rules.cluster_view import (
    ActorPhase,
    Capacity,
    ClusterNode,
    EngineRecord,
    GameRecord,
    Observed,
)
from crabstick.rules.lichess_types import ActorName, GameId, NodeId
from crabstick.rules.placement import (
    Action,
    Assign,
    Forfeit,
    Kill,
    RequestHandOver,
    Spawn,
    plan,
    room,
)
from tests.builders import seconds

NOW = seconds(1000)
ONE = Capacity(standby=1, max_takeovers=5)
NONE = Capacity(standby=0, max_takeovers=5)
NODE = NodeId("n1")
ROOMY = (ClusterNode(id=NODE, free_slots=9, cores=4),)
DRAINING = ClusterNode(id=NODE, free_slots=0, drains_in=seconds(100))
FULL = ClusterNode(id=NodeId("n2"), free_slots=0)


def a_game(name: str, **changes: object) -> GameRecord:
    """A game that has had an actor."""
    fields: dict[str, object] = {"epoch": 1, **changes}
    return GameRecord(id=GameId(name), **fields)  # type: ignore[arg-type]  # a builder


def an_actor(name: str, phase: ActorPhase, **changes: object) -> EngineRecord:
    fields: dict[str, object] = {"serial": 1, "since": NOW, "last_seen": NOW, **changes}
    return EngineRecord(name=ActorName(name), phase=phase, **fields)  # type: ignore[arg-type]  # a builder


def a_standby(name: str, node: str = "n1") -> EngineRecord:
    return an_actor(name, ActorPhase.STANDBY, node=NodeId(node))


def a_starting(name: str) -> EngineRecord:
    return an_actor(name, ActorPhase.STARTING)


def a_player(name: str, game: str, **changes: object) -> EngineRecord:
    fields = {"node": NODE, "epoch": 1, **changes}
    return an_actor(name, ActorPhase.PLAYING, game=GameId(game), **fields)


def n2(free_slots: int) -> ClusterNode:
    return ClusterNode(id=NodeId("n2"), free_slots=free_slots, cores=4)


def assign(game: str, actor: str) -> Assign:
    return Assign(game=GameId(game), actor=ActorName(actor))


def kill(actor: str) -> Kill:
    return Kill(actor=ActorName(actor))


def cluster(
    *actors: EngineRecord, nodes: tuple[ClusterNode, ...] = ROOMY, **changes: object
) -> Observed:
    return Observed(actors=actors, nodes=nodes, **changes)  # type: ignore[arg-type]  # a builder


def test_a_game_that_is_played_is_left_alone() -> None:
    assert plan([a_game("g")], cluster(a_player("a", "g"), a_standby("b")), ONE, NOW) == ()


def test_a_game_that_cost_too_many_actors_is_resigned_after_the_last() -> None:
    game, capacity = a_game("g", deaths=3), Capacity(standby=0, max_takeovers=2)
    assert plan([game], cluster(a_player("a", "g")), capacity, NOW) == ()
    assert plan([game], cluster(), capacity, NOW) == (Forfeit(game=game.id),)


def test_an_actor_that_is_late_with_its_start_delays_no_game() -> None:
    late = replace(a_starting("a"), node=NODE, is_suspect=True)
    other = (n2(1),)
    assert plan([a_game("g")], cluster(late, nodes=other), NONE, NOW) == (Spawn(node=NodeId("n2")),)
    assert room([], cluster(late, nodes=(FULL,))) == 0


def test_while_actors_cannot_start_only_standbys_are_room() -> None:
    observed = cluster(a_standby("a"), replace(a_starting("b"), node=NODE))
    assert room([], observed) == 11
    assert room([], observed, can_actors_start=False) == 1


def test_the_game_with_least_time_goes_first() -> None:
    games = [
        a_game("calm"),
        a_game("urgent", urgency=seconds(3)),
        a_game("soon", urgency=seconds(9)),
    ]
    actions = plan(games, cluster(a_standby("a")), ONE, NOW)
    assert actions[0] == assign("urgent", "a")


def test_a_standby_on_the_busiest_node_is_taken() -> None:
    observed = cluster(
        a_player("p", "old", node=NodeId("n2")), a_standby("a", "n1"), a_standby("b", "n2")
    )
    actions = plan([a_game("old"), a_game("g")], observed, ONE, NOW)
    assert actions[0] == assign("g", "b")


def test_a_standby_on_a_draining_node_takes_nothing_and_goes() -> None:
    nodes = (DRAINING, n2(1))
    actions = plan([], cluster(a_standby("a"), nodes=nodes), ONE, NOW)
    assert actions == (kill("a"), Spawn(node=NodeId("n2")))


def test_a_standby_on_a_draining_node_goes_also_while_games_wait() -> None:
    observed = cluster(a_standby("a"), a_starting("b"), nodes=(DRAINING, FULL))
    assert plan([a_game("g")], observed, ONE, NOW) == (kill("a"),)


# Hand-overs.


def on_a_draining_node(*actors: EngineRecord, left_s: float = 100, games: int = 1) -> Observed:
    """Games `g0` ... on a node that drains, and these actors elsewhere."""
    players = [a_player(f"p{number}", f"g{number}") for number in range(games)]
    return cluster(*players, *actors, nodes=(replace(DRAINING, drains_in=seconds(left_s)), FULL))


def leaving(observed: Observed, *names: str) -> Observed:
    leaves = dict.fromkeys(names, NOW + seconds(98))
    actors = tuple(replace(a, leave_by=leaves.get(a.name)) for a in observed.actors)
    return replace(observed, actors=actors)


def hand_over(actor: str, within_s: float = 98) -> RequestHandOver:
    return RequestHandOver(actor=ActorName(actor), within=seconds(within_s))


def test_an_actor_on_a_draining_node_is_asked_to_hand_its_game_over() -> None:
    observed = on_a_draining_node(a_standby("s", "n2"))
    assert plan([a_game("g0")], observed, ONE, NOW)[0] == hand_over("p0")


def test_it_is_asked_once_and_the_standby_is_reserved_for_its_game() -> None:
    observed = leaving(on_a_draining_node(a_standby("s", "n2")), "p0")
    assert plan([a_game("g0")], observed, NONE, NOW) == ()


@pytest.mark.parametrize(("left_s", "again"), [(30, True), (99.5, False), (200, False)])
def test_it_is_asked_again_when_its_node_ends_sooner(left_s: float, *, again: bool) -> None:
    observed = leaving(on_a_draining_node(a_standby("s", "n2"), left_s=left_s), "p0")
    expected = (hand_over("p0", left_s - 2),) if again else ()
    assert plan([a_game("g0")], observed, NONE, NOW) == expected


def test_a_game_without_an_actor_goes_to_the_standby() -> None:
    observed = cluster(a_standby("s", "n2"), nodes=(DRAINING, FULL))
    assert plan([a_game("g0")], observed, NONE, NOW) == (assign("g0", "s"),)


@pytest.mark.parametrize(("left_s", "within_s"), [(30, 28), (2, 0), (1, 0), (0, 0)])
def test_the_hand_over_ends_two_seconds_before_the_node(left_s: int, within_s: int) -> None:
    observed = on_a_draining_node(a_standby("s", "n2"), left_s=left_s)
    assert plan([a_game("g0")], observed, ONE, NOW)[0] == hand_over("p0", within_s)


def test_without_a_standby_elsewhere_a_game_stays_and_an_actor_is_spawned() -> None:
    assert plan([a_game("g0")], on_a_draining_node(), ONE, NOW) == (Spawn(node=None),)


def test_nodes_are_requested_for_all_games_at_once() -> None:
    games = [a_game(f"g{number}") for number in range(9)]
    assert plan(games, on_a_draining_node(games=9), ONE, NOW) == (Spawn(node=None),) * 9
    pending = [a_starting(f"s{number}") for number in range(9)]
    assert plan(games, on_a_draining_node(*pending, games=9), ONE, NOW) == ()


@pytest.mark.parametrize(("left_s", "at_once"), [(100, 1), (44, 4)])
def test_where_there_is_room_actors_start_calmly_unless_the_time_is_short(
    left_s: float, at_once: int
) -> None:
    games = [a_game(f"g{number}") for number in range(9)]
    other = n2(6)
    draining = replace(DRAINING, drains_in=seconds(left_s))
    observed = replace(on_a_draining_node(games=9), nodes=(draining, other))
    spawns = plan(games, observed, ONE, NOW)
    assert spawns == (*[Spawn(node=other.id)] * at_once, *[Spawn(node=None)] * 3)


def test_standbys_start_one_by_one_but_nodes_are_requested_at_once() -> None:
    three = Capacity(standby=3, max_takeovers=5)
    assert plan([], cluster(), three, NOW) == (Spawn(node=NODE),)
    assert plan([], cluster(a_starting("a")), three, NOW) == ()
    assert plan([], cluster(nodes=(FULL,)), three, NOW) == (Spawn(node=None),) * 3
    assert plan([], cluster(a_starting("a"), nodes=(FULL,)), three, NOW) == (Spawn(node=None),) * 2


def test_surplus_actors_that_wait_for_a_node_are_killed() -> None:
    pending = [a_starting(name) for name in "abc"]
    ends = (kill("a"), kill("b"))
    assert plan([], cluster(*pending, nodes=(FULL,)), ONE, NOW) == ends
    assert plan([a_game("g")], cluster(*pending, nodes=(FULL,)), ONE, NOW) == ends[:1]
    for others in ({"node": NODE}, {"is_adopted": True}):
        stay = [replace(actor, **others) for actor in pending]
        assert plan([], cluster(*stay, nodes=(FULL,)), ONE, NOW) == ()


def test_a_calm_start_waits_for_the_one_before_and_for_quiet() -> None:
    games = [a_game("g0"), a_game("g1")]
    other = n2(6)
    calm = replace(on_a_draining_node(games=2), nodes=(DRAINING, other))
    assert plan(games, calm, ONE, NOW) == (Spawn(node=other.id),)
    busy = replace(calm, actors=(*calm.actors, a_starting("s")))
    assert plan(games, busy, ONE, NOW) == ()
    assert plan(games, replace(calm, last_game_start=NOW - seconds(1.9)), ONE, NOW) == ()


def test_the_game_with_the_least_time_is_handed_over_first() -> None:
    observed = cluster(
        a_player("calm", "g1", time_left=seconds(90)),
        a_player("clockless", "g2"),
        a_player("urgent", "g3", time_left=seconds(9)),
        a_standby("s", "n2"),
        nodes=(DRAINING, FULL),
    )
    games = [a_game("g1"), a_game("g2"), a_game("g3")]
    assert plan(games, observed, ONE, NOW)[0] == hand_over("urgent")


def test_the_game_whose_node_ends_soon_is_handed_over_before_those_with_less_time() -> None:
    spot = replace(DRAINING, id=NodeId("spot"), drains_in=seconds(20))
    observed = cluster(
        a_player("urgent", "g1", time_left=seconds(9)),
        a_player("soon", "g2", node=spot.id, time_left=seconds(300)),
        a_standby("s", "n2"),
        nodes=(DRAINING, spot, FULL),
    )
    assert plan([a_game("g1"), a_game("g2")], observed, ONE, NOW)[0] == hand_over("soon", 18)


def test_an_actor_that_starts_on_a_draining_node_does_not_count() -> None:
    lost = replace(a_starting("t"), node=NODE)
    assert plan([a_game("g")], cluster(lost, nodes=(DRAINING, FULL)), NONE, NOW) == (
        Spawn(node=None),
    )
    assert room([], cluster(lost, nodes=(DRAINING, FULL))) == 0


def test_a_reserved_standby_counts_for_no_other_hand_over() -> None:
    observed = leaving(on_a_draining_node(a_standby("s", "n2"), games=2), "p0")
    assert plan([a_game("g0"), a_game("g1")], observed, ONE, NOW) == (Spawn(node=None),)


def test_a_new_game_does_not_take_a_reserved_standby() -> None:
    observed = leaving(on_a_draining_node(a_standby("s", "n2")), "p0")
    fresh = a_game("new", epoch=0)
    assert plan([fresh, a_game("g0")], observed, ONE, NOW) == (Spawn(node=None),)


def test_a_game_that_lost_its_actor_takes_a_reserved_standby() -> None:
    observed = leaving(on_a_draining_node(a_standby("s", "n2")), "p0")
    games = [a_game("g0"), a_game("lost")]
    assert plan(games, observed, ONE, NOW) == (
        assign("lost", "s"),
        Spawn(node=None),
    )


def test_a_game_that_was_left_goes_before_a_new_one() -> None:
    games = [a_game("new", epoch=0, urgency=seconds(1)), a_game("left")]
    actions = plan(games, cluster(a_standby("s")), ONE, NOW)
    assert actions[0] == assign("left", "s")


def test_an_actor_whose_node_vanished_while_it_leaves_keeps_its_reserved_standby() -> None:
    observed = leaving(on_a_draining_node(a_standby("s", "n2")), "p0")
    gone = replace(observed, nodes=(FULL,))
    assert plan([a_game("g0")], gone, NONE, NOW) == ()


def test_room_is_the_capacity_that_no_game_needs() -> None:
    roomy = n2(3)
    placed = replace(a_starting("t"), node=NodeId("n2"))
    observed = cluster(a_standby("s", "n2"), placed, nodes=(roomy,))
    assert room([], observed) == 5
    assert room([a_game("waits")], observed) == 4


def test_an_actor_that_waits_for_a_node_is_no_room() -> None:
    assert room([a_game("g")], cluster(a_player("p", "g"), a_starting("t"), nodes=(FULL,))) == 0


def test_an_actor_whose_game_is_over_is_room_unless_its_node_drains() -> None:
    done = a_player("p", "over")
    ending = replace(done, name=ActorName("e"), phase=ActorPhase.ENDING)
    assert room([], cluster(done, ending, nodes=(FULL,))) == 2
    assert room([a_game("over")], cluster(done, ending, nodes=(FULL,))) == 1
    assert room([], cluster(done, ending, nodes=(DRAINING, FULL))) == 0


def test_games_that_have_to_move_take_room_and_a_draining_node_has_none() -> None:
    stranded, reserved = a_standby("a"), a_standby("b", "n2")
    observed = on_a_draining_node(stranded, reserved, games=3)
    games = [a_game(f"g{number}") for number in range(3)]
    nodes = (replace(DRAINING, free_slots=5), n2(4))
    assert room(games, replace(observed, nodes=nodes)) == 1 + 4 - 3
    assert room(games, observed) == 1 - 3


def test_the_game_of_a_suspect_goes_to_a_standby() -> None:
    observed = cluster(a_player("a", "g", is_suspect=True), a_standby("b"))
    assert plan([a_game("g")], observed, ONE, NOW)[0] == assign("g", "b")


def test_of_two_actors_on_one_game_the_older_epoch_is_killed() -> None:
    observed = cluster(a_player("old", "g", epoch=1), a_player("new", "g", epoch=2), a_standby("s"))
    assert plan([a_game("g")], observed, ONE, NOW) == (kill("old"),)


@pytest.mark.parametrize(("cores", "more"), [(4, 3), (2, 1), (1, 0), (0.5, 0)])
def test_waiting_games_start_as_many_actors_at_once_as_there_are_cores(
    cores: float, more: int
) -> None:
    games = [a_game(str(number)) for number in range(6)]
    nodes = (replace(ROOMY[0], cores=cores),)
    actions = plan(games, cluster(a_starting("a"), nodes=nodes), ONE, NOW)
    assert actions == (Spawn(node=NODE),) * more


AGES = (("b", 59.9), ("old", 60))


def test_a_surplus_standby_stays_for_a_while_where_nodes_stay() -> None:
    patient = replace(ONE, keep_idle=seconds(60))
    young, old = (replace(a_standby(name), since=NOW - seconds(age_s)) for name, age_s in AGES)
    assert plan([], cluster(a_standby("a"), young, old), patient, NOW) == (kill("old"),)


def test_a_surplus_standby_is_killed() -> None:
    assert plan([], cluster(a_standby("a"), a_standby("b")), ONE, NOW) == (kill("b"),)


# Nodes in doubt.

DOUBTFUL = ClusterNode(id=NODE, free_slots=5, is_doubtful=True)


def test_a_game_goes_to_a_standby_outside_of_nodes_in_doubt() -> None:
    nodes = (DOUBTFUL, n2(0))
    observed = cluster(a_player("p", "old"), a_standby("a"), a_standby("b", "n2"), nodes=nodes)
    actions = plan([a_game("old"), a_game("g")], observed, ONE, NOW)
    assert actions[0] == assign("g", "b")


def test_a_node_in_doubt_gets_one_actor_and_the_others_wait_for_a_node() -> None:
    games = [a_game("g"), a_game("h")]
    assert plan(games, cluster(nodes=(DOUBTFUL, FULL)), NONE, NOW) == (
        Spawn(node=NODE),
        Spawn(node=None),
    )
    tried = cluster(replace(a_starting("t"), node=NODE), nodes=(DOUBTFUL, FULL))
    assert plan(games, tried, NONE, NOW) == (Spawn(node=None),) * 2
    asked = replace(tried, actors=(*tried.actors, a_starting("u"), a_starting("v")))
    assert plan(games, asked, NONE, NOW) == ()


def test_a_trusted_slot_is_used_although_actors_without_a_node_are_starting() -> None:
    """Ray may have put them on the node in doubt."""
    pending = [a_starting("u"), a_starting("v")]
    healthy = n2(1)
    games = [a_game("g"), a_game("h")]
    observed = cluster(replace(a_starting("t"), node=NODE), *pending, nodes=(DOUBTFUL, healthy))
    assert plan(games, observed, NONE, NOW) == (Spawn(node=healthy.id),)
    stays = replace(DOUBTFUL, is_doubtful=False)
    too_many = (kill("u"),)
    assert plan(games, replace(observed, nodes=(stays, healthy)), NONE, NOW) == too_many


def test_a_standby_in_doubt_is_better_than_none() -> None:
    actions = plan([a_game("g")], cluster(a_standby("a"), nodes=(DOUBTFUL,)), NONE, NOW)
    assert actions == (assign("g", "a"),)


def test_actors_start_on_trusted_nodes_first() -> None:
    nodes = (DOUBTFUL, n2(1))
    assert plan([], cluster(nodes=nodes), ONE, NOW) == (Spawn(node=NodeId("n2")),)
    assert plan([], cluster(nodes=(DOUBTFUL,)), ONE, NOW) == (Spawn(node=NODE),)


def test_a_game_does_not_wait_for_an_actor_that_starts_on_a_node_in_doubt() -> None:
    starts = replace(a_starting("t"), node=NODE)
    nodes = (DOUBTFUL, n2(1))
    assert plan([a_game("g")], cluster(starts, nodes=nodes), NONE, NOW) == (
        Spawn(node=NodeId("n2")),
    )
    assert plan([a_game("g")], cluster(starts, nodes=(DOUBTFUL,)), NONE, NOW) == ()


# Laws, on random clusters.

World = tuple[list[GameRecord], Observed, Capacity]

node_ids = st.sampled_from(["n1", "n2", "n3"]).map(NodeId)
game_ids = st.sampled_from([f"g{number}" for number in range(8)]).map(GameId)
left = st.timedeltas(seconds(0), seconds(600))


@st.composite
def worlds(draw: st.DrawFn) -> World:
    games = draw(
        st.lists(
            st.builds(
                GameRecord,
                id=game_ids,
                urgency=st.none() | left,
                deaths=st.integers(0, 7),
                epoch=st.integers(0, 1),
            ),
            unique_by=lambda game: game.id,
        )
    )
    count = draw(st.integers(0, 8))
    actors = []
    for number in range(count):
        phase = draw(st.sampled_from(ActorPhase))
        plays = phase is ActorPhase.PLAYING
        actors.append(
            an_actor(
                f"a{number}",
                phase,
                node=draw(st.none() | node_ids),
                game=draw(game_ids) if plays else None,
                epoch=draw(st.integers(1, 5)) if plays else 0,
                is_suspect=draw(st.booleans()) if plays else False,
                leave_by=draw(st.sampled_from([None, NOW + seconds(9), NOW + seconds(3598)]))
                if plays
                else None,
                time_left=draw(st.none() | left) if plays else None,
            )
        )
    nodes = draw(
        st.lists(
            st.builds(
                ClusterNode,
                id=node_ids,
                free_slots=st.integers(0, 4),
                drains_in=st.none() | left,
                is_doubtful=st.booleans(),
            ),
            unique_by=lambda node: node.id,
        )
    )
    observed = Observed(
        actors=tuple(actors),
        nodes=tuple(nodes),
        last_game_start=draw(st.none() | st.timedeltas(seconds(990), NOW)),
    )
    capacity = Capacity(standby=draw(st.integers(0, 4)), max_takeovers=draw(st.integers(0, 6)))
    return games, observed, capacity


def assigns(actions: tuple[Action, ...]) -> list[Assign]:
    return [action for action in actions if isinstance(action, Assign)]


@given(worlds())
def test_no_game_goes_to_two_actors_and_no_actor_gets_two_games(world: World) -> None:
    assigned = assigns(plan(*world, NOW))
    assert max(Counter(action.game for action in assigned).values(), default=1) == 1
    assert max(Counter(action.actor for action in assigned).values(), default=1) == 1


@given(worlds())
def test_only_standbys_are_given_games(world: World) -> None:
    standbys = {a.name for a in world[1].actors if a.phase is ActorPhase.STANDBY}
    assert {action.actor for action in assigns(plan(*world, NOW))} <= standbys


@given(worlds())
def test_an_actor_that_gets_a_game_is_not_killed(world: World) -> None:
    actions = plan(*world, NOW)
    killed = {action.actor for action in actions if isinstance(action, Kill)}
    assert not killed & {action.actor for action in assigns(actions)}


@given(worlds())
def test_no_node_is_given_more_actors_than_it_has_room_for(world: World) -> None:
    room = {n.id: n.free_slots for n in world[1].nodes if not n.is_draining}
    spawned = Counter(
        action.node for action in plan(*world, NOW) if isinstance(action, Spawn) and action.node
    )
    assert all(count <= room.get(node, 0) for node, count in spawned.items())


@given(worlds())
def test_the_order_of_games_and_nodes_does_not_matter(world: World) -> None:
    games, observed, capacity = world
    shuffled = replace(observed, nodes=observed.nodes[::-1])
    once, again = plan(games, observed, capacity, NOW), plan(games[::-1], shuffled, capacity, NOW)
    assert sorted(map(repr, once)) == sorted(map(repr, again))


@given(worlds())
def test_no_actor_leaves_a_game_without_a_reserved_standby(world: World) -> None:
    games, observed, _ = world
    actions = plan(*world, NOW)
    leaving = leaving_owners(games, observed)
    asked = {action.actor for action in actions if isinstance(action, RequestHandOver)}
    gone = {action.actor for action in actions if isinstance(action, Assign | Kill)}
    free = [actor for actor in usable_standbys(observed) if actor.name not in gone]
    assert asked <= leaving or len(asked | leaving) <= len(free)


@given(worlds())
def test_a_new_game_takes_no_reserved_standby_in_any_cluster(world: World) -> None:
    games, observed, capacity = world
    games = [game for game in games if game.deaths <= capacity.max_takeovers]
    assigned = assigns(plan(games, observed, capacity, NOW))
    fresh = {game.id for game in games if game.is_fresh}
    free = len(usable_standbys(observed)) - len(assigned)
    if any(action.game in fresh for action in assigned):
        assert len(leaving_owners(games, observed)) <= free


@given(worlds())
def test_only_owners_on_draining_nodes_are_asked_to_leave(world: World) -> None:
    ends = {node.id: node.drains_in for node in world[1].nodes}
    actors = {actor.name: actor for actor in world[1].actors}
    for action in plan(*world, NOW):
        if isinstance(action, RequestHandOver):
            actor = actors[action.actor]
            assert actor.phase is ActorPhase.PLAYING
            assert actor.leave_by is None or NOW + action.within < actor.leave_by
            assert actor.node is not None
            assert action.within <= (ends[actor.node] or timedelta(0))


def usable_standbys(observed: Observed) -> list[EngineRecord]:
    draining = {node.id for node in observed.nodes if node.is_draining}
    standbys = [actor for actor in observed.actors if actor.phase is ActorPhase.STANDBY]
    return [actor for actor in standbys if actor.node not in draining]


def leaving_owners(games: list[GameRecord], observed: Observed) -> set[ActorName]:
    latest: dict[GameId | None, EngineRecord] = {}
    for actor in sorted(observed.actors, key=lambda actor: (actor.epoch, actor.name)):
        if actor.phase is ActorPhase.PLAYING:
            latest[actor.game] = actor
    owners = [latest[game.id] for game in games if game.id in latest]
    return {owner.name for owner in owners if owner.is_leaving and not owner.is_suspect}


@given(worlds())
def test_the_plan_settles(world: World) -> None:
    """With every started actor arriving, repeated plans come to an end."""
    games, observed, capacity = world
    observed = replace(observed, nodes=tuple(replace(n, free_slots=20) for n in observed.nodes))
    now: timedelta = NOW
    for _ in range(60):
        now += seconds(3)
        actions = plan(games, observed, capacity, now)
        busy = (actor.is_leaving or actor.phase is ActorPhase.STARTING for actor in observed.actors)
        if not actions and not any(busy):
            assert not left_behind(games, observed)
            return
        forfeited = {action.game for action in actions if isinstance(action, Forfeit)}
        games = [game for game in games if game.id not in forfeited]
        observed = after(actions, observed)
    raise AssertionError(f"still {plan(games, observed, capacity, now)}")


def after(actions: tuple[Action, ...], observed: Observed) -> Observed:
    """The cluster a moment later: starting actors stand by, leaving actors have left."""
    actors = {actor.name: arrived(actor, observed) for actor in observed.actors}
    actors = {name: actor for name, actor in actors.items() if not actor.is_leaving}
    for action in actions:
        match action:
            case Kill(actor=name):
                actors.pop(name, None)
            case RequestHandOver(actor=name) if name in actors:  # else it has just left
                actors[name] = replace(actors[name], leave_by=NOW + action.within)
            case Assign(game=game, actor=name):
                epoch = max((a.epoch for a in actors.values() if a.game == game), default=0) + 1
                actors[name] = a_player(name, game, node=actors[name].node, epoch=epoch)
            case Spawn():
                fresh = f"{max(actors, default='a')}+"  # a free name
                actors[ActorName(fresh)] = a_starting(fresh)
            case RequestHandOver() | Forfeit():
                pass
    return replace(observed, actors=tuple(actors.values()), last_game_start=None)


def arrived(actor: EngineRecord, observed: Observed) -> EngineRecord:
    if actor.phase is not ActorPhase.STARTING:
        return actor
    stable = (node.id for node in observed.nodes if not node.is_draining)
    return a_standby(actor.name, next(stable, NodeId("elsewhere")))


def left_behind(games: list[GameRecord], observed: Observed) -> list[EngineRecord]:
    """Actors that still play or stand by on a draining node."""
    draining = {node.id for node in observed.nodes if node.is_draining}
    wanted = {game.id for game in games}
    return [
        actor
        for actor in observed.actors
        if actor.node in draining
        and (actor.phase is ActorPhase.STANDBY or actor.game in wanted)
        and not actor.is_suspect
    ]
