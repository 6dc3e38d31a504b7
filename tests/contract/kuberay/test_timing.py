"""Timeouts that have to fit each other: drains, graces, idle nodes, probes, and spot notices."""

import pytest

from tests.contract.kuberay.rendered import CASES, ray_cluster
from tests.contract.manifests import Manifest, environment

SHORTEST_SPOT_NOTICE_S = 15
"""What GKE leaves to ordinary Pods of the 30 s; Azure's 30 s and Amazon's 120 s are longer."""
LONGEST_BOOT_S = 60
"""From the demand until a new node plays; 16 to 25 s were seen, without a machine to be bought."""


def drain_s(group: Manifest) -> int:
    first = group["template"]["spec"]["containers"][0]
    return int(environment(first)["RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S"] or "")


def grace_s(group: Manifest) -> int:
    return int(group["template"]["spec"]["terminationGracePeriodSeconds"])


def patience_s(probe: Manifest) -> int:
    """How long a container may fail before it is acted upon."""
    return int(probe["periodSeconds"] * probe["failureThreshold"])


def reconnect_s(group: Manifest) -> int:
    first = group["template"]["spec"]["containers"][0]
    return int(environment(first)["RAY_gcs_rpc_server_reconnect_timeout_s"] or "")


def misfits(cluster: Manifest) -> list[str]:
    """Every pair that does not fit."""
    head, workers = cluster["spec"]["headGroupSpec"], cluster["spec"]["workerGroupSpecs"]
    return [*_of_the_head(head), *(misfit for group in workers for misfit in _of_a_worker(group))]


def _of_the_head(head: Manifest) -> list[str]:
    first = head["template"]["spec"]["containers"][0]
    found = []
    if drain_s(head) != 0:
        found.append("the head drains, for actors that never leave it")
    if not 0 < grace_s(head) <= 5:
        found.append("a deleted head is replaced late")
    if patience_s(first["livenessProbe"]) * 2 > reconnect_s(head):
        found.append("a head that hangs is replaced when the workers have given up")
    if patience_s(first["startupProbe"]) < 120:
        found.append("a head that starts slowly is killed")
    return found


def _of_a_worker(group: Manifest) -> list[str]:
    first, name, found = group["template"]["spec"]["containers"][0], group["groupName"], []
    is_spot = name == "spot"
    if grace_s(group) < drain_s(group) + (3 if is_spot else 20):
        found.append(f"{name}: Kubernetes kills the Pod in the midst of Ray's drain")
    if is_spot and grace_s(group) > SHORTEST_SPOT_NOTICE_S:
        found.append(f"{name}: the machine is gone before the drain ends")
    if drain_s(group) < 10:
        found.append(f"{name}: no time to hand a game over")
    if not LONGEST_BOOT_S <= group["idleTimeoutSeconds"] <= 2 * LONGEST_BOOT_S:
        found.append(f"{name}: nodes go between two games, or stay for nobody")
    if not is_spot and drain_s(group) < 2 * LONGEST_BOOT_S:
        found.append(f"{name}: no time for a node to come")
    if patience_s(first["livenessProbe"]) <= reconnect_s(group):
        found.append(f"{name}: a probe ends games that only wait for the head")
    return found


@pytest.mark.parametrize("case", CASES)
def test_all_timeouts_fit_each_other(case: str) -> None:
    assert misfits(ray_cluster(case)) == []


@pytest.mark.parametrize("case", CASES)
def test_a_head_is_ready_soon_and_does_not_leave_its_service_for_a_moment(case: str) -> None:
    head = ray_cluster(case)["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]
    ready = head["readinessProbe"]
    assert "initialDelaySeconds" not in ready
    assert patience_s(ready) >= 30


@pytest.mark.parametrize("case", CASES)
def test_probes_ask_what_is_open_without_a_token(case: str) -> None:
    spec = ray_cluster(case)["spec"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        first = group["template"]["spec"]["containers"][0]
        for name in ("startupProbe", "readinessProbe", "livenessProbe"):
            assert first[name]["httpGet"] == {"path": "/api/healthz", "port": 52365}


@pytest.mark.parametrize("case", CASES)
def test_nobody_moves_the_head_to_save_a_machine(case: str) -> None:
    annotations = ray_cluster(case)["spec"]["headGroupSpec"]["template"]["metadata"]["annotations"]
    assert annotations == {
        "cluster-autoscaler.kubernetes.io/safe-to-evict": "false",
        "karpenter.sh/do-not-disrupt": "true",
    }
