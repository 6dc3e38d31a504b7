"""Cases and laws of what the WorkerSet takes to be true of its actors."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.rules.cluster_view import ActorPhase, ClusterNode, Demand, EngineRecord
from crabstick.rules.lichess_types import ActorName, NodeId
from crabstick.rules.observation import (
    MOST_AT_ONCE,
    NODE_COMES_WITHIN,
    Nodes,
    has_waited_too_long,
    observe,
    suspects,
)
from crabstick.rules.registry import Registry
from tests.builders import seconds

NOW = seconds(1000)


def an_engine(
    name: str, silent_s: float, *, plays_s: float = 100, is_condemned: bool = False
) -> EngineRecord:
    return EngineRecord(
        name=ActorName(name),
        serial=1,
        phase=ActorPhase.PLAYING,
        since=NOW - seconds(plays_s),
        last_seen=NOW - seconds(silent_s),
        node=NodeId("gone" if is_condemned else "stays"),
    )


def judge(*engines: EngineRecord, own_stall: timedelta | None = None) -> tuple[str, ...]:
    return suspects(engines, {NodeId("stays")}, now=NOW, own_stall=own_stall)


def test_one_silent_actor_among_healthy_ones_is_suspected() -> None:
    assert judge(an_engine("a", 4), an_engine("b", 0), an_engine("c", 1)) == ("a",)


def test_three_seconds_of_silence_are_no_suspicion() -> None:
    assert judge(an_engine("a", 3), an_engine("b", 0)) == ()


def test_a_single_game_can_lose_its_actor_too() -> None:
    assert judge(an_engine("a", 4)) == ("a",)


@pytest.mark.parametrize(("ago_s", "found"), [(4, ()), (5, ("a",))])
def test_for_five_seconds_after_our_own_stall_no_actor_is_suspected(
    ago_s: float, found: tuple[str, ...]
) -> None:
    engines = an_engine("a", 9), an_engine("b", 0)
    assert judge(*engines, own_stall=NOW - seconds(ago_s)) == found


@pytest.mark.parametrize(("is_condemned", "found"), [(False, ()), (True, ("a",))])
def test_when_most_are_silent_only_those_on_lost_nodes_are_suspected(
    found: tuple[str, ...], *, is_condemned: bool
) -> None:
    silent = an_engine("a", 9, is_condemned=is_condemned), an_engine("b", 9)
    assert judge(*silent, an_engine("c", 0)) == found


def test_an_actor_in_its_first_ten_seconds_is_not_suspected() -> None:
    assert judge(an_engine("a", 4, plays_s=9), an_engine("b", 0)) == ()


silences = st.lists(st.tuples(st.floats(0, 20), st.floats(0, 100), st.booleans()), max_size=12)


@given(silences)
def test_never_more_than_two_at_once_and_only_silent_ones(
    facts: list[tuple[float, float, bool]],
) -> None:
    engines = [
        an_engine(str(index), silent_s, plays_s=plays_s, is_condemned=is_condemned)
        for index, (silent_s, plays_s, is_condemned) in enumerate(facts)
    ]
    found = judge(*engines)
    silent = {engine.name for engine in engines if NOW - engine.last_seen > seconds(3)}
    assert len(found) <= MOST_AT_ONCE
    assert set(found) <= silent


def test_an_actor_of_an_engine_that_the_settings_lack_counts_as_one_of_the_default_engine() -> None:
    registry, _ = Registry().entered(ActorName("engine:1"), NOW, plays="before")
    demands = {"default": Demand(resources={"CPU": 1}), "leela": Demand(resources={"GPU": 1})}
    (actor,) = observe(registry, Nodes(), NOW, demands).actors
    assert actor.engine == "default"


def test_each_engine_waits_for_nodes_of_its_own() -> None:
    registry, _ = Registry().entered(ActorName("engine:1"), NOW, plays="leela")
    late = NOW + NODE_COMES_WITHIN + seconds(1)
    assert has_waited_too_long(registry, "leela", late)
    assert not has_waited_too_long(registry, "default", late)


def test_what_was_taken_since_the_nodes_were_read_is_not_free_for_any_engine() -> None:
    registry, _ = Registry().entered(ActorName("engine:1"), NOW, NodeId("n"), plays="leela")
    demands = {
        "default": Demand(resources={"CPU": 1}),
        "leela": Demand(resources={"CPU": 1, "GPU": 1}),
    }
    node = ClusterNode(id=NodeId("n"), free={"CPU": 2.0, "GPU": 1.0})
    (left,) = observe(registry, Nodes(views=(node,), read_at=NOW), NOW, demands).nodes
    assert [demand.slots(left.free, {}) for demand in demands.values()] == [1, 0]
