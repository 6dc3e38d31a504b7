"""kuberay/ against KubeRay's CRD, the operator's rules, and the autoscaler's own reading."""

import pytest
from ray.autoscaler._private.kuberay.autoscaling_config import (
    _derive_autoscaling_config_from_ray_cr,
)
from ray.autoscaler.v2.instance_manager.config import AutoscalingConfig

from crabstick.settings import Settings
from tests.contract.crd_schema import cluster_problems
from tests.contract.manifests import (
    Manifest,
    containers,
    environment,
    keeper,
    part,
    ray_cluster,
    rendered,
    slots,
    spoiled,
)
from tests.contract.operator_rules import operator_complaints

AUTOSCALER = "spec.autoscalerOptions"
HEAD = "spec.headGroupSpec"
GAME = "spec.workerGroupSpecs.0"
POD = "template.spec"
RAY_CONTAINER = f"{POD}.containers.0"


def as_the_autoscaler_reads(cluster: Manifest) -> AutoscalingConfig:
    return AutoscalingConfig(
        _derive_autoscaling_config_from_ray_cr(cluster), skip_content_hash=True
    )


def group_containers() -> list[Manifest]:
    return [part(ray_cluster(), f"{group}.{RAY_CONTAINER}") for group in (HEAD, GAME)]


def test_the_ray_cluster_fits_the_crd_of_kuberay() -> None:
    assert cluster_problems(ray_cluster()) == []


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (f"{AUTOSCALER}.idleTimeout", 300, "'idleTimeout' was unexpected"),
        (f"{AUTOSCALER}.version", "v3", "'v3' is not one of"),
        ("spec.authOptions.mode", "tokens", "'tokens' is not one of"),
        (f"{HEAD}.rayStartParams.num-cpus", 0, "0 is not of type 'string'"),
        (f"{GAME}.{POD}.nodeSelektor", {}, "'nodeSelektor' was unexpected"),
        (f"{GAME}.{RAY_CONTAINER}.name", None, "'name' is a required property"),
    ],
)
def test_a_mistake_in_the_ray_cluster_breaks_the_crd(
    path: str, value: object, problem: str
) -> None:
    (found,) = cluster_problems(spoiled(ray_cluster(), path, value))
    assert problem in found


def test_the_operator_has_no_complaint() -> None:
    assert operator_complaints(ray_cluster()) == []


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        ("metadata.name", "Crab_stick", "no DNS label"),
        ("spec.rayVersion", None, "needs rayVersion"),
        ("spec.networkPolicy", {"mode": "DenyAll"}, "feature gate"),
        ("spec.gcsFaultToleranceOptions", {"backend": "rocksdb"}, "feature gate"),
        (f"{GAME}.maxReplicas", -1, "maxReplicas does not hold"),
        (f"{GAME}.minReplicas", 9, "maxReplicas does not hold"),
        (f"{GAME}.rayStartParams", {"labels": "a=b"}, "labels belong"),
        (f"{GAME}.{POD}.restartPolicy", "Always", "restartPolicy Never"),
        (f"{GAME}.{POD}.containers", [], "no container"),
        (f"{HEAD}.{RAY_CONTAINER}.env.0.name", "RAY_enable_autoscaler_v2", "chosen twice"),
        (f"{HEAD}.resources", {"CPU": "0"}, "both give resources"),
    ],
)
def test_a_mistake_in_the_ray_cluster_makes_the_operator_complain(
    path: str, value: object, complaint: str
) -> None:
    (found,) = operator_complaints(spoiled(ray_cluster(), path, value))
    assert complaint in found


def test_a_groups_idle_timeout_without_an_explicit_v2_makes_the_operator_complain() -> None:
    with_timeout = spoiled(ray_cluster(), f"{GAME}.idleTimeoutSeconds", 60)
    assert operator_complaints(with_timeout) == []
    (found,) = operator_complaints(spoiled(with_timeout, f"{AUTOSCALER}.version", None))
    assert "needs autoscaler v2" in found


def test_the_autoscaler_reads_a_head_without_slots_and_workers_from_none_to_four() -> None:
    config = as_the_autoscaler_reads(ray_cluster())
    nodes = config.get_node_type_configs()
    assert slots(nodes["headgroup"].resources) == 0
    assert (nodes["game"].min_worker_nodes, nodes["game"].max_worker_nodes) == (0, 4)
    assert config.get_idle_timeout_s() == 300


def test_the_largest_cluster_has_a_slot_for_every_game_and_standby() -> None:
    game = as_the_autoscaler_reads(ray_cluster()).get_node_type_configs()["game"]
    settings = Settings()
    wanted = settings.challenges.max_games + settings.cluster.standby
    assert slots(game.resources) * game.max_worker_nodes >= wanted


@pytest.mark.parametrize("few", [{"cpu": "2", "memory": "128Mi"}, {"cpu": "0", "memory": "2Gi"}])
def test_a_worker_too_small_for_an_engine_actor_has_no_slot(few: Manifest) -> None:
    small = spoiled(ray_cluster(), f"{GAME}.{RAY_CONTAINER}.resources", {"limits": few})
    assert slots(as_the_autoscaler_reads(small).get_node_type_configs()["game"].resources) == 0


def test_the_autoscaler_alone_decides_how_many_workers_there_are() -> None:
    assert "replicas" not in part(ray_cluster(), GAME)


def test_a_changed_manifest_never_replaces_running_pods() -> None:
    assert "upgradeStrategy" not in ray_cluster()["spec"]


@pytest.mark.parametrize("container", group_containers(), ids=["head", "worker"])
def test_head_and_workers_run_actors_un_niced_and_outlive_a_lost_head(container: Manifest) -> None:
    tuning = environment(container)
    assert tuning["RAY_worker_niceness"] == "0"
    assert tuning["RAY_gcs_rpc_server_reconnect_timeout_s"] == "600"


def test_actors_that_are_gone_cost_the_head_no_memory() -> None:
    head = environment(next(iter(group_containers())))
    assert head["RAY_maximum_gcs_destroyed_actor_cached_count"] == "500"
    assert head["MALLOC_ARENA_MAX"] == "1"


@pytest.mark.parametrize(("group", "spare_s"), [(HEAD, 3), (GAME, 20)])
def test_rays_drain_ends_before_kubernetes_kills_the_pod(group: str, spare_s: int) -> None:
    pod = part(ray_cluster(), f"{group}.{POD}")
    drain_s = environment(pod["containers"][0])["RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"]
    assert pod["terminationGracePeriodSeconds"] >= int(drain_s or "") + spare_s


def test_a_deleted_head_is_gone_within_seconds() -> None:
    assert part(ray_cluster(), f"{HEAD}.{POD}")["terminationGracePeriodSeconds"] <= 5


@pytest.mark.parametrize("manifest", [ray_cluster(), keeper()], ids=["cluster", "keeper"])
def test_every_container_gets_what_it_asks_for(manifest: Manifest) -> None:
    given = [container["resources"] for container in containers(manifest)]
    assert given
    assert [each["requests"] for each in given] == [each["limits"] for each in given]


def test_kustomize_renders_one_of_each_with_the_image_of_the_kustomization() -> None:
    kinds = sorted(manifest["kind"] for manifest in rendered())
    assert kinds == ["ConfigMap", "Deployment", "RayCluster", "Service"]
    images = {container["image"] for manifest in rendered() for container in containers(manifest)}
    assert images == {"registry.example/crabstick:0.1.0"}
    assert {manifest["metadata"]["namespace"] for manifest in rendered()} == {"crabstick"}


def test_the_rendered_ray_cluster_fits_crd_and_operator_too() -> None:
    (cluster,) = [manifest for manifest in rendered() if manifest["kind"] == "RayCluster"]
    assert (cluster_problems(cluster), operator_complaints(cluster)) == ([], [])
