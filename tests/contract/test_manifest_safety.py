"""No secrets in a deployment file, and no privileges in a container."""

import pytest

from tests.contract.manifests import (
    DEPLOYMENT_FILES,
    REPOSITORY,
    Manifest,
    containers,
    environment,
    inline_secrets,
    keeper,
    part,
    ray_cluster,
)

AUTOSCALER = "spec.autoscalerOptions"
HEAD_POD = "spec.headGroupSpec.template.spec"
GAME_POD = "spec.workerGroupSpecs.0.template.spec"


@pytest.mark.parametrize("manifest", [ray_cluster(), keeper()], ids=["cluster", "keeper"])
def test_no_container_has_privileges(manifest: Manifest) -> None:
    contexts = [container["securityContext"] for container in containers(manifest)]
    if manifest["kind"] == "RayCluster":
        contexts.append(part(manifest, f"{AUTOSCALER}.securityContext"))
    assert {context["allowPrivilegeEscalation"] for context in contexts} == {False}
    assert [context["capabilities"] for context in contexts] == [{"drop": ["ALL"]}] * len(contexts)


@pytest.mark.parametrize(
    "pod",
    [
        part(ray_cluster(), HEAD_POD),
        part(ray_cluster(), GAME_POD),
        part(keeper(), "spec.template.spec"),
    ],
    ids=["head", "worker", "keeper"],
)
def test_no_pod_runs_as_root(pod: Manifest) -> None:
    context = pod["securityContext"]
    assert (context["runAsNonRoot"], context["runAsUser"]) == (True, 1000)


def test_tokens_come_from_secrets() -> None:
    sources = {
        variable["name"]: variable.get("valueFrom", {}).get("secretKeyRef", {}).get("name")
        for manifest in (ray_cluster(), keeper())
        for container in containers(manifest)
        for variable in container["env"]
        if "TOKEN" in variable["name"]
    }
    assert sources == {
        "LICHESS_BOT_TOKEN": "crabstick-tokens",
        "CRABSTICK_ADMIN_TOKEN": "crabstick-tokens",
        "RAY_AUTH_TOKEN": "crabstick",  # the operator's own, named as the RayCluster
    }


@pytest.mark.parametrize("pod", [HEAD_POD, GAME_POD])
def test_head_and_workers_hold_the_token_of_lichess(pod: str) -> None:
    (container,) = part(ray_cluster(), pod)["containers"]
    assert "LICHESS_BOT_TOKEN" in environment(container)


@pytest.mark.parametrize("name", DEPLOYMENT_FILES)
def test_no_deployment_file_holds_a_secret(name: str) -> None:
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    assert inline_secrets(text) == []
    assert "kind: Secret" not in text


@pytest.mark.parametrize("secret", ["lip_notARealToken", "0123456789abcdef" * 4])
def test_an_inline_secret_would_be_seen(secret: str) -> None:
    assert inline_secrets(f"value: {secret}\n") == [secret]
