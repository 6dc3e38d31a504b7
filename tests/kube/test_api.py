"""The simulated API server as its clients meet it: Ray's own, kubectl, and one without papers."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import requests

from tests.kube.api import ApiServer, api_server
from tests.kube.store import Store
from tests.unit.kube.builders import a_cluster, a_group, a_pod

LIMIT_S: Final = 60
CLUSTER: Final = "/apis/ray.io/v1/namespaces/games/rayclusters/crabstick"
PODS: Final = "/api/v1/namespaces/games/pods"
AS_THE_AUTOSCALER: Final = """
import json, sys
from ray.autoscaler._private.kuberay.node_provider import (
    KubernetesHttpApiClient, worker_delete_patch, worker_replica_patch
)
client = KubernetesHttpApiClient(namespace="games")
patch = [worker_replica_patch(0, 3), worker_delete_patch(0, ["game-1"])]
client.patch("rayclusters/crabstick", patch)
pods = client.get("pods?labelSelector=ray.io/cluster%3Dcrabstick")
json.dump([client.get("rayclusters/crabstick"), pods], sys.stdout)
"""


@pytest.fixture
def store() -> Store:
    store = Store(a_cluster(a_group()))
    store.create_pod(a_pod("game-1", "game"))
    return store


@pytest.fixture
def api(store: Store, tmp_path: Path) -> Iterator[ApiServer]:
    with api_server(store, "127.0.0.1", tmp_path) as server:
        yield server


def test_rays_own_client_reads_and_patches(api: ApiServer, store: Store) -> None:
    done = subprocess.run(
        [sys.executable, "-c", AS_THE_AUTOSCALER],
        env={**os.environ, **api.environment},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=True,
    )
    cluster, pods = json.loads(done.stdout)
    (group,) = cluster["spec"]["workerGroupSpecs"]
    assert group["replicas"] == 3
    assert group["scaleStrategy"] == {"workersToDelete": ["game-1"]}
    assert cluster == store.cluster()
    assert pods["items"] == store.pods()


@pytest.mark.skipif(shutil.which("kubectl") is None, reason="kubectl is not installed")
def test_kubectl_reads_and_deletes(api: ApiServer, store: Store) -> None:
    def kubectl(*words: str) -> Any:
        papers = (
            f"--server={api.url}",
            f"--certificate-authority={api.certificate}",
            f"--client-certificate={api.certificate}",
            f"--client-key={api.key}",
        )
        command = ["kubectl", *words, *papers]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=True)
        return json.loads(done.stdout)

    assert kubectl("get", "--raw", CLUSTER) == store.cluster()
    assert kubectl("delete", "--raw", f"{PODS}/game-1")["metadata"]["name"] == "game-1"
    assert "deletionTimestamp" in store.pods()[0]["metadata"]


def test_who_shows_no_certificate_is_not_heard(api: ApiServer, store: Store) -> None:
    with pytest.raises(requests.exceptions.RequestException):
        requests.delete(f"{api.url}{PODS}/game-1", verify=str(api.certificate), timeout=LIMIT_S)
    assert "deletionTimestamp" not in store.pods()[0]["metadata"]
