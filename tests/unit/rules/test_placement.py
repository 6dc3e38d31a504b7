"""Laws and cases of placement: who plays what, who waits, who goes."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from crabstick.rules.model import ActorName, GameId, NodeId
from crabstick.rules.placement import (
    Action,
    ActorPhase,
    ActorView,
    Assign,
    Capacity,
    Forfeit,
    Kill,
    NodeView,
    Observed,
    Spawn,
    WantedGame,
    plan,
)
from tests.builders import seconds

NOW = seconds(1000)
ONE = Capacity(standby=1, max_takeovers=5)
NODE = NodeId("n1")
ROOMY = (NodeView(id=NODE, free_slots=9),)


def a_game(name: str, **changes: object) -> WantedGame:
    return WantedGame(id=GameId(name), **changes)  # type: ignore[arg-type]  # a builder


def a_standby(name: str, node: str = "n1") -> ActorView:
    return ActorView(name=ActorName(name), phase=ActorPhase.STANDBY, node=NodeId(node))


def a_starting(name: str) -> ActorView:
    return ActorView(name=ActorName(name), phase=ActorPhase.STARTING)


def a_player(name: str, game: str, **changes: object) -> ActorView:
    fields: dict[str, object] = {"node": NODE, "epoch": 1, **changes}
    return ActorView(
        name=ActorName(name),
        phase=ActorPhase.PLAYING,
        game=GameId(game),
        **fields,  # type: ignore[arg-type]  # a builder
    )


def seen(*actors: ActorView, nodes: tuple[NodeView, ...] = ROOMY, **changes: object) -> Observed:
    return Observed(actors=actors, nodes=nodes, **changes)  # type: ignore[arg-type]  # a builder


def test_a_game_goes_to_the_standby() -> None:
    actions = plan([a_game("g")], seen(a_standby("a")), ONE, NOW)
    assert Assign(game=GameId("g"), actor=ActorName("a")) in actions


def test_a_game_that_is_played_is_left_alone() -> None:
    assert plan([a_game("g")], seen(a_player("a", "g"), a_standby("b")), ONE, NOW) == ()


def test_the_game_with_least_time_goes_first() -> None:
    games = [
        a_game("calm"),
        a_game("urgent", urgency=seconds(3)),
        a_game("soon", urgency=seconds(9)),
    ]
    actions = plan(games, seen(a_standby("a")), ONE, NOW)
    assert actions[0] == Assign(game=GameId("urgent"), actor=ActorName("a"))


def test_a_standby_on_the_busiest_node_is_taken() -> None:
    observed = seen(
        a_player("p", "old", node=NodeId("n2")), a_standby("a", "n1"), a_standby("b", "n2")
    )
    actions = plan([a_game("old"), a_game("g")], observed, ONE, NOW)
    assert actions[0] == Assign(game=GameId("g"), actor=ActorName("b"))


def test_a_standby_on_a_draining_node_takes_nothing_and_goes() -> None:
    nodes = (
        NodeView(id=NODE, free_slots=1, is_draining=True),
        NodeView(id=NodeId("n2"), free_slots=1),
    )
    actions = plan([], seen(a_standby("a"), nodes=nodes), ONE, NOW)
    assert actions == (Kill(actor=ActorName("a")), Spawn(node=NodeId("n2")))


def test_a_game_on_a_draining_node_moves_to_a_standby_elsewhere() -> None:
    nodes = (
        NodeView(id=NODE, free_slots=0, is_draining=True),
        NodeView(id=NodeId("n2"), free_slots=0),
    )
    observed = seen(a_player("a", "g"), a_standby("b", "n2"), nodes=nodes)
    assert plan([a_game("g")], observed, ONE, NOW)[0] == Assign(
        game=GameId("g"), actor=ActorName("b")
    )


def test_a_suspects_game_goes_to_a_standby() -> None:
    observed = seen(a_player("a", "g", is_suspect=True), a_standby("b"))
    assert plan([a_game("g")], observed, ONE, NOW)[0] == Assign(
        game=GameId("g"), actor=ActorName("b")
    )


def test_of_two_actors_on_one_game_the_older_epoch_ends() -> None:
    observed = seen(a_player("old", "g", epoch=1), a_player("new", "g", epoch=2), a_standby("s"))
    assert plan([a_game("g")], observed, ONE, NOW) == (Kill(actor=ActorName("old")),)


def test_games_that_wait_start_actors_at_once_but_not_all_of_them() -> None:
    games = [a_game(str(number)) for number in range(6)]
    actions = plan(games, seen(a_starting("a")), ONE, NOW)
    assert actions == (Spawn(node=NODE),) * 3


def test_a_spent_standby_is_replaced_one_at_a_time() -> None:
    assert plan([], seen(), Capacity(standby=3, max_takeovers=5), NOW) == (Spawn(node=NODE),)
    assert plan([], seen(a_starting("a")), Capacity(standby=3, max_takeovers=5), NOW) == ()


def test_no_standby_starts_while_a_game_makes_its_first_moves() -> None:
    observed = seen(a_player("a", "g"), last_game_start=NOW - seconds(1.9))
    assert plan([a_game("g")], observed, ONE, NOW) == ()


def test_a_surplus_standby_ends() -> None:
    assert plan([], seen(a_standby("a"), a_standby("b")), ONE, NOW) == (Kill(actor=ActorName("b")),)


def test_without_room_ray_is_asked_for_a_node() -> None:
    assert plan([], seen(nodes=()), ONE, NOW) == (Spawn(node=None),)


def test_a_game_that_cost_too_many_actors_is_forfeited() -> None:
    games = [a_game("g", takeovers=6)]
    assert plan(games, seen(a_standby("a")), ONE, NOW) == (Forfeit(game=GameId("g")),)


# The laws, on worlds that never were.

node_ids = st.sampled_from(["n1", "n2", "n3"]).map(NodeId)
game_ids = st.sampled_from([f"g{number}" for number in range(8)]).map(GameId)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[WantedGame], Observed, Capacity]:
    games = draw(
        st.lists(
            st.builds(
                WantedGame,
                id=game_ids,
                urgency=st.none() | st.timedeltas(seconds(0), seconds(600)),
                takeovers=st.integers(0, 7),
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
            ActorView(
                name=ActorName(f"a{number}"),
                phase=phase,
                node=draw(st.none() | node_ids),
                game=draw(game_ids) if plays else None,
                epoch=draw(st.integers(1, 5)) if plays else 0,
                is_suspect=draw(st.booleans()) if plays else False,
            )
        )
    nodes = draw(
        st.lists(
            st.builds(
                NodeView, id=node_ids, free_slots=st.integers(0, 4), is_draining=st.booleans()
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
def test_no_game_goes_to_two_actors_and_no_actor_gets_two_games(
    world: tuple[list[WantedGame], Observed, Capacity],
) -> None:
    given_out = assigns(plan(*world, NOW))
    assert max(Counter(action.game for action in given_out).values(), default=1) == 1
    assert max(Counter(action.actor for action in given_out).values(), default=1) == 1


@given(worlds())
def test_only_standbys_are_given_games(
    world: tuple[list[WantedGame], Observed, Capacity],
) -> None:
    standbys = {a.name for a in world[1].actors if a.phase is ActorPhase.STANDBY}
    assert {action.actor for action in assigns(plan(*world, NOW))} <= standbys


@given(worlds())
def test_who_is_given_a_game_is_not_killed(
    world: tuple[list[WantedGame], Observed, Capacity],
) -> None:
    actions = plan(*world, NOW)
    killed = {action.actor for action in actions if isinstance(action, Kill)}
    assert not killed & {action.actor for action in assigns(actions)}


@given(worlds())
def test_no_node_is_given_more_actors_than_it_has_room_for(
    world: tuple[list[WantedGame], Observed, Capacity],
) -> None:
    room = {n.id: n.free_slots for n in world[1].nodes if not n.is_draining}
    spawned = Counter(
        action.node for action in plan(*world, NOW) if isinstance(action, Spawn) and action.node
    )
    assert all(count <= room.get(node, 0) for node, count in spawned.items())


@given(worlds())
def test_the_order_in_which_things_are_told_does_not_matter(
    world: tuple[list[WantedGame], Observed, Capacity],
) -> None:
    games, observed, capacity = world
    shuffled = replace(observed, nodes=observed.nodes[::-1])
    once, again = plan(games, observed, capacity, NOW), plan(games[::-1], shuffled, capacity, NOW)
    assert sorted(map(repr, once)) == sorted(map(repr, again))


@given(worlds())
def test_the_plan_settles(world: tuple[list[WantedGame], Observed, Capacity]) -> None:
    """Carried out again and again, with every actor that starts arriving, nothing is left to do."""
    games, observed, capacity = world
    now: timedelta = NOW
    nodes = tuple(
        NodeView(id=n.id, free_slots=20, is_draining=n.is_draining) for n in observed.nodes
    )
    serial = 100
    for _ in range(60):
        now += seconds(3)
        actions = plan(games, observed, capacity, now)
        if not actions and not any(a.phase is ActorPhase.STARTING for a in observed.actors):
            return
        actors = {a.name: a for a in observed.actors}
        forfeited = {a.game for a in actions if isinstance(a, Forfeit)}
        games = [game for game in games if game.id not in forfeited]
        for action in actions:
            if isinstance(action, Kill):
                actors.pop(action.actor)
            elif isinstance(action, Assign):
                epoch = 1 + max(
                    (a.epoch for a in actors.values() if a.game == action.game), default=0
                )
                taken = actors[action.actor]
                actors[action.actor] = ActorView(
                    name=taken.name,
                    phase=ActorPhase.PLAYING,
                    node=taken.node,
                    game=action.game,
                    epoch=epoch,
                )
            elif isinstance(action, Spawn):
                serial += 1
                actors[ActorName(f"a{serial}")] = a_starting(f"a{serial}")
        fit = next((n.id for n in nodes if not n.is_draining), None)
        observed = Observed(
            actors=tuple(
                a_standby(a.name, fit or "elsewhere") if a.phase is ActorPhase.STARTING else a
                for a in actors.values()
            ),
            nodes=nodes,
        )
    raise AssertionError(f"still {plan(games, observed, capacity, now)}")
