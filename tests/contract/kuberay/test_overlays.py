"""Each overlay as a whole: what is in it, which image, which settings, and what a newcomer gets."""

import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml

from tests.contract.kuberay.rendered import (
    CASES,
    KUBERAY,
    NAMESPACE,
    OVERLAYS,
    TOLERANT,
    named,
    of_kind,
    ray_cluster,
    rendered,
    settings_of,
)
from tests.contract.manifests import Manifest, containers

OURS = {
    "ConfigMap": 1,
    "Deployment": 1,
    "NetworkPolicy": 4,
    "PodDisruptionBudget": 1,
    "RayCluster": 1,
    "Service": 1,
    "ServiceAccount": 3,
}
IMAGES = {
    "minimal": "crabstick:0.1.0",
    "production": "registry.example/crabstick:0.1.0",
    "embedded-gcs": "registry.example/crabstick:0.1.0",
}
MONITORING = "monitoring.coreos.com/v1"


@pytest.mark.parametrize("case", ["minimal", "embedded-gcs"])
def test_the_smaller_overlays_are_the_base_and_the_bots_settings(case: str) -> None:
    assert Counter(thing["kind"] for thing in rendered(case)) == OURS


def test_production_has_redis_and_monitoring_besides() -> None:
    kinds = Counter(thing["kind"] for thing in rendered("production"))
    assert {kind for kind in OURS if kinds[kind] < OURS[kind]} == set()
    assert {"StatefulSet", "PodMonitor", "ServiceMonitor", "PrometheusRule"} <= set(kinds)


@pytest.mark.parametrize("case", OVERLAYS)
def test_one_image_runs_everywhere_but_redis(case: str) -> None:
    images = {
        container["image"]
        for thing in rendered(case)
        for container in containers(thing)
        if container["name"] != "redis"
    }
    assert images == {IMAGES[case]}


@pytest.mark.parametrize("case", CASES)
def test_everything_is_in_one_namespace_and_named_once(case: str) -> None:
    things = rendered(case)
    assert {thing["metadata"]["namespace"] for thing in things} == {NAMESPACE}
    names = [(thing["kind"], thing["metadata"]["name"]) for thing in things]
    assert len(set(names)) == len(names)
    assert all(name.startswith("crabstick") for _, name in names)


@pytest.mark.parametrize("case", OVERLAYS)
def test_all_objects_can_be_listed_by_one_label(case: str) -> None:
    labels = [thing["metadata"].get("labels", {}) for thing in rendered(case)]
    assert {each.get("app.kubernetes.io/part-of") for each in labels} == {"crabstick"}


@pytest.mark.parametrize("case", OVERLAYS)
def test_the_settings_open_the_port_that_the_http_service_asks_for(case: str) -> None:
    http = settings_of(case).http
    head = ray_cluster(case)["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]
    assert {"name": "serve", "containerPort": http.port} in head["ports"]
    assert ip_address(http.host).is_unspecified


@pytest.mark.parametrize("case", OVERLAYS)
def test_the_bot_knows_that_nodes_come_and_go(case: str) -> None:
    assert settings_of(case).cluster.autoscaling
    assert settings_of(case).cluster.standby >= 1


@pytest.mark.parametrize("case", CASES)
def test_games_outlive_the_head_where_the_overlay_says_so(case: str) -> None:
    assert ("gcsFaultToleranceOptions" in ray_cluster(case)["spec"]) == (case in TOLERANT)


def test_the_embedded_store_is_on_a_volume_that_goes_with_the_cluster() -> None:
    options = ray_cluster("embedded-gcs")["spec"]["gcsFaultToleranceOptions"]
    assert options["backend"] == "rocksdb"
    assert options["storage"]["deletionPolicy"] == "DeleteWithCluster"


def test_the_operators_values_turn_the_gate_on_that_the_embedded_store_needs() -> None:
    path = KUBERAY / "overlays/embedded-gcs/operator-values.yaml"
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert values == {
        "featureGates": [{"name": "GCSFaultToleranceEmbeddedStorage", "enabled": True}]
    }


def test_what_a_newcomer_applies_is_the_minimal_overlay() -> None:
    minimal = rendered("minimal")
    command = ["kubectl", "kustomize", str(KUBERAY)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert list(yaml.safe_load_all(done.stdout)) == minimal


def test_a_setting_in_the_bots_file_reaches_its_config_map(tmp_path: Path) -> None:
    rendered("minimal")  # skips without kubectl
    folder = tmp_path / "kuberay"
    shutil.copytree(KUBERAY, folder)
    bot = folder / "overlays/minimal/bot.yaml"
    bot.write_text(
        bot.read_text(encoding="utf-8") + "game:\n  abort_after_s: 40\n", encoding="utf-8"
    )
    command = ["kubectl", "kustomize", str(folder / "overlays/minimal")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    (config,) = [thing for thing in yaml.safe_load_all(done.stdout) if thing["kind"] == "ConfigMap"]
    assert yaml.safe_load(config["data"]["bot.yaml"])["game"] == {"abort_after_s": 40}


def changed(folder: Path, change: Callable[[Manifest], None]) -> list[Manifest]:
    """A copy of production, changed and rendered."""
    rendered("minimal")  # skips without kubectl
    shutil.copytree(KUBERAY, folder / "kuberay")
    mine = folder / "kuberay/overlays/production"
    overlay = yaml.safe_load((mine / "kustomization.yaml").read_text(encoding="utf-8"))
    change(overlay)
    (mine / "kustomization.yaml").write_text(yaml.safe_dump(overlay), encoding="utf-8")
    command = ["kubectl", "kustomize", str(mine)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


@pytest.mark.parametrize("component", ["redis", "spot", "monitoring"])
def test_each_component_of_production_may_be_left_out(component: str, tmp_path: Path) -> None:
    def without(overlay: Manifest) -> None:
        overlay["components"].remove(f"../../components/{component}")
        if component == "spot":
            del overlay["patches"][-1]  # as the overlay and docs/kubernetes.md say

    names = {thing["metadata"]["name"] for thing in changed(tmp_path, without)}
    assert ("crabstick-redis" in names) == (component != "redis")
    assert ("crabstick-ray-head" in names) == (component != "monitoring")


def test_without_spot_machines_the_steady_ones_are_what_they_were(tmp_path: Path) -> None:
    def steady(overlay: Manifest) -> None:
        overlay["components"].remove("../../components/spot")
        del overlay["patches"][-1]

    (cluster,) = [each for each in changed(tmp_path, steady) if each["kind"] == "RayCluster"]
    (group,) = cluster["spec"]["workerGroupSpecs"]
    (same, _) = ray_cluster("production")["spec"]["workerGroupSpecs"]
    del same["priority"], same["template"]["spec"]["affinity"]
    assert group == same


def test_a_second_bot_goes_into_a_namespace_of_its_own(tmp_path: Path) -> None:
    things = changed(tmp_path, lambda overlay: overlay.update(namespace="second"))
    assert {thing["metadata"]["namespace"] for thing in things} == {"second"}
    assert "crabstick.svc" not in str(things)  # an address that names the first one's namespace


def test_two_keepers_never_run_at_once() -> None:
    keeper = named("base", "Deployment", "crabstick-keeper")["spec"]
    assert (keeper["replicas"], keeper["strategy"]) == (1, {"type": "Recreate"})


def test_the_gates_that_are_off_by_default_are_needed_by_the_embedded_store_alone() -> None:
    gated = {"networkPolicy", "tlsOptions", "historyServerOptions"}
    assert [case for case in CASES if gated & set(ray_cluster(case)["spec"])] == []
    assert [
        case
        for case in CASES
        if ray_cluster(case)["spec"].get("gcsFaultToleranceOptions", {}).get("backend")
    ] == ["embedded-gcs"]


def test_monitoring_is_in_production_alone() -> None:
    watched = [case for case in CASES if any(t["apiVersion"] == MONITORING for t in rendered(case))]
    assert watched == ["production"]
    assert of_kind("production", "ServiceMonitor")
