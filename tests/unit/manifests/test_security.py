"""Pods that a namespace labelled `restricted` refuses are told, by the first of the reasons."""

from typing import Any

import pytest

from tests.unit.manifests.clusters import Manifest, problems, said, spoiled

GAME = "spec.workerGroupSpecs.0.template.spec"
CONTAINER = f"{GAME}.containers.0"
SECURITY = f"{CONTAINER}.securityContext"
POINT = "Pod security"


def a_namespace(level: str) -> Manifest:
    labels = {"pod-security.kubernetes.io/enforce": level}
    return {"kind": "Namespace", "metadata": {"name": "crabstick", "labels": labels}}


REFUSED = [
    (f"{GAME}.hostNetwork", True, "hostNetwork", "false"),
    (f"{GAME}.hostPID", True, "hostPID", "false"),
    (f"{GAME}.hostIPC", True, "hostIPC", "false"),
    (
        f"{GAME}.volumes.+",
        {"name": "disk", "hostPath": {"path": "/"}},
        "volumes[1].hostPath",
        "left out",
    ),
    (f"{SECURITY}.privileged", True, "privileged", "false"),
    (f"{SECURITY}.allowPrivilegeEscalation", None, "allowPrivilegeEscalation", "false"),
    (f"{SECURITY}.capabilities", {"drop": ["NET_RAW"]}, "capabilities.drop", '["ALL"]'),
    (
        f"{SECURITY}.capabilities",
        {"drop": ["ALL"], "add": ["SYS_ADMIN"]},
        "capabilities.add",
        "left out",
    ),
    (f"{SECURITY}.runAsUser", 0, "runAsUser", "that of somebody else than root, such as 1000"),
    (f"{GAME}.securityContext.runAsUser", 0, "runAsUser", "that of somebody else"),
    (f"{GAME}.securityContext.runAsNonRoot", None, "runAsNonRoot", "true"),
    (f"{SECURITY}.runAsNonRoot", False, "runAsNonRoot", "true"),
    (f"{GAME}.securityContext.seccompProfile", None, "seccompProfile.type", "RuntimeDefault"),
    (f"{SECURITY}.seccompProfile", {"type": "Unconfined"}, "seccompProfile.type", "RuntimeDef"),
    (
        f"{CONTAINER}.ports",
        [{"containerPort": 1, "hostPort": 1}],
        "ports[0].hostPort",
        "left out",
    ),
]


@pytest.mark.parametrize(("path", "value", "field", "wanted"), REFUSED)
def test_a_pod_that_is_refused_is_told(path: str, value: Any, field: str, wanted: str) -> None:
    cluster = spoiled(path, value)
    (words,) = said(POINT, cluster)
    assert words.startswith("a namespace labelled restricted refuses them: spec.workerGroupSpecs")
    assert f"{field} would have to be {wanted}" in words
    assert problems(cluster) == problems(cluster, a_namespace("baseline")) == []


@pytest.mark.parametrize(("path", "value", "field", "wanted"), REFUSED)
def test_it_is_a_fault_where_the_namespace_is_so(
    path: str, value: Any, field: str, wanted: str
) -> None:
    (words,) = problems(spoiled(path, value), a_namespace("restricted"))
    assert f"{field} must be {wanted}" in words
    assert words.endswith(": the namespace crabstick is restricted")


def test_a_container_may_say_itself_what_its_pod_does_not() -> None:
    cluster = spoiled(f"{GAME}.securityContext", None)
    nobody = {"runAsNonRoot": True, "seccompProfile": {"type": "Localhost"}}
    own = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, **nobody}
    assert problems(spoiled(SECURITY, own, cluster), a_namespace("restricted")) == []


def test_a_low_port_may_be_listened_at() -> None:
    capabilities = {"drop": ["ALL"], "add": ["NET_BIND_SERVICE"]}
    cluster = spoiled(f"{SECURITY}.capabilities", capabilities)
    assert said(POINT, cluster) == ["let into a namespace labelled restricted"]


def test_the_autoscaler_is_a_container_of_the_head_s_pod() -> None:
    (words,) = said(POINT, spoiled("spec.autoscalerOptions.securityContext", None))
    assert "spec.autoscalerOptions.securityContext.allowPrivilegeEscalation" in words
    assert words.endswith("(and 1 more problem)")
    alone = spoiled("spec.enableInTreeAutoscaling", None)
    assert said(POINT, spoiled("spec.autoscalerOptions.securityContext", None, alone)) == [
        "let into a namespace labelled restricted"
    ]
