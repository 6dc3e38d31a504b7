"""No secret in a file, no privilege in a container, no file system that a container may change."""

import pytest
from ray.autoscaler._private.kuberay.utils import parse_quantity

from tests.contract.kuberay.pods import Pod, pods
from tests.contract.kuberay.rendered import CASES, KUBERAY, of_kind, ray_cluster, rendered
from tests.contract.manifests import (
    REPOSITORY,
    Manifest,
    containers,
    environment,
    inline_secrets,
)

FILES = sorted(path for path in KUBERAY.rglob("*") if path.is_file() and path.suffix != ".json")
HARMLESS_VOLUMES = {"configMap", "emptyDir", "projected", "secret", "persistentVolumeClaim"}
HOME = "/home/crabstick"


def all_pods(case: str) -> list[Pod]:
    return pods(rendered(case))


def all_containers(case: str) -> list[Manifest]:
    """Those that we write, and the autoscaler's, which the operator makes of its options."""
    found = [container for thing in rendered(case) for container in containers(thing)]
    options = ray_cluster(case)["spec"]["autoscalerOptions"]
    return [*found, {"name": "autoscaler", **options}]


def loose(container: Manifest) -> list[str]:
    """What keeps it from the strictest of Kubernetes's Pod Security Standards, and from being
    read-only besides.
    """
    context = container.get("securityContext", {})
    wanted = {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "readOnlyRootFilesystem": True,
    }
    found = [name for name, value in wanted.items() if context.get(name) != value]
    return found + [name for name in context if name not in wanted]


def loose_pod(spec: Manifest) -> list[str]:
    """The same for what a whole Pod says."""
    context = spec.get("securityContext", {})
    found = [] if context.get("runAsNonRoot") is True else ["runAsNonRoot"]
    found += [] if context.get("runAsUser", 0) > 0 else ["runAsUser"]
    found += [] if context.get("seccompProfile") == {"type": "RuntimeDefault"} else ["seccomp"]
    found += [field for field in spec if field.startswith("host")]
    kinds = {kind for volume in spec.get("volumes", ()) for kind in set(volume) - {"name"}}
    return found + sorted(kinds - HARMLESS_VOLUMES)


@pytest.mark.parametrize("case", CASES)
def test_every_container_is_locked_up(case: str) -> None:
    found = {each["name"]: loose(each) for each in all_containers(case)}
    assert {"ray-head", "ray-worker", "autoscaler", "keeper"} <= set(found)
    assert {name: problems for name, problems in found.items() if problems} == {}


@pytest.mark.parametrize("case", CASES)
def test_every_pod_runs_as_nobody_special(case: str) -> None:
    found = {pod.role: loose_pod(pod.spec) for pod in all_pods(case)}
    assert {role: problems for role, problems in found.items() if problems} == {}


@pytest.mark.parametrize("case", CASES)
def test_ray_and_the_keeper_may_write_to_tmp_and_home_and_nowhere_else(case: str) -> None:
    for container in all_containers(case):
        mounts = container.get("volumeMounts", ())
        writable = {each["mountPath"] for each in mounts if not each.get("readOnly")}
        if container["name"] == "wait-for-head":
            assert writable == set()
        elif container["name"] != "redis":
            assert writable == {"/tmp", HOME}  # noqa: S108
            assert environment(container)["HOME"] == HOME


@pytest.mark.parametrize("case", CASES)
def test_what_is_written_is_gone_with_the_pod_and_cannot_fill_the_disk_of_a_machine(
    case: str,
) -> None:
    for pod in all_pods(case):
        volumes = {volume["name"]: volume for volume in pod.spec.get("volumes", ())}
        for mount in pod.spec["containers"][0]["volumeMounts"]:
            if not mount.get("readOnly") and pod.role != "redis":
                limit = parse_quantity(volumes[mount["name"]]["emptyDir"]["sizeLimit"])
                assert 2**28 <= limit <= 2**33


@pytest.mark.parametrize("case", CASES)
def test_no_pod_gets_a_token_of_the_kubernetes_api_by_itself(case: str) -> None:
    accounts = of_kind(case, "ServiceAccount")
    assert {pod.spec["serviceAccountName"] for pod in all_pods(case)} == {
        account["metadata"]["name"] for account in accounts
    }
    assert {account["automountServiceAccountToken"] for account in accounts} == {False}
    assert {pod.spec["automountServiceAccountToken"] for pod in all_pods(case)} == {False}


@pytest.mark.parametrize("case", CASES)
def test_tokens_and_passwords_come_from_secrets(case: str) -> None:
    sources = {
        variable["name"]: variable.get("valueFrom", {}).get("secretKeyRef", {}).get("name")
        for container in all_containers(case)
        for variable in container.get("env", ())
        if any(word in variable["name"] for word in ("TOKEN", "AUTH", "PASSWORD"))
    }
    mode, redis = sources.pop("RAY_AUTH_MODE"), sources.pop("REDISCLI_AUTH", None)
    assert (mode, redis) == (None, "crabstick-redis" if case == "production" else None)
    assert sources == {
        "LICHESS_BOT_TOKEN": "crabstick-tokens",
        "CRABSTICK_ADMIN_TOKEN": "crabstick-tokens",
        "RAY_AUTH_TOKEN": "crabstick",  # the operator's own, named as the RayCluster
    }


@pytest.mark.parametrize("case", CASES)
def test_head_and_workers_hold_the_token_of_lichess_and_the_head_alone_that_of_shutdown(
    case: str,
) -> None:
    cluster = ray_cluster(case)["spec"]
    (head,) = cluster["headGroupSpec"]["template"]["spec"]["containers"]
    assert {"LICHESS_BOT_TOKEN", "CRABSTICK_ADMIN_TOKEN"} <= set(environment(head))
    for group in cluster["workerGroupSpecs"]:
        (worker,) = group["template"]["spec"]["containers"]
        assert "LICHESS_BOT_TOKEN" in environment(worker)
        assert "CRABSTICK_ADMIN_TOKEN" not in environment(worker)


@pytest.mark.parametrize("case", CASES)
def test_no_overlay_brings_a_secret_along(case: str) -> None:
    assert "Secret" not in {thing["kind"] for thing in rendered(case)}
    texts = [str(thing) for thing in rendered(case) if "dashboard" not in thing["metadata"]["name"]]
    assert [word for text in texts for word in inline_secrets(text)] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_no_file_holds_a_secret(path: object) -> None:
    text = (REPOSITORY / str(path)).read_text(encoding="utf-8")
    assert inline_secrets(text) == []
    assert "kind: Secret" not in text
