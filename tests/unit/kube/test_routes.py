from http import HTTPStatus
from typing import Any

import pytest

from tests.kube.routes import Answer, Request, answer
from tests.kube.store import Store
from tests.unit.kube.builders import a_cluster, a_group, a_pod

CLUSTER = "/apis/ray.io/v1/namespaces/games/rayclusters/crabstick"
PODS = "/api/v1/namespaces/games/pods"
PATCH = [{"op": "replace", "path": "/spec/workerGroupSpecs/0/replicas", "value": 2}]


def a_store() -> Store:
    store = Store(a_cluster(a_group()))
    store.create_pod(a_pod())
    store.create_pod(a_pod("game-1", "game"))
    return store


def asked(store: Store, method: str, url: str, **more: Any) -> Answer:
    return answer(store, Request(method=method, url=url, **more))


def patch(store: Store, body: Any, url: str = CLUSTER) -> Answer:
    return asked(store, "PATCH", url, content_type="application/json-patch+json", body=body)


def test_the_ray_cluster_is_read_and_patched() -> None:
    store = a_store()
    assert patch(store, PATCH).body == store.cluster()
    read = asked(store, "GET", CLUSTER).body
    assert read["spec"]["workerGroupSpecs"][0]["replicas"] == 2
    assert store.reads == 1


def test_pods_are_listed_by_their_labels() -> None:
    store = a_store()

    def names(selector: str) -> list[str]:
        found = asked(store, "GET", f"{PODS}?labelSelector={selector}&resourceVersion=1").body
        assert found["metadata"]["resourceVersion"] == store.version
        return [pod["metadata"]["name"] for pod in found["items"]]

    assert names("ray.io/cluster%3Dcrabstick") == ["head", "game-1"]
    assert names("ray.io/cluster%3Dcrabstick,ray.io/group%3Dgame") == ["game-1"]
    assert names("ray.io/cluster%3Dother") == []


def test_one_pod_is_read_and_deleted() -> None:
    store = a_store()
    assert asked(store, "GET", f"{PODS}/game-1").body == store.pods()[1]
    assert asked(store, "DELETE", f"{PODS}/game-1").status is HTTPStatus.OK
    assert "deletionTimestamp" in asked(store, "GET", f"{PODS}/game-1").body["metadata"]


@pytest.mark.parametrize(
    ("method", "url"),
    [
        ("GET", f"{CLUSTER}s"),
        ("PATCH", f"{CLUSTER}s"),
        ("GET", CLUSTER.replace("games", "elsewhere")),
        ("GET", f"{PODS}/nobody"),
        ("DELETE", f"{PODS}/nobody"),
        ("GET", f"{PODS.replace('games', 'elsewhere')}/head"),
        ("GET", "/api/v1/nodes"),
        ("DELETE", CLUSTER),
    ],
)
def test_what_is_not_there_is_not_found(method: str, url: str) -> None:
    said = asked(a_store(), method, url)
    assert (said.status, said.body["kind"], said.body["code"]) == (404, "Status", 404)


def test_a_patch_of_another_kind_or_one_that_does_not_apply_is_refused() -> None:
    store = a_store()
    before = store.cluster()
    merge = asked(store, "PATCH", CLUSTER, content_type="application/merge-patch+json", body={})
    assert merge.status == 415
    assert patch(store, [{"op": "remove", "path": "/spec/nothing"}]).status == 422
    assert store.cluster() == before
