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

from tests.contract.check.test_overlays import problems
from tests.contract.kuberay.network import Place, may_reach
from tests.contract.kuberay.pods import pods
from tests.contract.kuberay.rendered import KUBERAY, rendered
from tests.contract.manifests import Manifest, containers
from tests.contract.test_docs_commands import code, text

PAGE = "kubernetes.md"
REDIS, LOGIN, PROXY = "A Redis of yours", "A registry that wants a login", "A proxy"
OURS = "crabstick-redis:6379"
STORE = "10.20.30.40", 6380
THEIRS = f"rediss://redis.example:{STORE[1]}"
COMPONENT = "../../components/redis"
WAY_OUT = "10.20.30.41", 3128


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
    shutil.copytree(KUBERAY / "overlays/production", tmp_path / "kuberay/overlays/mine")
    folder = tmp_path / "kuberay/overlays/mine"
    (folder / "ca.crt").write_text("a certificate", encoding="utf-8")

    def render(section: str, *, without: str = "", address: str = "") -> list[Manifest]:
        overlay = yaml.safe_load((folder / "kustomization.yaml").read_text(encoding="utf-8"))
        overlay["components"] = [each for each in overlay["components"] if each != without]
        for at, sample in enumerate(samples(section)):
            if "kind" in sample:
                (folder / f"{at}.yaml").write_text(yaml.safe_dump(sample), encoding="utf-8")
                overlay["resources"].append(f"{at}.yaml")
                continue
            for field, entries in sample.items():
                overlay[field] = entries if field == "images" else [*overlay[field], *entries]
        written = yaml.safe_dump(overlay)
        if address:
            written = written.replace(OURS, address)
        (folder / "kustomization.yaml").write_text(written, encoding="utf-8")
        command = ["kubectl", "kustomize", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        return [*yaml.safe_load_all(done.stdout)]

    return render


def reaches(things: list[Manifest], address: str, port: int) -> set[str]:
    """Which Pods reach an address outside."""
    policies = [thing for thing in things if thing["kind"] == "NetworkPolicy"]
    return {
        pod.role
        for pod in pods(things)
        if may_reach(
            policies,
            Place(address="10.244.0.7", namespace=pod.namespace, labels=pod.labels),
            Place(address=address),
            port,
        )
    }


def ray_containers(things: list[Manifest]) -> dict[str, Manifest]:
    """By what they are for."""
    return {
        pod.role: pod.spec["containers"][0]
        for pod in pods(things)
        if pod.labels.get("ray.io/is-ray-node") == "yes"
    }


def env(container: Manifest) -> dict[str, str]:
    return {each["name"]: each.get("value", "") for each in container["env"]}


def test_a_redis_of_ones_own_is_reached_by_the_head_and_by_the_job_that_clears_it(
    mine: Any,
) -> None:
    things = mine(REDIS, without=COMPONENT, address=THEIRS)
    (cluster,) = [thing for thing in things if thing["kind"] == "RayCluster"]
    assert cluster["spec"]["gcsFaultToleranceOptions"]["redisAddress"] == THEIRS
    assert reaches(things, *STORE) == {"head", "redis-cleanup"}
    assert reaches(rendered("production"), *STORE) == set()
    assert problems(things) == []


def test_a_certificate_for_redis_is_where_ray_is_told_to_look(mine: Any) -> None:
    things = mine(REDIS, without=COMPONENT, address=THEIRS)
    head = ray_containers(things)["redis-cleanup"]
    folder, name = env(head)["RAY_REDIS_CA_CERT"].rsplit("/", 1)
    (mount,) = [each for each in head["volumeMounts"] if each["mountPath"] == folder]
    (volume,) = [
        each
        for pod in pods(things)
        if pod.role == "head"
        for each in pod.spec["volumes"]
        if each["name"] == mount["name"]
    ]
    (held,) = [
        thing
        for thing in things
        if thing["kind"] == "ConfigMap" and thing["metadata"]["name"] == volume["configMap"]["name"]
    ]
    assert name in held["data"]


def test_ray_reads_the_variable_that_names_the_certificate() -> None:
    assert b"RAY_REDIS_CA_CERT" in Path(_raylet.__file__).read_bytes()


def test_every_image_comes_from_the_registry_of_ones_own(mine: Any) -> None:
    things = mine(LOGIN)
    images = {each["image"] for thing in things for each in containers(thing)}
    assert images == {"registry.example/crabstick:0.1.0", "registry.example/redis:7.2-bookworm"}


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
    assert problems(things) == []


def test_every_ray_container_knows_the_proxy_and_reaches_it(mine: Any) -> None:
    things = mine(PROXY)
    inside = ray_containers(things)
    assert set(inside) == {"head", "game", "spot", "redis-cleanup"}
    for container in inside.values():
        assert env(container)["HTTPS_PROXY"] == f"http://proxy.example:{WAY_OUT[1]}"
        assert {"localhost", ".svc", "10.0.0.0/8"} <= set(env(container)["NO_PROXY"].split(","))
    assert reaches(things, *WAY_OUT) == set(inside)
    assert reaches(rendered("production"), *WAY_OUT) == set()
    assert problems(things) == []
