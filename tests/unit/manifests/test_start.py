"""What Ray misses in Pods that Kubernetes starts is named, and what is there otherwise is not."""

from typing import Any

import pytest

from tests.unit.manifests.clusters import LOCKED, Manifest, a_cluster, problems, said, spoiled

HEAD = "spec.headGroupSpec"
GAME = "spec.workerGroupSpecs.0"
CONTAINER = "template.spec.containers.0"
TMP = "/tmp"  # noqa: S108  # in a Pod


def read_only(group: str, mount: Manifest | None = None, **variables: str) -> Manifest:
    security = {**LOCKED, "readOnlyRootFilesystem": True}
    cluster = spoiled(f"{group}.{CONTAINER}.securityContext", security)
    if mount is not None:
        cluster = spoiled(f"{group}.{CONTAINER}.volumeMounts.0", {"name": "tmp", **mount}, cluster)
    for name, value in variables.items():
        entry = {"name": name, "value": value}
        cluster = spoiled(f"{group}.{CONTAINER}.env.+", entry, cluster)
    return cluster


@pytest.mark.parametrize(
    ("mount", "variables", "folder"),
    [
        (None, {}, f"{TMP}/ray"),
        ({"mountPath": f"{TMP}/rays"}, {}, f"{TMP}/ray"),
        ({"mountPath": TMP, "readOnly": True}, {}, f"{TMP}/ray"),
        ({"mountPath": TMP}, {"TMPDIR": "/elsewhere"}, "/elsewhere/ray"),
    ],
)
def test_a_worker_that_can_write_no_session_is_named(
    mount: Manifest | None, variables: dict[str, str], folder: str
) -> None:
    (found,) = problems(read_only(GAME, mount, **variables))
    assert "spec.workerGroupSpecs[0].template.spec.containers[0].volumeMounts of game" in found
    assert f"covers no part of {folder}, where Ray writes its session" in found


@pytest.mark.parametrize(
    ("mount", "variables"),
    [
        ({"mountPath": TMP}, {}),
        ({"mountPath": f"{TMP}/"}, {}),
        ({"mountPath": f"{TMP}/ray"}, {}),
        ({"mountPath": "/scratch"}, {"RAY_TMPDIR": "/scratch"}),
    ],
)
def test_a_worker_with_room_for_its_session_is_fine(
    mount: Manifest, variables: dict[str, Any]
) -> None:
    assert problems(read_only(GAME, mount, **variables)) == []


def test_the_operator_gives_the_head_of_an_autoscaler_room_where_ray_looks_for_it() -> None:
    cluster = read_only(HEAD)
    assert problems(cluster) == []
    (found,) = problems(spoiled(f"{HEAD}.rayStartParams.temp-dir", "/sessions", cluster))
    assert "of the head covers no part of /sessions" in found


def test_workers_write_where_the_head_does() -> None:
    cluster = read_only(GAME, {"mountPath": "/sessions"})
    assert len(problems(cluster)) == 1
    assert problems(spoiled(f"{HEAD}.rayStartParams.temp-dir", "/sessions", cluster)) == []


AUTOMOUNT = f"{HEAD}.template.spec.automountServiceAccountToken"
ACCOUNT = f"{HEAD}.template.spec.serviceAccountName"
API = "/var/run/secrets/kubernetes.io/serviceaccount"


def an_account(**changes: Any) -> Manifest:
    metadata = {"name": "crabstick-head", "namespace": "crabstick"}
    return {"kind": "ServiceAccount", "metadata": metadata, **changes}


def mounting(path: str, cluster: Manifest) -> Manifest:
    mounts = [{"name": "tmp", "mountPath": path}]
    return spoiled("spec.autoscalerOptions.volumeMounts", mounts, cluster)


def test_an_autoscaler_that_kubernetes_lets_in_nowhere_is_named() -> None:
    cluster = spoiled(AUTOMOUNT, value=False)
    account = an_account(automountServiceAccountToken=False)
    for things in ([cluster], [spoiled(ACCOUNT, "crabstick-head"), account]):
        (found,) = problems(*things)
        assert found.startswith(f"autoscaler: spec.autoscalerOptions.volumeMounts holds no {API}, ")
    for path in (API, f"{API}/", "/run/secrets/kubernetes.io/serviceaccount"):
        assert problems(mounting(path, cluster)) == []
    (found,) = problems(spoiled("spec.enableInTreeAutoscaling", None, cluster))
    assert "enableInTreeAutoscaling is not true" in found


def test_an_autoscaler_with_a_token_of_the_pod_is_fine() -> None:
    named = spoiled(ACCOUNT, "crabstick-head")
    refusing = an_account(automountServiceAccountToken=False)
    assert problems(a_cluster()) == problems(named) == problems(named, an_account()) == []
    assert problems(spoiled(AUTOMOUNT, value=True, cluster=named), refusing) == []


@pytest.mark.parametrize(
    ("command", "is_told"),
    [
        (["/start.sh"], True),
        (["sh", "-c", "sleep 5; ray kuberay-autoscaler --cluster-name x"], False),
        (["sh", "-c", "sleep 5; $KUBERAY_GEN_AUTOSCALER_START_CMD"], False),
    ],
)
def test_a_command_that_may_start_anything_else_is_told(
    command: list[str], *, is_told: bool
) -> None:
    cluster = spoiled("spec.autoscalerOptions.command", command)
    assert problems(cluster) == []
    assert ("replaces the autoscaler's command" in said("autoscaler", cluster)[0]) == is_told
