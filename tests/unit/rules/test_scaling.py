"""Cases and laws of headroom and consolidation."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.rules.cluster_view import (
    DEFAULT_ENGINE,
    ActorPhase,
    Capacity,
    ClusterNode,
    Demand,
    EngineRecord,
    GameRecord,
    Observed,
)
from crabstick.rules.lichess_types import ActorName, GameId, NodeId
from crabstick.rules.placement import Action, Assign, Kill, RequestHandOver, Spawn, plan
from crabstick.rules.scaling import FITS_FOR, Consolidation, headroom
from tests.builders import seconds

counts = st.integers(0, 300)
wishes = st.integers(0, 20)


def test_without_traffic_it_is_what_the_owner_wants() -> None:
    assert [headroom(wish, 0, 0) for wish in (0, 1, 5)] == [0, 1, 5]


def test_a_single_game_keeps_a_place_for_another() -> None:
    assert headroom(1, 1, 1) == 1


@given(counts, counts)
def test_an_owner_who_wants_no_standby_has_none(begun: int, ended: int) -> None:
    assert headroom(0, begun, ended) == 0


def test_standbys_grow_slower_than_the_games() -> None:
    assert [headroom(1, games, games) for games in (10, 40, 160)] == [4, 7, 13]


def test_a_rush_without_ends_needs_more() -> None:
    assert headroom(1, 40, 0) == 7


@given(wishes, counts, counts)
def test_it_is_never_less_than_the_owners_wish(wish: int, begun: int, ended: int) -> None:
    assert headroom(wish, begun, ended) >= wish


@given(wishes, counts, counts, counts)
def test_more_games_never_mean_fewer_standbys(wish: int, begun: int, ended: int, more: int) -> None:
    assert headroom(wish, begun + more, ended) >= headroom(wish, begun, ended)


@given(wishes, counts, counts, st.timedeltas(seconds(1), seconds(300)))
def test_a_slower_node_means_no_fewer(wish: int, begun: int, ended: int, takes: timedelta) -> None:
    assert headroom(wish, begun, ended, takes * 2) >= headroom(wish, begun, ended, takes)


NOW = seconds(1000)
NONE = Capacity(standby=0, max_takeovers=5)
ONE = Capacity(standby=1, max_takeovers=5)
World = tuple[list[GameRecord], Observed]
A, B, C = NodeId("a"), NodeId("b"), NodeId("c")


def cluster(
    games: dict[NodeId, int], free: dict[NodeId, int], standbys: dict[NodeId, int] | None = None
) -> World:
    """A cluster with these games, free slots and standbys on each node."""
    actors, wanted = [], []
    for node, count in games.items():
        for number in range(count):
            game = GameId(f"{node}{number}")
            wanted.append(GameRecord(id=game, epoch=1))
            actors.append(an_actor(f"p-{game}", node, ActorPhase.PLAYING, game))
    for node, count in (standbys or {}).items():
        actors += [an_actor(f"s-{node}{n}", node, ActorPhase.STANDBY) for n in range(count)]
    nodes = tuple(a_node(node, count) for node, count in free.items())
    return wanted, Observed(actors=tuple(actors), nodes=nodes)


def a_node(node: NodeId, free: int) -> ClusterNode:
    return ClusterNode(id=node, total={"CPU": 9}, free={"CPU": free}, free_slots=free)


def after(
    state: Consolidation, wanted: list[GameRecord], observed: Observed, standby: int, now: timedelta
) -> Consolidation:
    """The next state of a bot with one engine."""
    wanted = [replace(game, engine=DEFAULT_ENGINE) for game in wanted]
    return state.after(wanted, observed, {DEFAULT_ENGINE: replace(NONE, standby=standby)}, now)


def an_actor(
    name: str, node: NodeId, phase: ActorPhase, game: GameId | None = None
) -> EngineRecord:
    return EngineRecord(
        name=ActorName(name),
        serial=1,
        phase=phase,
        since=NOW,
        last_seen=NOW,
        node=node,
        game=game,
        epoch=1,
    )


def after_a_while(
    wanted: list[GameRecord], observed: Observed, capacity: Capacity = NONE
) -> Consolidation:
    """The state when the cluster stays unchanged for a while."""
    found = Consolidation()
    for moment in (NOW, NOW + FITS_FOR):
        found = after(found, wanted, observed, capacity.standby, moment)
    return found


def test_the_node_with_the_fewest_games_is_emptied_when_they_fit_elsewhere() -> None:
    assert after_a_while(*cluster({A: 3, B: 1}, {A: 1, B: 3})).leaving == B


def test_no_node_is_emptied_at_the_first_tick() -> None:
    wanted, observed = cluster({A: 3, B: 1}, {A: 1, B: 3})
    once = after(Consolidation(), wanted, observed, 0, NOW)
    soon = after(once, wanted, observed, 0, NOW + FITS_FOR - seconds(1))
    assert (once.leaving, soon.leaving) == (None, None)


def test_a_slot_that_is_taken_meanwhile_restarts_the_time() -> None:
    free, full = cluster({A: 3, B: 1}, {A: 1, B: 3}), cluster({A: 4, B: 1}, {A: 0, B: 3})
    found = after(after(Consolidation(), *free, 0, NOW), *full, 0, NOW + seconds(5))
    assert after(found, *free, 0, NOW + FITS_FOR).leaving is None


def test_games_that_do_not_fit_stay() -> None:
    assert after_a_while(*cluster({A: 3, B: 2}, {A: 1, B: 2})).leaving is None


def test_the_standbys_need_their_places_too() -> None:
    games, free, standbys = {A: 2, B: 1}, {A: 1, B: 1}, {B: 1}
    assert after_a_while(*cluster(games, free, standbys), ONE).leaving is None
    roomy = cluster(games, {A: 2, B: 2}, standbys)
    assert after_a_while(*roomy, ONE).leaving == B


def test_no_node_is_emptied_into_one_that_is_empty() -> None:
    assert after_a_while(*cluster({A: 1}, {A: 3, B: 4})).leaving is None


def test_a_node_with_nothing_but_a_standby_goes_first() -> None:
    found = after_a_while(*cluster({A: 2, B: 1}, {A: 2, B: 3, C: 3}, {C: 1}), ONE)
    assert found.leaving == C


def test_nothing_moves_while_a_game_waits_an_actor_starts_or_a_node_drains() -> None:
    wanted, observed = cluster({A: 2, B: 1}, {A: 4, B: 3, C: 4})
    waits = [*wanted, GameRecord(id=GameId("waits"), epoch=1)]
    starts = replace(observed, actors=(*observed.actors, an_actor("n", A, ActorPhase.STARTING)))
    draining = (*observed.nodes[:2], replace(observed.nodes[2], drains_in=seconds(60)))
    drains = replace(observed, nodes=draining)
    busy = [(waits, observed), (wanted, starts), (wanted, drains)]
    assert [after_a_while(*world).leaving for world in busy] == [None] * 3


def test_a_node_that_is_emptied_hands_its_games_over_without_hurry() -> None:
    wanted, observed = cluster({A: 2, B: 1}, {A: 1, B: 3}, {A: 1})
    adjusted = after_a_while(wanted, observed).apply_to(observed)
    (request,) = (
        one for one in plan(wanted, adjusted, NONE, NOW) if isinstance(one, RequestHandOver)
    )
    assert request.actor == "p-b0"
    assert request.within > timedelta(minutes=30)


def test_games_that_come_meanwhile_come_first() -> None:
    wanted, observed = cluster({A: 2, B: 1}, {A: 1, B: 3})
    leaving = after_a_while(wanted, observed)
    more = [*wanted, GameRecord(id=GameId("new"), epoch=1)]
    assert leaving.leaving == B
    assert after(leaving, more, observed, 0, NOW).leaving is None


def test_consolidation_ends_when_the_node_is_empty() -> None:
    leaving = Consolidation(leaving=B)
    assert after(leaving, *cluster({A: 2}, {A: 2, B: 4}), 0, NOW).leaving is None


some = st.integers(0, 4)
games_by_node = st.fixed_dictionaries({A: some, B: some, C: some})
worlds = st.builds(cluster, games_by_node, games_by_node, games_by_node)
capacities = st.builds(Capacity, standby=st.integers(0, 3), max_takeovers=st.just(5))


@given(worlds, capacities)
def test_consolidation_requests_no_node(world: World, capacity: Capacity) -> None:
    wanted, observed = world
    found = after_a_while(wanted, observed, capacity)
    actions = plan(wanted, found.apply_to(observed), capacity, NOW)
    calls = [one for one in actions if isinstance(one, Spawn) and one.node is None]
    assert found.leaving is None or calls == []


@given(worlds, capacities)
def test_only_actors_on_the_emptied_node_are_asked_to_leave(
    world: World, capacity: Capacity
) -> None:
    wanted, observed = world
    found = after_a_while(wanted, observed, capacity)
    actors = {actor.name: actor for actor in observed.actors}
    asked = [
        actors[one.actor].node
        for one in plan(wanted, found.apply_to(observed), capacity, NOW)
        if isinstance(one, RequestHandOver)
    ]
    assert set(asked) <= {found.leaving}


@given(worlds, capacities)
def test_consolidation_comes_to_rest_on_no_more_nodes_and_loses_no_game(
    world: World, capacity: Capacity
) -> None:
    wanted, observed = world
    began, found, now = busy(observed), Consolidation(), NOW
    for _ in range(60):
        now += FITS_FOR
        found = after(found, wanted, observed, capacity.standby, now)
        actions = plan(wanted, found.apply_to(observed), capacity, now)
        observed = carried_out(actions, observed)
    played = {actor.game for actor in observed.actors if actor.phase is ActorPhase.PLAYING}
    assert found.leaving is None
    assert {game.id for game in wanted} <= played
    assert len(busy(observed)) <= len(began) + capacity.standby


def busy(observed: Observed) -> set[NodeId | None]:
    return {actor.node for actor in observed.actors}


def carried_out(actions: tuple[Action, ...], observed: Observed) -> Observed:
    """The cluster afterwards; no further node comes."""
    actors = {actor.name: actor for actor in observed.actors}
    total = Counter({node.id: node.free_slots for node in observed.nodes})
    total.update(actor.node for actor in observed.actors if actor.node)
    for number, action in enumerate(actions):
        match action:
            case Kill(actor=name) | RequestHandOver(actor=name):
                del actors[name]
            case Assign(game=game, actor=name):
                node = actors[name].node
                assert node is not None
                actors[name] = an_actor(name, node, ActorPhase.PLAYING, game)
            case Spawn(node=node) if node is not None:
                fresh = f"{max(actors, default='z')}+{number}"
                actors[ActorName(fresh)] = an_actor(fresh, node, ActorPhase.STANDBY)
            case _:
                pass
    for actor in actors.values():
        if actor.node:
            total[actor.node] -= 1
    nodes = tuple(a_node(node.id, total[node.id]) for node in observed.nodes)
    return replace(observed, actors=tuple(actors.values()), nodes=nodes)


CPU, GPU = Demand(resources={"CPU": 1}), Demand(resources={"CPU": 1, "GPU": 0.25})
DEMANDS = {"default": CPU, "leela": GPU}
CAPACITIES = {
    "default": Capacity(standby=0, max_takeovers=5, demand=CPU),
    "leela": Capacity(standby=1, max_takeovers=5, demand=GPU),
}
Actors = dict[str, tuple[NodeId, str, bool]]
"""Name -> its node, its engine, and whether it plays."""


def a_mixed_world(actors: Actors, cards: dict[NodeId, int], cpus: int = 6) -> Observed:
    """Nodes with CPUs and perhaps a GPU; each game is called as its actor."""
    nodes = []
    for node, count in cards.items():
        total: dict[str, float] = {"CPU": cpus, "GPU": count}
        left = total
        for where, engine, _ in actors.values():
            left = DEMANDS[engine].left_of(left) if where == node else left
        nodes.append(ClusterNode(id=node, total=total, free=left))
    return Observed(
        actors=tuple(
            replace(
                an_actor(
                    name,
                    node,
                    ActorPhase.PLAYING if plays else ActorPhase.STANDBY,
                    GameId(name) if plays else None,
                ),
                engine=engine,
            )
            for name, (node, engine, plays) in actors.items()
        ),
        nodes=tuple(nodes),
    )


def games_of(observed: Observed) -> list[GameRecord]:
    return [
        GameRecord(id=actor.game, epoch=1, engine=actor.engine)
        for actor in observed.actors
        if actor.game is not None
    ]


def left_by(observed: Observed) -> NodeId | None:
    found = Consolidation()
    for moment in (NOW, NOW + FITS_FOR):
        found = found.after(games_of(observed), observed, CAPACITIES, moment)
    return found.leaving


@pytest.mark.parametrize(
    ("actors", "cards", "leaves"),
    [
        ({"s": (A, "leela", False), "p": (B, "default", True)}, {A: 1, B: 0}, None),
        ({"s": (A, "leela", False), "p": (B, "leela", True)}, {A: 1, B: 1}, A),
        ({"s": (A, "leela", False), "p": (A, "leela", True), "d": (B, "default", True)}, {}, None),
        ({"s": (A, "leela", False), "p": (A, "default", True), "q": (C, "leela", True)}, {}, C),
        ({"s": (A, "leela", False), "p": (B, "default", True), "q": (C, "default", True)}, {}, A),
    ],
)
def test_a_node_is_emptied_if_what_each_engine_has_there_fits_on_others(
    actors: Actors, cards: dict[NodeId, int], leaves: NodeId | None
) -> None:
    assert left_by(a_mixed_world(actors, cards or {A: 1, B: 0, C: 1})) == leaves


def test_an_actor_that_waits_for_a_gpu_keeps_no_other_node() -> None:
    actors: Actors = {"p": (A, "default", True), "q": (B, "default", True)}
    waits = replace(an_actor("w", A, ActorPhase.STARTING), node=None, engine="leela")
    observed = a_mixed_world(actors, {A: 0, B: 0})
    assert left_by(replace(observed, actors=(*observed.actors, waits))) == A


mixed_actors = st.dictionaries(
    st.sampled_from([f"n{number}" for number in range(9)]),
    st.tuples(st.sampled_from([A, B, C]), st.sampled_from([*DEMANDS]), st.booleans()),
)


def has_room(observed: Observed) -> bool:
    return all(min(node.free.values()) >= 0 for node in observed.nodes)


mixed_worlds = st.builds(
    a_mixed_world, mixed_actors, st.fixed_dictionaries({n: st.integers(0, 2) for n in (A, B, C)})
).filter(has_room)


def calls_for_nodes(observed: Observed, found: Consolidation) -> dict[str, int]:
    """How many actors of each engine have no place on a node, at one tick."""
    calls = {}
    for engine, demand in DEMANDS.items():
        seen = found.apply_to(observed).of(engine, demand)
        games = [game for game in games_of(observed) if game.engine == engine]
        actions = plan(games, seen, CAPACITIES[engine], NOW)
        calls[engine] = sum(isinstance(one, Spawn) and one.node is None for one in actions)
    return calls


@given(mixed_worlds)
def test_with_several_engines_consolidation_requests_no_node_either(observed: Observed) -> None:
    leaving = calls_for_nodes(observed, Consolidation(leaving=left_by(observed)))
    assert leaving == calls_for_nodes(observed, Consolidation())


@given(mixed_worlds)
def test_the_only_node_with_a_gpu_is_not_emptied_while_an_actor_needs_it(
    observed: Observed,
) -> None:
    cards = [node.id for node in observed.nodes if node.total["GPU"]]
    needing = {actor.node for actor in observed.actors if actor.engine == "leela"}
    found = left_by(observed)
    assert found is None or len(cards) > 1 or found not in cards or found not in needing


@given(mixed_worlds)
def test_no_engine_without_a_gpu_is_gathered_on_a_node_with_one(observed: Observed) -> None:
    found = left_by(observed)
    cards = {node.id for node in observed.nodes if node.total["GPU"]}
    plain = {
        actor.node
        for actor in observed.actors
        if actor.engine == "default" and actor.game is not None and actor.node not in cards
    }
    is_there_already = any(
        actor.engine == "default" and actor.game is None and actor.node in cards
        for actor in observed.actors
    )
    is_allowed = found in cards | {None} or found not in plain or len(plain) > 1
    assert is_allowed or is_there_already


def test_a_new_actor_without_a_need_for_a_gpu_goes_to_a_node_without_one() -> None:
    observed = a_mixed_world({"p": (A, "default", True), "s": (B, "leela", True)}, {A: 1, B: 0})
    (spawn,) = plan([], observed.of("default", CPU), replace(ONE, standby=1), NOW)[-1:]
    assert spawn == Spawn(node=B)


def test_actors_of_all_engines_make_a_node_busy() -> None:
    observed = a_mixed_world({"s": (B, "leela", True)}, {A: 1, B: 1})
    assert plan([], observed.of("default", CPU), ONE, NOW) == (Spawn(node=B),)
