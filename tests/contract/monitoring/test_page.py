"""The samples of docs/monitoring.md, given to the programs that they are for."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.contract.check.test_overlays import problems
from tests.contract.kuberay.network import Place, may_reach
from tests.contract.kuberay.pods import pods
from tests.contract.kuberay.rendered import of_kind, rendered
from tests.contract.monitoring.parts import COMPONENT, alerts

REPOSITORY = COMPONENT.parents[2]
PAGE = (REPOSITORY / "docs" / "monitoring.md").read_text(encoding="utf-8")


def sample(language: str, beginning: str) -> str:
    """The block of code in that language that begins so."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    (found,) = [block for block in blocks if block.startswith(beginning)]
    return str(found)


def test_a_prometheus_without_kubernetes_reads_what_the_page_shows(tmp_path: Path) -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    into = tmp_path / "crabstick-alerts.yaml"
    extract = sample("sh", "python -c").replace("> crabstick-alerts.yaml", f"> {into}")
    command = ["sh", "-ec", extract]
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(command, cwd=REPOSITORY, env={"PATH": path}, check=True, timeout=60)
    configuration = tmp_path / "prometheus.yml"
    configuration.write_text(sample("yaml", "# prometheus.yml"))
    command = ["promtool", "check", "config", str(configuration)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(alerts())} rules found" in checked.stdout


def test_the_jobs_of_the_page_are_those_that_the_alerts_know() -> None:
    scrapes = yaml.safe_load(sample("yaml", "# prometheus.yml"))["scrape_configs"]
    names = {job["job_name"] for job in scrapes}
    known = {job for rule in alerts().values() for job in re.findall(r'job="(.*?)"', rule["expr"])}
    assert known <= names


def test_the_component_is_named_as_an_overlay_would() -> None:
    (path,) = yaml.safe_load(sample("yaml", "components:"))["components"]
    assert (REPOSITORY / "kuberay" / "overlays" / "production" / path).resolve() == COMPONENT


def test_the_page_names_every_file_of_the_component() -> None:
    files = {path.name for path in COMPONENT.iterdir()} - {"kustomization.yaml"}
    assert {name for name in files if f"`{name}`" not in PAGE} == set()


@pytest.mark.parametrize("role", ["head", "game"])
@pytest.mark.parametrize("port", [3100, 8080])
def test_a_sidecar_reaches_loki_by_the_policy_of_the_page_and_not_without(
    role: str, port: int
) -> None:
    (pod,) = [each for each in pods(rendered("base")) if each.role == role]
    sidecar = Place(address="10.244.0.7", namespace=pod.namespace, labels=pod.labels)
    loki = Place(address="10.244.0.8", namespace="loki", labels={"app.kubernetes.io/name": "loki"})
    ours = of_kind("base", "NetworkPolicy")
    more = yaml.safe_load(sample("yaml", "apiVersion: networking.k8s.io/v1"))
    more["metadata"]["namespace"] = pod.namespace  # the overlay's
    assert not may_reach(ours, sidecar, loki, port)
    assert may_reach([*ours, more], sidecar, loki, port)


@pytest.mark.parametrize(
    ("role", "volume", "path"),
    [("head", "ray-logs", "/tmp/ray"), ("game", "tmp", "/tmp")],  # noqa: S108  # in a Pod
)
def test_a_sidecar_finds_ray_s_files_on_the_volume_that_the_page_names(
    role: str, volume: str, path: str
) -> None:
    assert f"`{volume}`, at `{path}`" in PAGE
    things = rendered("base")
    (pod,) = [each for each in pods(things) if each.role == role]
    ray, *_ = pod.spec["containers"]
    if role == "game":  # on the head the operator adds it
        assert {"name": volume, "mountPath": path} in ray["volumeMounts"]
    mounts = [{"name": volume, "mountPath": path, "readOnly": True}]
    pod.spec["containers"].append({**ray, "name": "alloy", "volumeMounts": mounts})
    assert problems(things) == []
