"""The gauges of a moment, the counter of node time, and the health of the listener."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from actors.messages import ListenerStatus
from actors.worker_set.telemetry import Durations, Gauges, ListenerHealth, MemoryHealth
from crabstick import __version__
from crabstick.game.rate_limits import RateLimits
from crabstick.rules.cluster_view import (
    ActorPhase,
    ClusterNode,
    EngineRecord,
    EngineReport,
    GameRecord,
)
from crabstick.rules.lichess_types import ActorName, GameId, NodeId
from crabstick.rules.registry import Registry
from crabstick.telemetry.bot_metrics import BotMetrics
from crabstick.telemetry.logs import get_logger
from tests.unit.virtual_time import virtual_loop

START_S = 1000.0
A_DAY_S = 86_400.0


class Scene:
    """A registry and nodes, whose gauges are updated on the test's clock."""

    def __init__(self) -> None:
        self.now_s = START_S
        self.registry = Registry()
        self.nodes: list[ClusterNode] = []
        self.metrics = BotMetrics()
        self.gauges = Gauges(self.metrics, lambda: self.now_s)

    @property
    def now(self) -> timedelta:
        return timedelta(seconds=self.now_s)

    def node(self, name: str, free_slots: int = 0, *, drains: bool = False) -> None:
        left = timedelta(seconds=60) if drains else None
        self.nodes = [node for node in self.nodes if node.id != name]
        self.nodes.append(ClusterNode(id=NodeId(name), free_slots=free_slots, drains_in=left))

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
        """Updates the gauges after that time; returns a function that reads a metric."""
        self.now_s += seconds
        self.gauges.update(self.registry, self.nodes, RateLimits(lambda: self.now_s))
        return self.value

    def value(self, name: str, label: str = "") -> float:
        values: Any = self.metrics.snapshot()["values"]
        return float(values[f"crabstick_{name}"][label])


def test_games_and_actors_are_counted_by_their_state() -> None:
    scene = Scene()
    scene.player("playing1", "a")
    scene.game("waiting1")
    scene.starting("b")
    scene.standby("c")
    value = scene.after(1)
    assert (value("games", "playing"), value("games", "waiting")) == (1, 1)
    assert [value("actors", state) for state in ("starting", "standby", "busy")] == [1, 1, 1]


def test_a_draining_node_has_no_free_slots() -> None:
    scene = Scene()
    scene.node("n1", 3)
    scene.node("n2", 5, drains=True)
    value = scene.after(1)
    assert (value("nodes", "alive"), value("nodes", "draining"), value("free_slots")) == (1, 1, 3)


def test_the_longest_wait_is_that_of_the_oldest_waiting_game() -> None:
    scene = Scene()
    scene.game("waiting1")
    scene.after(0)
    scene.game("waiting2")
    assert scene.after(4)("game_wait_seconds", "new") == 4
    assert scene.after(6)("game_wait_seconds", "new") == 10
    scene.assign("waiting1", scene.standby("a"))
    assert scene.after(0)("game_wait_seconds", "new") == 6


def test_a_game_that_has_begun_waits_from_the_loss_of_its_actor_on() -> None:
    scene = Scene()
    player = scene.player("abcdefgh", "a")
    scene.after(30)
    scene.ends(player)
    scene.after(0)
    value = scene.after(5)
    assert (value("game_wait_seconds", "begun"), value("game_wait_seconds", "new")) == (5, 0)
    scene.assign("abcdefgh", scene.standby("b"))
    assert scene.after(5)("game_wait_seconds", "begun") == 0


def test_a_start_is_as_old_as_the_oldest_one() -> None:
    scene = Scene()
    scene.starting("a")
    scene.after(20)
    scene.starting("b")
    assert scene.after(10)("actor_start_seconds") == 30
    scene.registry = Registry()
    assert scene.after(10)("actor_start_seconds") == 0


def test_a_drain_is_as_old_as_the_node_that_began_first() -> None:
    scene = Scene()
    scene.node("n1")
    assert scene.after(10)("drain_age_seconds", "empty") == 0
    scene.node("n1", drains=True)
    scene.after(0)
    scene.node("n2", drains=True)
    assert scene.after(30)("drain_age_seconds", "empty") == 30
    scene.nodes = scene.nodes[1:]
    assert scene.after(1)("drain_age_seconds", "empty") == 1


def test_drains_of_nodes_with_a_game_are_measured_apart() -> None:
    scene = Scene()
    scene.node("n1", drains=True)
    scene.after(0)
    scene.node("n2", drains=True)
    player = scene.player("abcdefgh", "a", "n2")
    scene.after(20)
    value = scene.after(10)
    assert (value("drain_age_seconds", "busy"), value("drain_age_seconds", "empty")) == (10, 30)
    scene.ends(player)
    scene.nodes = scene.nodes[1:]
    value = scene.after(5)
    assert (value("drain_age_seconds", "busy"), value("drain_age_seconds", "empty")) == (0, 15)


def test_games_on_draining_nodes_are_counted() -> None:
    scene = Scene()
    scene.node("n1")
    scene.node("n2", drains=True)
    scene.player("abcdefgh", "a", "n1")
    scene.player("ijklmnop", "b", "n2")
    scene.standby("c", "n2")
    assert scene.after(1)("games_on_draining_nodes") == 1


def test_the_time_of_a_node_counts_for_what_runs_on_it() -> None:
    scene = Scene()
    scene.after(5)  # no nodes are known yet
    for name in ("n1", "n2", "n3"):
        scene.node(name)
    scene.player("abcdefgh", "a", "n1")
    scene.standby("b", "n1")
    scene.standby("c", "n2")
    value = scene.after(10)
    states = ("busy", "standby", "idle")
    assert [value("node_seconds_total", state) for state in states] == [10, 10, 10]
    scene.registry = Registry()
    value = scene.after(5)
    assert [value("node_seconds_total", state) for state in states] == [10, 10, 25]


@given(st.lists(st.tuples(st.floats(0, A_DAY_S), st.integers(0, 5)), max_size=20))
def test_no_second_of_a_node_is_lost_or_counted_twice(
    updates: list[tuple[float, int]],
) -> None:
    scene, expected_s = Scene(), 0.0
    for passed_s, count in updates:
        scene.nodes = [ClusterNode(id=NodeId(f"n{n}"), free_slots=0) for n in range(count)]
        scene.after(passed_s)
        expected_s += passed_s * count
    value = scene.after(0)
    counted_s = sum(value("node_seconds_total", state) for state in ("busy", "standby", "idle"))
    assert counted_s == pytest.approx(expected_s, abs=1e-3)


@given(st.lists(st.tuples(st.floats(0.01, 100), st.sets(st.sampled_from("abc"))), max_size=20))
def test_a_thing_is_as_old_as_its_latest_unbroken_run_of_updates(
    updates: list[tuple[float, set[str]]],
) -> None:
    lasting, now_s = Durations[str](), 0.0
    seen: list[tuple[float, set[str]]] = []
    for passed_s, things in updates:
        now_s += passed_s
        seen.append((now_s, things))
        ages_s = [now_s - _first_s(thing, seen) for thing in things]
        assert lasting.longest_s(things, now_s) == pytest.approx(max(ages_s, default=0))


def _first_s(thing: str, seen: list[tuple[float, set[str]]]) -> float:
    """When the latest run of updates with `thing` began."""
    first_s = seen[-1][0]
    for at_s, things in reversed(seen):
        if thing not in things:
            break
        first_s = at_s
    return first_s


def test_version_and_start_time_are_set_from_the_beginning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("actors.worker_set.telemetry.time.time", lambda: 1_700_000_000.5)
    metrics = BotMetrics()
    Gauges(metrics, lambda: START_S)
    values: Any = metrics.snapshot()["values"]
    assert values["crabstick_start_time_seconds"] == {"": 1_700_000_000.5}
    assert values["crabstick_build_info"] == {__version__: 1}


def a_health() -> ListenerHealth:
    return ListenerHealth(virtual_loop().time)


async def test_without_any_report_the_age_grows() -> None:
    health = a_health()
    await asyncio.sleep(60)
    assert health.age_s == pytest.approx(60, abs=0.1)


async def test_a_listener_that_does_not_report_is_a_problem() -> None:
    health = a_health()
    health.report(ListenerStatus(age_s=0))
    await asyncio.sleep(11)
    assert "the EventListener says nothing" in health.problem
    health.report(ListenerStatus(age_s=0))
    assert health.problem == ""


async def test_a_shortage_of_memory_is_a_problem_until_nobody_reports_it() -> None:
    with capture_logs() as logged:
        health = MemoryHealth(virtual_loop().time, get_logger())
        assert health.problem == ""
        for shortage in ("node ab is short", "node cd is short", ""):  # a third machine is well
            health.report(shortage)
        assert health.problem == "node cd is short"
        await asyncio.sleep(31)
        assert health.problem == ""
    assert [line["why"] for line in logged] == ["node ab is short"]
