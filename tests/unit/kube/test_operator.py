from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kube.objects import HEAD, Manifest, desired_workers
from tests.kube.operator import Create, Delete, Operator, reconcile
from tests.kube.store import Store
from tests.unit.kube.builders import a_cluster, a_group, a_pod

GAME = Create(group="game")


def game(number: int, **fields: Any) -> Manifest:
    return a_pod(f"game-{number}", "game", **fields)


def test_the_head_comes_first() -> None:
    assert reconcile(a_cluster(a_group()), []) == [Create(group=HEAD)]


@pytest.mark.parametrize(
    ("fields", "workers"),
    [
        ({"replicas": 2}, 2),
        ({"replicas": 0}, 0),
        ({}, 0),
        ({"replicas": 1, "minReplicas": 3}, 3),
        ({"replicas": 5, "maxReplicas": 4}, 4),
    ],
)
def test_a_group_gets_its_replicas_within_their_bounds(
    fields: dict[str, Any], workers: int
) -> None:
    assert reconcile(a_cluster(a_group(**fields)), [a_pod()]) == [GAME] * workers


def test_only_what_is_missing_is_created() -> None:
    cluster = a_cluster(a_group(replicas=3), a_group("spot", replicas=1))
    assert reconcile(cluster, [a_pod(), game(1)]) == [GAME, GAME, Create(group="spot")]


def test_a_lower_number_alone_ends_nobody() -> None:
    assert reconcile(a_cluster(a_group(replicas=0)), [a_pod(), game(1), game(2)]) == []


def test_the_pod_that_the_autoscaler_picks_goes_and_is_not_replaced() -> None:
    cluster = a_cluster(a_group(replicas=1, picked=("game-1",)))
    picked = Delete(pod="game-1", why="workersToDelete")
    assert reconcile(cluster, [a_pod(), game(1), game(2)]) == [picked]
    assert reconcile(cluster, [a_pod(), game(1, is_leaving=True), game(2)]) == []
    assert reconcile(cluster, [a_pod(), game(2)]) == []


def test_a_pod_that_somebody_else_deletes_is_replaced_only_when_it_is_gone() -> None:
    cluster = a_cluster(a_group(replicas=2))
    assert reconcile(cluster, [a_pod(), game(1, is_leaving=True), game(2)]) == []
    assert reconcile(cluster, [a_pod(), game(2)]) == [GAME]


def test_new_demand_brings_a_pod_while_another_is_leaving() -> None:
    cluster = a_cluster(a_group(replicas=3))
    assert reconcile(cluster, [a_pod(), game(1, is_leaving=True), game(2)]) == [GAME]


@pytest.mark.parametrize("phase", ["Failed", "Succeeded"])
def test_a_pod_that_ended_is_deleted_before_another_comes(phase: str) -> None:
    cluster = a_cluster(a_group(replicas=2))
    ended = Delete(pod="game-1", why="it ended by itself")
    assert reconcile(cluster, [a_pod(), game(1, phase=phase)]) == [ended]
    assert reconcile(cluster, [a_pod()]) == [GAME, GAME]


pods = st.lists(
    st.builds(
        lambda number, phase, leaving: game(number, phase=phase, is_leaving=leaving),
        st.integers(1, 5),
        st.sampled_from(["Running", "Failed", "Succeeded"]),
        st.booleans(),
    ),
    max_size=5,
    unique_by=lambda pod: pod["metadata"]["name"],
)
groups = st.builds(
    lambda replicas, least, more, picked: a_group(
        replicas=replicas, minReplicas=least, maxReplicas=least + more, picked=tuple(picked)
    ),
    st.integers(0, 5),
    st.integers(0, 2),
    st.integers(0, 3),
    st.sets(st.sampled_from([f"game-{number}" for number in range(1, 6)]), max_size=3),
)


@given(group=groups, living=pods)
def test_a_living_pod_goes_only_when_it_was_picked(group: Manifest, living: list[Manifest]) -> None:
    cluster = a_cluster(group)
    picked = set(group.get("scaleStrategy", {}).get("workersToDelete", ()))
    ended = {pod["metadata"]["name"] for pod in living if pod["status"]["phase"] != "Running"}
    for action in reconcile(cluster, [a_pod(), *living]):
        assert not isinstance(action, Delete) or action.pod in picked | ended


@given(group=groups, living=pods)
def test_there_are_never_more_than_the_most(group: Manifest, living: list[Manifest]) -> None:
    cluster = a_cluster(group)
    actions = reconcile(cluster, [a_pod(), *living])
    created = sum(isinstance(action, Create) for action in actions)
    picked = set(group.get("scaleStrategy", {}).get("workersToDelete", ()))
    staying = [pod for pod in living if pod["metadata"]["name"] not in picked]
    assert not created or created + len(staying) <= group["maxReplicas"]


@given(group=groups, living=pods)
def test_after_some_turns_there_is_nothing_more_to_do(
    group: Manifest, living: list[Manifest]
) -> None:
    store = Store(a_cluster(group))
    for pod in [a_pod(), *living]:
        store.create_pod(pod)
    serials = iter(range(100, 200))
    operator = Operator(store, lambda _, of: a_pod(f"{of}-{next(serials)}", of))
    for _ in range(3):
        operator.step()
        for pod in store.pods():
            if "deletionTimestamp" in pod["metadata"]:
                store.remove_pod(pod["metadata"]["name"], "by itself")
    workers = [pod for pod in store.pods() if pod["metadata"]["labels"]["ray.io/group"] != HEAD]
    assert reconcile(store.cluster(), store.pods()) == []
    assert len(workers) >= desired_workers(store.cluster()["spec"]["workerGroupSpecs"][0])
