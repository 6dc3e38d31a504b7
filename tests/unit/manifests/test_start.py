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


HEALTHZ = "/api/healthz"
RAYLET = "/api/local_raylet_healthz"


def probing(port: object, *names: str, path: str = HEALTHZ, **more: Any) -> Manifest:
    """A cluster whose workers are asked at that port by the probes of these names."""
    cluster = a_cluster()
    for name in names or ("livenessProbe",):
        probe = {"httpGet": {"path": path, "port": port, **more}}
        cluster = spoiled(f"{GAME}.{CONTAINER}.{name}", probe, cluster)
    return cluster


def listening(port: str, cluster: Manifest) -> Manifest:
    return spoiled(f"{GAME}.rayStartParams.dashboard-agent-listen-port", port, cluster)


def having(name: str, port: int, cluster: Manifest) -> Manifest:
    ports = [{"name": name, "containerPort": port}]
    return spoiled(f"{GAME}.{CONTAINER}.ports", ports, cluster)


@pytest.mark.parametrize("name", ["startupProbe", "readinessProbe", "livenessProbe"])
@pytest.mark.parametrize("path", [HEALTHZ, RAYLET])
def test_a_probe_that_asks_another_port_than_ray_s_agent_s_is_named(name: str, path: str) -> None:
    place = "spec.workerGroupSpecs[0].template.spec.containers[0]"
    (found,) = problems(probing(8265, name, path=path))
    assert found == (
        f"Pods: {place}.{name}.httpGet.port is 8265, and {path} of game is answered by the agent "
        "of Ray's dashboard, at 52365, so a Pod that is well seems dead: write 52365"
    )


def test_an_agent_elsewhere_is_one_sentence_for_all_probes_that_miss_it() -> None:
    cluster = probing(52365, "startupProbe", "livenessProbe", "readinessProbe")
    (found,) = problems(listening("52400", cluster))
    assert "startupProbe.httpGet.port is 52365, and " in found
    assert found.endswith(
        ", at 52400, so a Pod that is well seems dead: write 52400, also in "
        "readinessProbe and livenessProbe"
    )
    assert problems(listening("52400", probing(52400))) == []


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        (having("agent", 52400, probing("agent")), "port is 'agent', which is 52400, and"),
        (probing("agent"), "port is 'agent', which no port is called, and"),
        (having("agent", 52365, listening("52400", probing("agent"))), "at 52400, so"),
    ],
)
def test_a_name_stands_for_a_port_of_the_container(cluster: Manifest, words: str) -> None:
    (found,) = problems(cluster)
    assert words in found


@pytest.mark.parametrize(
    "cluster",
    [
        probing(52365),
        having("agent", 52365, probing("agent")),
        probing(8265, path="/api/gcs_healthz"),  # that one is the dashboard's
        probing(8000, path="/livez"),
        probing(8265, host="10.1.2.3"),
        listening("0", probing(52365)),  # whichever is free
        listening("$AGENT_PORT", probing(52365)),
        spoiled(f"{GAME}.{CONTAINER}.livenessProbe", {"exec": {"command": ["true"]}}),
    ],
)
def test_a_probe_that_asks_right_or_asks_somebody_else_is_fine(cluster: Manifest) -> None:
    assert problems(cluster) == []
