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


def groups(case: str) -> tuple[Manifest, list[Manifest]]:
    """The head's, and those of the workers."""
    spec = ray_cluster(case)["spec"]
    return spec["headGroupSpec"], spec["workerGroupSpecs"]


@pytest.mark.parametrize("case", CASES)
def test_a_deleted_head_is_replaced_at_once_since_its_actors_never_leave_it(case: str) -> None:
    head, _ = groups(case)
    assert drain_s(head) == 0
    assert 0 < grace_s(head) <= 5


@pytest.mark.parametrize("case", CASES)
def test_a_head_that_hangs_is_replaced_while_the_workers_still_wait(case: str) -> None:
    head, _ = groups(case)
    first = head["template"]["spec"]["containers"][0]
    assert patience_s(first["livenessProbe"]) * 2 <= reconnect_s(head)
    assert patience_s(first["startupProbe"]) >= 120


@pytest.mark.parametrize("case", CASES)
def test_a_worker_has_time_to_hand_its_games_over(case: str) -> None:
    for group in groups(case)[1]:
        is_spot = group["groupName"] == "spot"
        assert grace_s(group) >= drain_s(group) + (3 if is_spot else 20)
        assert drain_s(group) >= (10 if is_spot else 2 * LONGEST_BOOT_S)
        assert not is_spot or grace_s(group) <= SHORTEST_SPOT_NOTICE_S


@pytest.mark.parametrize("case", CASES)
def test_a_node_outlives_the_pause_between_two_games_and_not_much_more(case: str) -> None:
    for group in groups(case)[1]:
        assert LONGEST_BOOT_S <= group["idleTimeoutSeconds"] <= 2 * LONGEST_BOOT_S


@pytest.mark.parametrize("case", CASES)
def test_no_probe_ends_games_that_only_wait_for_the_head(case: str) -> None:
    for group in groups(case)[1]:
        first = group["template"]["spec"]["containers"][0]
        assert patience_s(first["livenessProbe"]) > reconnect_s(group)


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
