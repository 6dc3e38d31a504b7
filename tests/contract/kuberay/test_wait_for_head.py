"""The workers' init container, with its own command: a worker starts when the head listens."""

import re
import socket
import subprocess

import pytest

from actors.local_ray.ports import free_port
from tests.contract.kuberay.rendered import CASES, ray_cluster
from tests.contract.manifests import Manifest

PATIENCE_S = 20


def container(case: str = "base") -> Manifest:
    workers = ray_cluster(case)["spec"]["workerGroupSpecs"]
    found: list[Manifest] = [
        one for group in workers for one in group["template"]["spec"]["initContainers"]
    ]
    assert all(one == found[0] for one in found)
    return found[0]


def started(port: int) -> "subprocess.Popen[str]":
    """It waits for a port of this machine instead of the head's."""
    (script,) = container()["args"]
    here = script.replace("crabstick-head-svc/6379", f"127.0.0.1/{port}")
    assert here != script
    return subprocess.Popen([*container()["command"], here], stderr=subprocess.PIPE, text=True)


def test_it_ends_when_the_head_listens() -> None:
    port = free_port()
    with started(port) as waiting:
        assert waiting.stderr is not None
        assert "refused" in waiting.stderr.readline()
        with socket.create_server(("127.0.0.1", port)):
            assert waiting.wait(PATIENCE_S) == 0


def test_a_pod_that_is_deleted_does_not_go_on_waiting() -> None:
    with started(free_port()) as waiting:
        assert waiting.stderr is not None
        waiting.stderr.readline()
        waiting.terminate()
        assert waiting.wait(PATIENCE_S) == 1


@pytest.mark.parametrize("case", CASES)
def test_it_looks_at_the_port_of_the_gcs_and_starts_no_python(case: str) -> None:
    cluster = ray_cluster(case)
    (head,) = cluster["spec"]["headGroupSpec"]["template"]["spec"]["containers"]
    (port,) = [one["containerPort"] for one in head["ports"] if one["name"] == "gcs-server"]
    (script,) = container(case)["args"]
    looked_at = re.findall(r"/dev/tcp/([\w.-]+)/(\d+)", script)
    assert looked_at == [(f"{cluster['metadata']['name']}-head-svc", str(port))]
    assert not re.search(r"\b(python|ray)\b", script)
