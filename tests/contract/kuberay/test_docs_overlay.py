"""What docs/kubernetes.md shows of overlays fits: put into a copy of `production`, it renders."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from ray import _raylet

from tests.contract.kuberay.network import Place, may_reach
from tests.contract.kuberay.pods import pods
from tests.contract.kuberay.rendered import KUBERAY, rendered
from tests.contract.manifests import Manifest
from tests.contract.test_docs_commands import code, text

PAGE = "kubernetes.md"
OUTSIDE, LOGIN = (
    "A Redis, a proxy or a private Lichess of your own",
    "A registry that wants a login",
)
OURS = "crabstick-redis:6379"
ADDRESS, PORT = "10.20.30.40", 6380
COMPONENT = "../../components/redis"


def samples(section: str) -> Iterator[Manifest]:
    """The blocks of YAML in a section."""
    match = re.search(rf"^### {section}\n(.*?)^##", text(PAGE), re.MULTILINE | re.DOTALL)
    assert match is not None
    for block in re.findall(r"^```yaml\n(.*?)^```$", match[1], re.MULTILINE | re.DOTALL):
        yield yaml.safe_load(block)


@pytest.fixture
def mine(tmp_path: Path) -> Any:
    """Renders a copy of `production` with the samples of a section in it."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed, so nothing can be rendered")
    shutil.copytree(KUBERAY, tmp_path / "kuberay")
    folder = tmp_path / "kuberay/overlays/mine"
    shutil.copytree(KUBERAY / "overlays/production", folder)

    def render(section: str, *, redis: str = "") -> list[Manifest]:
        overlay = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
        for at, sample in enumerate(samples(section)):
            if "kind" in sample:
                (folder / f"{at}.yaml").write_text(yaml.safe_dump(sample), encoding="utf-8")
                overlay["resources"].append(f"{at}.yaml")
                continue
            for field, entries in sample.items():
                overlay[field] = [*overlay[field], *entries]
        if redis:
            overlay["components"].remove(COMPONENT)
        written = yaml.safe_dump(overlay).replace(OURS, redis or OURS)
        (folder / "kustomization.yaml").write_text(written, encoding="utf-8")
        command = ["kubectl", "kustomize", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return [*yaml.safe_load_all(done.stdout)]

    return render


def way_out(things: list[Manifest]) -> set[str]:
    """Which Pods reach the address of the sample."""
    policies = [thing for thing in things if thing["kind"] == "NetworkPolicy"]
    return {
        pod.role
        for pod in pods(things)
        if may_reach(
            policies,
            Place(address="10.244.0.7", namespace=pod.namespace, labels=pod.labels),
            Place(address=ADDRESS),
            PORT,
        )
    }


def test_a_redis_of_ones_own_is_reached_by_the_head_and_by_the_job_that_clears_it(
    mine: Any,
) -> None:
    theirs = f"rediss://redis.example:{PORT}"
    things = mine(OUTSIDE, redis=theirs)
    (cluster,) = [thing for thing in things if thing["kind"] == "RayCluster"]
    assert cluster["spec"]["gcsFaultToleranceOptions"]["redisAddress"] == theirs
    assert {"head", "redis-cleanup"} <= way_out(things)


def test_ray_reads_the_variable_that_names_the_certificate() -> None:
    (name,) = set(re.findall(r"`(RAY_REDIS_\w+)`", text(PAGE)))
    assert name.encode() in Path(_raylet.__file__).read_bytes()


def test_every_ray_container_knows_the_proxy_and_reaches_it_and_nothing_did_before(
    mine: Any,
) -> None:
    things = mine(OUTSIDE)
    inside = [pod for pod in pods(things) if pod.labels.get("ray.io/is-ray-node") == "yes"]
    for pod in inside:
        env = {each["name"]: each.get("value", "") for each in pod.spec["containers"][0]["env"]}
        assert env["HTTPS_PROXY"] == f"http://proxy.example:{PORT}"
        assert {"localhost", ".svc", "10.0.0.0/8"} <= set(env["NO_PROXY"].split(","))
    assert way_out(things) == {pod.role for pod in inside}
    assert way_out(rendered("production")) == set()


def test_every_account_of_a_pod_has_the_login_that_the_page_makes(mine: Any) -> None:
    things = mine(LOGIN)
    made = re.findall(r"create secret docker-registry (\S+)", code(PAGE))
    accounts = {
        thing["metadata"]["name"]: [each["name"] for each in thing.get("imagePullSecrets", ())]
        for thing in things
        if thing["kind"] == "ServiceAccount"
    }
    assert {pod.spec["serviceAccountName"] for pod in pods(things)} == set(accounts)
    assert all(names == made for names in accounts.values())
