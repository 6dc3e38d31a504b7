"""A real Prometheus that scrapes a bot as the monitoring component would have it."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
import requests
import yaml

from actors.local_ray.ports import free_port
from tests.contract.monitoring.parts import Part, document, documents, rule_file

CLUSTER = "crabstick-test"
INSTALLED = shutil.which("prometheus") is not None
SCRAPE_EVERY = "1s"
PATIENCE_S = 30
GRAFANAS_WORDS = {
    "$__rate_interval": "1m",
    "$__range_s": "600",
    "$__range": "10m",
    "$__interval": "15s",
    "$Cluster": CLUSTER,
    "$SessionName": ".+",
    "$node_price": "0.10",
    "$head_price": "0.05",
}


class Prometheus:
    """Its HTTP API; blocks."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, page: str, **parameters: str) -> Any:
        """The data of an answer."""
        answer = requests.get(f"{self.url}/api/v1/{page}", params=parameters, timeout=10).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def values(self, expression: str) -> list[float]:
        """What an expression of the dashboard is now, without what is no number."""
        for word, meaning in GRAFANAS_WORDS.items():
            expression = re.sub(rf"{re.escape(word)}(?!\w)", meaning, expression)
        found = [float(one["value"][1]) for one in self.ask("query", query=expression)["result"]]
        return [value for value in found if value == value]  # noqa: PLR0124 -- NaN is not

    def is_scraping(self) -> bool:
        """Whether bot and Ray have been scraped, and well."""
        targets = self.ask("targets", state="active")["activeTargets"]
        return {(one["scrapePool"], one["health"]) for one in targets} == {
            ("crabstick-http", "up"),
            ("ray", "up"),
        }


def configuration(http: str) -> Part:
    """As Prometheus Operator would derive it from the monitors, but for where the targets are."""
    (bot,) = document("service-monitor.yaml")["spec"]["endpoints"]
    ports = [
        endpoint["port"]
        for monitor in documents("pod-monitors.yaml")
        for endpoint in monitor["spec"]["podMetricsEndpoints"]
    ]
    assert "metrics" in ports
    nodes = ray.nodes()  # type: ignore[no-untyped-call]  # Ray's
    rays = [
        f"{node['NodeManagerAddress']}:{node['MetricsExportPort']}"
        for node in nodes
        if node["Alive"]
    ]
    return {
        "global": {"scrape_interval": SCRAPE_EVERY, "evaluation_interval": SCRAPE_EVERY},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [
            _job("crabstick-http", bot["path"], [http.removeprefix("http://")], bot),
            _job("ray", "/metrics", rays, bot),
        ],
    }


def _job(name: str, path: str, targets: list[str], endpoint: Part) -> Part:
    """The label comes from a Pod's label in the manifests; here it stands in the place of that."""
    (relabeling,) = endpoint["relabelings"]
    (source,) = relabeling["sourceLabels"]
    return {
        "job_name": name,
        "metrics_path": path,
        "static_configs": [{"targets": targets, "labels": {source: CLUSTER}}],
        "relabel_configs": [
            {
                "action": relabeling["action"],
                "source_labels": relabeling["sourceLabels"],
                "target_label": relabeling["targetLabel"],
            }
        ],
    }


@contextmanager
def scraping(http: str, folder: Path) -> Iterator[Prometheus]:
    """A Prometheus that scrapes the bot behind `http`, and the Ray that we are connected to."""
    (folder / "rules.yaml").write_text(yaml.safe_dump(rule_file()))
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(configuration(http)))
    port = free_port()
    command = [
        "prometheus",
        f"--config.file={folder / 'prometheus.yaml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield Prometheus(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
