"""Each overlay as a whole: what is in it, which image, which settings, and what may be changed."""

from collections import Counter
from ipaddress import ip_address
from pathlib import Path

import pytest

from tests.contract.kuberay.rendered import (
    CASES,
    NAMESPACE,
    OVERLAYS,
    changed,
    named,
    ray_cluster,
    rendered,
    settings_of,
)
from tests.contract.manifests import Manifest, containers

MINIMAL = {
    "ConfigMap": 1,
    "Deployment": 1,
    "NetworkPolicy": 4,
    "PodDisruptionBudget": 1,
    "RayCluster": 1,
    "Service": 1,
    "ServiceAccount": 3,
}
IMAGES = {"minimal": "crabstick:0.1.0", "production": "registry.example/crabstick:0.1.0"}


def test_the_minimal_overlay_is_the_base_and_the_bots_settings() -> None:
    assert Counter(thing["kind"] for thing in rendered("minimal")) == MINIMAL


def test_production_has_redis_and_monitoring_besides() -> None:
    kinds = Counter(thing["kind"] for thing in rendered("production"))
    assert kinds > Counter(MINIMAL)
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
def test_games_outlive_the_head_in_production(case: str) -> None:
    assert ("gcsFaultToleranceOptions" in ray_cluster(case)["spec"]) == (case == "production")


@pytest.mark.parametrize("component", ["redis", "monitoring"])
def test_redis_and_monitoring_may_be_left_out_of_production(component: str, tmp_path: Path) -> None:
    def without(overlay: Manifest) -> None:
        overlay["components"].remove(f"../../components/{component}")

    names = {thing["metadata"]["name"] for thing in changed(tmp_path, without)}
    assert ("crabstick-redis" in names) == (component != "redis")
    assert ("crabstick-ray-head" in names) == (component != "monitoring")


def test_without_spot_machines_the_steady_ones_are_what_they_were(tmp_path: Path) -> None:
    def steady(overlay: Manifest) -> None:
        overlay["components"].remove("../../components/spot")
        del overlay["patches"][-1]  # as the overlay and docs/kubernetes.md say

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
