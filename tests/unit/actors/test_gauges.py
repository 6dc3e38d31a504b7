"""What the metrics show of a moment, and what adds up with time."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.worker_set.gauges import Durations, Gauges
from crabstick import __version__
from crabstick.rules.cluster_view import ActorPhase, NodeView
from crabstick.rules.model import ActorName, GameId, NodeId
from crabstick.rules.registry import Registry
from crabstick.rules.registry_records import EngineRecord, EngineReport, GameRecord
from crabstick.telemetry.metrics import Ledger

START_S = 1000.0
A_DAY_S = 86_400.0


class Stand:
    """A registry that is looked at, on a clock that is ours."""

    def __init__(self) -> None:
        self.now_s = START_S
        self.registry = Registry()
        self.nodes: list[NodeView] = []
        self.gauges = Gauges(Ledger(), lambda: self.now_s)

    @property
    def now(self) -> timedelta:
        return timedelta(seconds=self.now_s)

    def node(self, name: str, free_slots: int = 0, *, drains: bool = False) -> None:
        left = timedelta(seconds=60) if drains else None
        self.nodes = [node for node in self.nodes if node.id != name]
        self.nodes.append(NodeView(id=NodeId(name), free_slots=free_slots, drains_in=left))

    def starting(self, name: str) -> EngineRecord:
        self.registry, engine = self.registry.entered(ActorName(f"engine:{name}"), self.now)
        return engine

    def standby(self, name: str, node: str = "n1") -> EngineRecord:
        engine = self.starting(name)
        report = EngineReport(node=NodeId(node), phase=ActorPhase.STANDBY)
        self.registry = self.registry.described(engine, report, self.now)
        return engine

    def game(self, game: str) -> None:
        self.registry, _ = self.registry.with_game(GameRecord(id=GameId(game)))

    def player(self, game: str, name: str, node: str = "n1") -> EngineRecord:
        engine = self.standby(name, node)
        self.game(game)
        self.assign(game, engine)
        return self.registry.engines[engine.name]

    def assign(self, game: str, engine: EngineRecord) -> None:
        self.registry, _ = self.registry.assigned(GameId(game), engine.name, self.now)

    def ends(self, engine: EngineRecord) -> None:
        self.registry = self.registry.removed(engine)

    def after(self, seconds: float) -> Callable[..., float]:
        """Updates the gauges when so much time has passed; returns a reader of metrics."""
        self.now_s += seconds
        self.gauges.show(self.registry, self.nodes)
        values: Any = self.gauges.ledger.snapshot()["values"]
        return lambda name, label="": values[f"crabstick_{name}"][label]


def test_games_and_actors_are_counted_by_their_state() -> None:
    stand = Stand()
    stand.player("playing1", "a")
    stand.game("waiting1")
    stand.starting("b")
    stand.standby("c")
    see = stand.after(1)
    assert (see("games", "playing"), see("games", "waiting")) == (1, 1)
    assert [see("actors", state) for state in ("starting", "standby", "busy")] == [1, 1, 1]


def test_nodes_that_leave_have_no_room_to_offer() -> None:
    stand = Stand()
    stand.node("n1", 3)
    stand.node("n2", 5, drains=True)
    see = stand.after(1)
    assert (see("nodes", "alive"), see("nodes", "draining"), see("free_slots")) == (1, 1, 3)


def test_the_longest_wait_is_that_of_the_first_game_that_still_waits() -> None:
    stand = Stand()
    stand.game("waiting1")
    stand.after(0)
    stand.game("waiting2")
    assert stand.after(4)("game_wait_seconds", "new") == 4
    assert stand.after(6)("game_wait_seconds", "new") == 10
    stand.assign("waiting1", stand.standby("a"))
    assert stand.after(0)("game_wait_seconds", "new") == 6


def test_a_game_that_has_begun_waits_from_the_loss_of_its_actor_on() -> None:
    stand = Stand()
    player = stand.player("abcdefgh", "a")
    stand.after(30)
    stand.ends(player)
    stand.after(0)
    see = stand.after(5)
    assert (see("game_wait_seconds", "begun"), see("game_wait_seconds", "new")) == (5, 0)
    stand.assign("abcdefgh", stand.standby("b"))
    assert stand.after(5)("game_wait_seconds", "begun") == 0


def test_a_start_is_as_old_as_the_oldest_one() -> None:
    stand = Stand()
    stand.starting("a")
    stand.after(20)
    stand.starting("b")
    assert stand.after(10)("actor_start_seconds") == 30
    stand.registry = Registry()
    assert stand.after(10)("actor_start_seconds") == 0


def test_a_drain_is_as_old_as_the_node_that_began_first() -> None:
    stand = Stand()
    stand.node("n1")
    assert stand.after(10)("drain_age_seconds", "empty") == 0
    stand.node("n1", drains=True)
    stand.after(0)
    stand.node("n2", drains=True)
    assert stand.after(30)("drain_age_seconds", "empty") == 30
    stand.nodes = stand.nodes[1:]
    assert stand.after(1)("drain_age_seconds", "empty") == 1


def test_the_drain_of_a_node_with_a_game_is_told_from_that_of_an_empty_one() -> None:
    stand = Stand()
    stand.node("n1", drains=True)
    stand.after(0)
    stand.node("n2", drains=True)
    player = stand.player("abcdefgh", "a", "n2")
    stand.after(20)
    see = stand.after(10)
    assert (see("drain_age_seconds", "busy"), see("drain_age_seconds", "empty")) == (10, 30)
    stand.ends(player)
    stand.nodes = stand.nodes[1:]
    see = stand.after(5)
    assert (see("drain_age_seconds", "busy"), see("drain_age_seconds", "empty")) == (0, 15)


def test_games_on_nodes_that_leave_are_told_apart() -> None:
    stand = Stand()
    stand.node("n1")
    stand.node("n2", drains=True)
    stand.player("abcdefgh", "a", "n1")
    stand.player("ijklmnop", "b", "n2")
    stand.standby("c", "n2")
    assert stand.after(1)("games_on_draining_nodes") == 1


def test_the_time_of_a_node_counts_for_what_runs_on_it() -> None:
    stand = Stand()
    stand.after(5)  # nobody has looked at the nodes yet
    for name in ("n1", "n2", "n3"):
        stand.node(name)
    stand.player("abcdefgh", "a", "n1")
    stand.standby("b", "n1")
    stand.standby("c", "n2")
    see = stand.after(10)
    states = ("busy", "standby", "idle")
    assert [see("node_seconds_total", state) for state in states] == [10, 10, 10]
    stand.registry = Registry()
    see = stand.after(5)
    assert [see("node_seconds_total", state) for state in states] == [10, 10, 25]


@given(st.lists(st.tuples(st.floats(0, A_DAY_S), st.integers(0, 5)), max_size=20))
def test_no_second_of_a_node_is_lost_or_counted_twice(
    looks: list[tuple[float, int]],
) -> None:
    stand, expected_s = Stand(), 0.0
    for passed_s, count in looks:
        stand.nodes = [NodeView(id=NodeId(f"n{n}"), free_slots=0) for n in range(count)]
        stand.after(passed_s)
        expected_s += passed_s * count
    see = stand.after(0)
    counted_s = sum(see("node_seconds_total", state) for state in ("busy", "standby", "idle"))
    assert counted_s == pytest.approx(expected_s, abs=1e-3)


@given(st.lists(st.tuples(st.floats(0.01, 100), st.sets(st.sampled_from("abc"))), max_size=20))
def test_what_lasts_is_as_old_as_the_looks_that_saw_it_without_a_gap(
    looks: list[tuple[float, set[str]]],
) -> None:
    lasting, now_s = Durations[str](), 0.0
    seen: list[tuple[float, set[str]]] = []
    for passed_s, things in looks:
        now_s += passed_s
        seen.append((now_s, things))
        ages_s = [now_s - _first_s(thing, seen) for thing in things]
        assert lasting.longest_s(things, now_s) == pytest.approx(max(ages_s, default=0))


def _first_s(thing: str, seen: list[tuple[float, set[str]]]) -> float:
    """When it was there without a gap until now."""
    first_s = seen[-1][0]
    for at_s, things in reversed(seen):
        if thing not in things:
            break
        first_s = at_s
    return first_s


def test_who_runs_and_since_when_is_told_from_the_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("actors.worker_set.gauges.time.time", lambda: 1_700_000_000.5)
    values: Any = Gauges(Ledger(), lambda: START_S).ledger.snapshot()["values"]
    assert values["crabstick_start_time_seconds"] == {"": 1_700_000_000.5}
    assert values["crabstick_build_info"] == {__version__: 1}
