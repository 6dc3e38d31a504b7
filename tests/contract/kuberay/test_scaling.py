"""The RayCluster as Ray's own autoscaler reads it: slots, groups, timeouts; and Ray's tuning."""

import pytest
from ray.autoscaler._private.kuberay.autoscaling_config import (
    _derive_autoscaling_config_from_ray_cr,
)
from ray.autoscaler._private.kuberay.utils import parse_quantity
from ray.autoscaler.v2.instance_manager.config import AutoscalingConfig

from tests.contract.kuberay.rendered import CASES, OVERLAYS, ray_cluster, rendered, settings_of
from tests.contract.manifests import (
    TUNING,
    Manifest,
    containers,
    environment,
    part,
    slots,
)

GAME = "spec.workerGroupSpecs.0"
RESOURCES = f"{GAME}.template.spec.containers.0.resources"
OF_ONE_KIND_OF_NODE = ("RAY_GRACEFUL_SHUTDOWN_", "RAY_PROMETHEUS_", "RAY_GRAFANA_")
"""Drains differ; where Prometheus and Grafana are is the dashboard's matter."""


def as_the_autoscaler_reads(cluster: Manifest) -> AutoscalingConfig:
    return AutoscalingConfig(
        _derive_autoscaling_config_from_ray_cr(cluster), skip_content_hash=True
    )


def workers(cluster: Manifest) -> Manifest:
    types = as_the_autoscaler_reads(cluster).get_node_type_configs()
    return {name: config for name, config in types.items() if name != "headgroup"}


def first_containers(cluster: Manifest) -> list[Manifest]:
    spec = cluster["spec"]
    groups = (spec["headGroupSpec"], *spec["workerGroupSpecs"])
    return [group["template"]["spec"]["containers"][0] for group in groups]


@pytest.mark.parametrize("case", CASES)
def test_the_autoscaler_reads_a_head_without_slots_and_workers_that_may_all_go(case: str) -> None:
    config = as_the_autoscaler_reads(ray_cluster(case))
    assert slots(config.get_node_type_configs()["headgroup"].resources) == 0
    assert {each.min_worker_nodes for each in workers(ray_cluster(case)).values()} == {0}
    assert {each.idle_timeout_s for each in workers(ray_cluster(case)).values()} == {60}
    assert config.get_idle_timeout_s() == 60


def test_steady_machines_come_before_spot_machines() -> None:
    groups = workers(ray_cluster("production"))
    assert set(groups) == {"game", "spot"}
    assert groups["game"].priority > groups["spot"].priority


def test_a_group_that_gets_no_machine_is_given_up_before_the_hour_of_rays_default() -> None:
    env = environment(ray_cluster("production")["spec"]["autoscalerOptions"])
    timeout_s = int(env["RAY_AUTOSCALER_RECONCILE_ALLOCATE_STATUS_TIMEOUT_S"] or "")
    assert 120 < timeout_s <= 900


def test_spot_machines_differ_from_steady_ones_in_where_and_how_long_and_nothing_else() -> None:
    steady, spot = ray_cluster("production")["spec"]["workerGroupSpecs"]
    same = [group["template"]["spec"] for group in (steady, spot)]
    for pod in same:
        del pod["affinity"], pod["terminationGracePeriodSeconds"]
        pod.pop("tolerations", None)
        (drain,) = [
            each
            for each in pod["containers"][0]["env"]
            if each["name"] == "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"
        ]
        pod["containers"][0]["env"].remove(drain)
    assert same[0] == same[1]


def test_no_machine_is_both_spot_and_steady() -> None:
    way = "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms"
    steady, spot = (
        part(group, f"template.spec.{way}")
        for group in ray_cluster("production")["spec"]["workerGroupSpecs"]
    )
    (all_of,) = steady
    none_of = {(each["key"], *each["values"]) for each in all_of["matchExpressions"]}
    any_of = {(each["key"], *each["values"]) for term in spot for each in term["matchExpressions"]}
    assert none_of == any_of
    assert {each["operator"] for each in all_of["matchExpressions"]} == {"NotIn"}
    assert {len(term["matchExpressions"]) for term in spot} == {1}


@pytest.mark.parametrize("case", OVERLAYS)
def test_the_largest_cluster_has_a_slot_for_every_game_and_standby(case: str) -> None:
    settings = settings_of(case)
    room = {
        name: slots(each.resources, settings) * each.max_worker_nodes
        for name, each in workers(ray_cluster(case)).items()
    }
    assert room["game"] >= settings.challenges.max_games + settings.cluster.standby


@pytest.mark.parametrize("case", OVERLAYS)
def test_every_worker_holds_more_than_one_engine_actor(case: str) -> None:
    for each in workers(ray_cluster(case)).values():
        assert slots(each.resources, settings_of(case)) >= 2


@pytest.mark.parametrize("case", CASES)
def test_ray_is_tuned_alike_on_all_nodes_and_as_on_one_machine(case: str) -> None:
    for container in first_containers(ray_cluster(case)):
        given = environment(container)
        assert {name: given.get(name) for name in TUNING} == TUNING


@pytest.mark.parametrize("case", CASES)
def test_no_node_has_a_variable_of_ray_that_another_lacks(case: str) -> None:
    variables = [
        {
            name: value
            for name, value in environment(container).items()
            if name.startswith("RAY_") and not name.startswith(OF_ONE_KIND_OF_NODE)
        }
        for container in first_containers(ray_cluster(case))
    ]
    assert [each for each in variables if each != variables[0]] == []


@pytest.mark.parametrize("case", ["base", "production"])
def test_every_container_gets_what_it_asks_for(case: str) -> None:
    given = [each["resources"] for thing in rendered(case) for each in containers(thing)]
    given.append(ray_cluster(case)["spec"]["autoscalerOptions"]["resources"])
    assert [each["requests"] for each in given] == [each["limits"] for each in given]
    assert [set(each["limits"]) for each in given] == [{"cpu", "memory"}] * len(given)


def test_the_minimal_overlay_asks_for_little_and_never_for_more_memory_than_it_gets() -> None:
    given = [each["resources"] for thing in rendered("minimal") for each in containers(thing)]
    given.append(ray_cluster("minimal")["spec"]["autoscalerOptions"]["resources"])
    assert [each["requests"]["memory"] for each in given] == [
        each["limits"]["memory"] for each in given
    ]
    assert sum(parse_quantity(each["requests"]["cpu"]) for each in given) < 1
    assert sum(parse_quantity(each["requests"]["memory"]) for each in given) < 3.5 * 2**30
