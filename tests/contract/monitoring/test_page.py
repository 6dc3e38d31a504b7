"""The samples of docs/monitoring.md, given to the programs that they are for."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

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
