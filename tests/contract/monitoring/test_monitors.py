"""What Prometheus Operator and Grafana are given, against what runs in the production overlay."""

import json

import pytest
import yaml
from ray.dashboard.modules.metrics import metrics_head

from actors.http.endpoints import api
from tests.contract.kuberay.pods import Pod, pods
from tests.contract.kuberay.rendered import named, of_kind, rendered
from tests.contract.kuberay.selectors import matches
from tests.contract.monitoring.parts import DASHBOARD, Part, alerts, document, documents

MONITORS = [document("service-monitor.yaml"), *documents("pod-monitors.yaml")]
CONFIG_MAP_LIMIT = 2**20


def endpoints(monitor: Part) -> list[Part]:
    spec = monitor["spec"]
    found: list[Part] = spec.get("endpoints") or spec["podMetricsEndpoints"]
    return found


def ray_pods() -> list[Pod]:
    kinds = {"head", "worker"}
    return [
        pod for pod in pods(rendered("production")) if pod.labels.get("ray.io/node-type") in kinds
    ]


@pytest.mark.parametrize("monitor", MONITORS, ids=lambda monitor: monitor["metadata"]["name"])
def test_whatever_is_scraped_is_labelled_with_its_cluster_as_ray_has_it(monitor: Part) -> None:
    labelling = {
        "action": "replace",
        "sourceLabels": ["__meta_kubernetes_pod_label_ray_io_cluster"],
        "targetLabel": "ray_io_cluster",
    }
    assert all(endpoint["relabelings"] == [labelling] for endpoint in endpoints(monitor))


def test_the_service_of_the_bot_is_found_by_its_label_and_its_port() -> None:
    monitor, service = (
        named("production", "ServiceMonitor", "crabstick"),
        named("production", "Service", "crabstick-http"),
    )
    assert matches(monitor["spec"]["selector"], service["metadata"]["labels"])
    ports = {port["name"] for port in service["spec"]["ports"]}
    assert {endpoint["port"] for endpoint in endpoints(monitor)} <= ports
    assert [endpoint["path"] for endpoint in endpoints(monitor)] == [api.url_path_for("metrics")]


def test_the_alerts_know_the_job_by_the_name_of_the_service() -> None:
    service = named("production", "Service", "crabstick-http")["metadata"]["name"]
    assert f'up{{job="{service}"}}' in alerts()["CrabstickDown"]["expr"]
    assert f'up{{job="{service}"}}' in alerts()["CrabstickMissing"]["expr"]


@pytest.mark.parametrize(
    ("name", "kind"), [("crabstick-ray-head", "head"), ("crabstick-ray-workers", "worker")]
)
def test_every_pod_of_ray_is_found_and_has_the_ports(name: str, kind: str) -> None:
    monitor = named("production", "PodMonitor", name)
    found = [pod for pod in ray_pods() if matches(monitor["spec"]["selector"], pod.labels)]
    assert found == [pod for pod in ray_pods() if pod.labels["ray.io/node-type"] == kind]
    for pod in found:
        ports = {port["name"] for port in pod.spec["containers"][0]["ports"]}
        assert {endpoint["port"] for endpoint in endpoints(monitor)} <= ports


def test_prometheus_is_let_in_wherever_it_scrapes() -> None:
    numbers = {
        port["name"]: port["containerPort"]
        for pod in ray_pods()
        for port in pod.spec["containers"][0]["ports"]
    }
    scraped = {numbers[endpoint["port"]] for monitor in MONITORS for endpoint in endpoints(monitor)}
    let_in = {
        port["port"]
        for policy in of_kind("production", "NetworkPolicy")
        for rule in policy["spec"].get("ingress", ())
        for source in rule.get("from", ())
        if "prometheus" in str(source.get("podSelector"))
        for port in rule["ports"]
    }
    assert scraped <= let_in


def test_the_dashboard_is_handed_to_grafana_whole() -> None:
    config_map = named("production", "ConfigMap", "crabstick-dashboard")
    assert config_map["metadata"]["labels"]["grafana_dashboard"] == "1"
    (text,) = config_map["data"].values()
    assert json.loads(text) == json.loads(DASHBOARD.read_text(encoding="utf-8"))
    assert len(yaml.safe_dump(config_map)) < CONFIG_MAP_LIMIT


def test_rays_dashboard_is_told_by_variables_that_ray_reads() -> None:
    known = {
        metrics_head.PROMETHEUS_HOST_ENV_VAR,
        metrics_head.GRAFANA_HOST_ENV_VAR,
        metrics_head.GRAFANA_IFRAME_HOST_ENV_VAR,
    }
    (head,) = [pod for pod in ray_pods() if pod.role == "head"]
    names = {variable["name"] for variable in head.spec["containers"][0]["env"]}
    assert known <= names
