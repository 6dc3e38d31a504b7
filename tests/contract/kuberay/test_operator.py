"""What the operator refuses after the API server took it, and what nobody refuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.contract.kuberay.operator_rules import EMBEDDED_STORAGE, operator_complaints
from tests.contract.kuberay.rendered import CASES, ray_cluster
from tests.contract.kuberay.silent_mistakes import silent_mistakes
from tests.contract.manifests import spoiled

AUTOSCALER = "spec.autoscalerOptions"
HEAD = "spec.headGroupSpec"
GAME = "spec.workerGroupSpecs.0"
POD = "template.spec"
CONTAINER = f"{POD}.containers.0"
REDIS = {"redisAddress": "redis:6379"}


def gates_of(case: str) -> frozenset[str]:
    return frozenset({EMBEDDED_STORAGE} if case == "embedded-gcs" else ())


@pytest.mark.parametrize("case", CASES)
def test_the_operator_has_no_complaint(case: str) -> None:
    assert operator_complaints(ray_cluster(case), gates_of(case)) == []


def test_the_embedded_store_needs_its_gate() -> None:
    (found,) = operator_complaints(ray_cluster("embedded-gcs"))
    assert "feature gate" in found


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("metadata.name", "Crab_stick", "no DNS label"),
        ("metadata.name", "c" * 54, "no DNS label"),
        ("spec.rayVersion", None, "needs rayVersion"),
        ("spec.rayVersion", "2.51.2", "has no token authentication"),
        ("spec.networkPolicy", {"mode": "DenyAll"}, "feature gate"),
        ("spec.tlsOptions", {"enabled": True}, "feature gate"),
        ("spec.gcsFaultToleranceOptions", {"backend": "rocksdb"}, "feature gate"),
        (f"{GAME}.maxReplicas", -1, "maxReplicas does not hold"),
        (f"{GAME}.minReplicas", 9, "maxReplicas does not hold"),
        (f"{GAME}.rayStartParams", {"labels": "a=b"}, "labels belong"),
        (f"{GAME}.labels", {"kind": "a b"}, "as Kubernetes writes them"),
        (f"{GAME}.suspend", True, "cannot be suspended"),
        (f"{GAME}.{POD}.restartPolicy", "Always", "restartPolicy Never"),
        (f"{GAME}.{POD}.containers", [], "no container"),
        (f"{HEAD}.{CONTAINER}.env.0.name", "RAY_enable_autoscaler_v2", "chosen twice"),
        (f"{HEAD}.{CONTAINER}.env.0.name", "RAY_REDIS_ADDRESS", "without gcsFaultTolerance"),
        (f"{HEAD}.rayStartParams.redis-username", "ray", "the name for Redis"),
        (f"{HEAD}.resources", {"CPU": "0"}, "both give resources"),
    ],
)
def test_a_mistake_in_the_ray_cluster_makes_the_operator_complain(
    path: str, value: object, complaint: str
) -> None:
    (found,) = operator_complaints(spoiled(ray_cluster("base"), path, value))
    assert complaint in found


@pytest.mark.parametrize(
    ("options", "path", "value", "complaint"),
    [
        (REDIS, f"{HEAD}.{CONTAINER}.env.0.name", "REDIS_PASSWORD", "REDIS_PASSWORD beside"),
        (REDIS, f"{HEAD}.rayStartParams.redis-password", "x", "redis-password beside"),
        (REDIS, "metadata.annotations", {"ray.io/ft-enabled": "true"}, "ft-enabled beside"),
        ({"backend": "rocksdb", **REDIS}, "metadata.labels", {}, "redisAddress beside"),
        (
            {"backend": "rocksdb"},
            f"{HEAD}.{CONTAINER}.env.0.name",
            "RAY_gcs_storage_path",
            "is the operator's",
        ),
    ],
)
def test_two_ways_to_keep_the_books_at_once_make_the_operator_complain(
    options: object, path: str, value: object, complaint: str
) -> None:
    tolerant = spoiled(ray_cluster("base"), "spec.gcsFaultToleranceOptions", options)
    (found,) = operator_complaints(spoiled(tolerant, path, value), frozenset({EMBEDDED_STORAGE}))
    assert complaint in found


def test_a_groups_idle_timeout_without_an_explicit_v2_makes_the_operator_complain() -> None:
    (found,) = operator_complaints(spoiled(ray_cluster("base"), f"{AUTOSCALER}.version", None))
    assert "needs autoscaler v2" in found


def test_v2_without_an_autoscaler_makes_the_operator_complain() -> None:
    alone = spoiled(ray_cluster("base"), "spec.enableInTreeAutoscaling", value=False)
    chosen = {"name": "RAY_enable_autoscaler_v2", "value": "true"}
    (found,) = operator_complaints(spoiled(alone, f"{HEAD}.{CONTAINER}.env.0", chosen))
    assert "there is no autoscaler" in found


@given(least=st.integers(-3, 3), most=st.integers(-3, 3))
def test_only_ranges_from_no_node_upwards_are_legal(least: int, most: int) -> None:
    cluster = spoiled(ray_cluster("base"), f"{GAME}.minReplicas", least)
    found = operator_complaints(spoiled(cluster, f"{GAME}.maxReplicas", most))
    assert bool(found) == (not 0 <= least <= most)


@pytest.mark.parametrize("case", CASES)
def test_there_is_no_mistake_that_nobody_names(case: str) -> None:
    assert silent_mistakes(ray_cluster(case)) == []


@pytest.mark.parametrize(
    ("path", "value", "mistake"),
    [
        ("spec.enableInTreeAutoscaling", None, "no autoscaler"),
        (f"{AUTOSCALER}.version", None, "without an explicit v2"),
        (f"{AUTOSCALER}.volumeMounts.0.name", "temp", "the autoscaler mounts temp"),
        ("spec.suspend", True, "all Pods go at once"),
        ("spec.upgradeStrategy", {"type": "Recreate"}, "all Pods go at once"),
        ("spec.gcsFaultToleranceOptions", {"externalStorageNamespace": "x"}, "ghosts"),
        ("metadata.annotations", {"ray.io/enable-serve-service": "true"}, "selects workers"),
        (f"{HEAD}.rayStartParams.num-cpus", None, "CPUs for games"),
        (f"{HEAD}.{CONTAINER}.volumeMounts.0.name", "temp", "mounts temp"),
        (f"{HEAD}.{CONTAINER}.volumeMounts.1.mountPath", "/tmp", "/tmp twice"),  # noqa: S108
        (f"{HEAD}.{CONTAINER}.ports.0.name", "global-control-store", "too long"),
        (f"{HEAD}.{CONTAINER}.ports.0.name", "serve", "serve twice"),
        (f"{HEAD}.{CONTAINER}.env.0.name", "MALLOC_ARENA_MAX", "MALLOC_ARENA_MAX twice"),
        (f"{HEAD}.{CONTAINER}.env.0.name", "RAY_ADDRESS", "the operator's to set"),
        (f"{HEAD}.{POD}.volumes.0.name", "home", "two volumes"),
        (f"{GAME}.template.metadata", {"labels": {"app.kubernetes.io/name": "x"}}, "selects Pods"),
        (f"{GAME}.groupName", "Game_Workers", "no legal name"),
        (f"{GAME}.replicas", 1, "takes replicas"),
        (f"{GAME}.maxReplicas", 0, "never a node"),
    ],
)
def test_a_mistake_that_nobody_else_names_is_seen(path: str, value: object, mistake: str) -> None:
    found = silent_mistakes(spoiled(ray_cluster("base"), path, value))
    assert any(mistake in sentence for sentence in found)


def test_two_groups_of_one_name_are_seen() -> None:
    cluster = ray_cluster("base")
    twice = spoiled(cluster, "spec.workerGroupSpecs.+", cluster["spec"]["workerGroupSpecs"][0])
    assert silent_mistakes(twice) == ["two groups are called game"]
