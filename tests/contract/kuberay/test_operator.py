"""What the operator refuses after the API server took it, and what breaks at the first Pod.

Source of the operator's rules: KubeRay 1.7.0, `ray-operator/controllers/ray/utils/validation.go`.
"""

import re
from collections import Counter
from collections.abc import Iterable

import pytest

from tests.contract.kuberay.rendered import CASES, ray_cluster
from tests.contract.manifests import Manifest, containers, environment

BEHIND_GATES = {"networkPolicy", "tlsOptions", "historyServerOptions"}
"""Fields of features that are off by default."""
OF_THE_OPERATOR = {
    *("RAY_CLUSTER_NAME", "RAY_CLOUD_INSTANCE_ID", "RAY_NODE_TYPE_NAME", "RAY_ADDRESS"),
    *("RAY_enable_autoscaler_v2", "RAY_REDIS_ADDRESS", "REDIS_PASSWORD", "REDIS_USERNAME"),
}
SELECTED_BY_THE_OPERATOR = ("app.kubernetes.io/", "ray.io/")
DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
LONGEST_PORT_NAME = 15


def groups(case: str) -> list[Manifest]:
    """The head's group first."""
    spec = ray_cluster(case)["spec"]
    return [spec["headGroupSpec"], *spec["workerGroupSpecs"]]


def is_unique(names: Iterable[str]) -> bool:
    return max(Counter(names).values(), default=1) == 1


@pytest.mark.parametrize("case", CASES)
def test_v2_of_the_autoscaler_is_chosen_or_dead_pods_are_started_anew_under_it(case: str) -> None:
    spec = ray_cluster(case)["spec"]
    assert spec["enableInTreeAutoscaling"]
    assert spec["autoscalerOptions"]["version"] == "v2"
    assert not any("restartPolicy" in group["template"]["spec"] for group in groups(case))


@pytest.mark.parametrize("case", CASES)
def test_no_feature_behind_a_gate_is_used(case: str) -> None:
    spec = ray_cluster(case)["spec"]
    assert BEHIND_GATES & set(spec) == set()
    assert "backend" not in spec.get("gcsFaultToleranceOptions", {})


@pytest.mark.parametrize("case", CASES)
def test_no_change_of_the_manifest_ends_running_pods(case: str) -> None:
    assert {"suspend", "upgradeStrategy"} & set(ray_cluster(case)["spec"]) == set()
    assert not any("suspend" in group for group in groups(case))


@pytest.mark.parametrize("case", CASES)
def test_a_cluster_that_is_made_anew_starts_with_empty_state(case: str) -> None:
    cluster = ray_cluster(case)
    assert "externalStorageNamespace" not in cluster["spec"].get("gcsFaultToleranceOptions", {})
    assert "annotations" not in cluster["metadata"]


@pytest.mark.parametrize("case", CASES)
def test_worker_groups_have_legal_names_and_sizes_and_leave_replicas_to_the_autoscaler(
    case: str,
) -> None:
    _, *workers = groups(case)
    names = [group["groupName"] for group in workers]
    assert is_unique(names)
    assert all(DNS_LABEL.fullmatch(name) for name in names)
    for group in workers:
        assert "replicas" not in group
        assert 0 <= group["minReplicas"] <= group["maxReplicas"] >= 1


@pytest.mark.parametrize("case", CASES)
def test_start_parameters_are_strings_and_leave_resources_to_the_limits(case: str) -> None:
    head, *workers = groups(case)
    assert head["rayStartParams"] == {"num-cpus": "0"}
    assert [group["rayStartParams"] for group in workers] == [{}] * len(workers)
    assert not any({"resources", "labels"} & set(group) for group in groups(case))


@pytest.mark.parametrize("case", CASES)
def test_nothing_in_a_pod_has_the_name_of_another_thing(case: str) -> None:
    for group in groups(case):
        assert is_unique(volume["name"] for volume in group["template"]["spec"]["volumes"])
        for container in containers(group):
            ports = [port["name"] for port in container.get("ports", ())]
            assert is_unique(ports)
            assert all(len(name) <= LONGEST_PORT_NAME for name in ports)
            assert is_unique(variable["name"] for variable in container.get("env", ()))
            assert is_unique(mount["mountPath"] for mount in container.get("volumeMounts", ()))


@pytest.mark.parametrize("case", CASES)
def test_every_mount_is_of_a_volume_that_is_there(case: str) -> None:
    def mounted(container: Manifest) -> set[str]:
        return {mount["name"] for mount in container.get("volumeMounts", ())}

    volumes = [{one["name"] for one in g["template"]["spec"]["volumes"]} for g in groups(case)]
    for group, there in zip(groups(case), volumes, strict=True):
        assert all(mounted(container) <= there for container in containers(group))
    assert mounted(ray_cluster(case)["spec"]["autoscalerOptions"]) <= volumes[0]


@pytest.mark.parametrize("case", CASES)
def test_what_the_operator_sets_is_left_to_it(case: str) -> None:
    for group in groups(case):
        labels = group["template"].get("metadata", {}).get("labels", {})
        assert not any(label.startswith(SELECTED_BY_THE_OPERATOR) for label in labels)
        for container in containers(group):
            assert OF_THE_OPERATOR & set(environment(container)) == set()
