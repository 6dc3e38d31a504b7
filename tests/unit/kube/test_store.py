import pytest
from jsonpatch import JsonPatchException

from tests.kube.store import Store
from tests.unit.kube.builders import a_cluster, a_group, a_pod


def a_store() -> Store:
    store = Store(a_cluster(a_group()))
    store.create_pod(a_pod())
    return store


def test_the_api_servers_defaults_are_filled_in() -> None:
    (group,) = Store(a_cluster({"groupName": "game", "maxReplicas": 4})).cluster()["spec"][
        "workerGroupSpecs"
    ]
    assert group == {
        "groupName": "game",
        "minReplicas": 0,
        "maxReplicas": 4,
        "replicas": 0,
        "numOfHosts": 1,
    }


def test_what_comes_out_is_a_copy() -> None:
    store = a_store()
    store.cluster()["spec"].clear()
    store.pods()[0]["metadata"].clear()
    assert store.cluster()["spec"]
    assert store.pods()[0]["metadata"]["name"] == "head"


def test_every_change_has_a_version_of_its_own() -> None:
    store = a_store()
    versions = [store.version]
    store.patch_cluster([{"op": "replace", "path": "/spec/x", "value": 1}])
    versions.append(store.version)
    assert store.cluster()["metadata"]["resourceVersion"] == store.version
    store.set_status("head", {"phase": "Running"})
    store.delete_pod("head", "a test")
    versions.append(store.version)
    assert store.pods()[0]["metadata"]["resourceVersion"] == store.version
    assert len(set(versions)) == len(versions)


def test_a_patch_that_does_not_apply_leaves_no_trace() -> None:
    store = a_store()
    before = (store.cluster(), store.version, len(store.history))
    with pytest.raises(JsonPatchException):
        store.patch_cluster([{"op": "remove", "path": "/spec/nothing"}])
    assert (store.cluster(), store.version, len(store.history)) == before


def test_a_deleted_pod_is_there_until_it_has_ended() -> None:
    store = a_store()
    store.delete_pod("head", "a test")
    store.delete_pod("head", "and again")
    assert "deletionTimestamp" in store.pods()[0]["metadata"]
    store.remove_pod("head", "by itself")
    assert store.pods() == []


def test_history_tells_it_all_in_order() -> None:
    store = a_store()
    patch = [{"op": "add", "path": "/spec/x", "value": 1}]
    store.patch_cluster(patch)
    store.set_status("head", {"phase": "Running"})
    store.set_status("head", {"phase": "Failed"}, "with status 1")
    store.delete_pod("head", "it ended by itself")
    store.remove_pod("head", "by itself")
    assert [(event.kind, event.name, event.detail) for event in store.history] == [
        ("created", "head", None),
        ("patched", "crabstick", patch),
        ("ended", "head", "with status 1"),
        ("deleted", "head", "it ended by itself"),
        ("gone", "head", "by itself"),
    ]
