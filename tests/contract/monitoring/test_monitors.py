"""What Prometheus Operator and Grafana are given, against what runs in the production overlay."""

import json
import shutil
import subprocess
from functools import cache

import pytest
import yaml
from ray.dashboard.modules.metrics import metrics_head

from actors.http.app import api
from tests.contract.monitoring.parts import (
    COMPONENT,
    DASHBOARD,
    Part,
    alerts,
    document,
    documents,
    rule_file,
)

OVERLAY = COMPONENT.parents[1] / "overlays" / "production"
GROUP = "monitoring.coreos.com/v1"
RELABELING = {"action", "sourceLabels", "targetLabel"}
ENDPOINT = {"port", "path", "interval", "scrapeTimeout", "relabelings"}
MONITORS = [document("service-monitor.yaml"), *documents("pod-monitors.yaml")]
CONFIG_MAP_LIMIT = 2**20


@cache
def rendered() -> tuple[Part, ...]:
    """What the overlay would send to the cluster."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl is not installed, so the overlay cannot be rendered")
    command = ["kubectl", "kustomize", str(OVERLAY)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    return tuple(yaml.safe_load_all(done.stdout))


def one(kind: str, name: str) -> Part:
    (found,) = [
        part for part in rendered() if (part["kind"], part["metadata"]["name"]) == (kind, name)
    ]
    return found


def pods() -> list[tuple[dict[str, str], Part]]:
    """The labels that the operator gives to Pods, and what is in them."""
    spec = one("RayCluster", "crabstick")["spec"]
    groups = [("head", spec["headGroupSpec"]), *(("worker", g) for g in spec["workerGroupSpecs"])]
    return [
        ({"ray.io/cluster": "crabstick", "ray.io/node-type": kind}, group["template"]["spec"])
        for kind, group in groups
    ]


def endpoints(monitor: Part) -> list[Part]:
    spec = monitor["spec"]
    found: list[Part] = spec.get("endpoints") or spec["podMetricsEndpoints"]
    return found


def selects(selector: Part, labels: dict[str, str]) -> bool:
    wanted: dict[str, str] = selector["matchLabels"]
    return wanted.items() <= labels.items()


@pytest.mark.parametrize("monitor", MONITORS, ids=lambda monitor: monitor["metadata"]["name"])
def test_a_monitor_has_only_fields_of_prometheus_operator(monitor: Part) -> None:
    assert monitor["apiVersion"] == GROUP
    kind = {"ServiceMonitor": "endpoints", "PodMonitor": "podMetricsEndpoints"}[monitor["kind"]]
    assert monitor["spec"].keys() == {"selector", kind}
    for endpoint in endpoints(monitor):
        assert endpoint.keys() <= ENDPOINT
        assert all(step.keys() == RELABELING for step in endpoint["relabelings"])


@pytest.mark.parametrize("monitor", MONITORS, ids=lambda monitor: monitor["metadata"]["name"])
def test_whatever_is_scraped_is_labelled_with_its_cluster_as_ray_has_it(monitor: Part) -> None:
    labelling = {
        "action": "replace",
        "sourceLabels": ["__meta_kubernetes_pod_label_ray_io_cluster"],
        "targetLabel": "ray_io_cluster",
    }
    assert all(endpoint["relabelings"] == [labelling] for endpoint in endpoints(monitor))


def test_the_rules_are_a_rule_file_of_prometheus_and_nothing_else() -> None:
    rule = document("alerts.yaml")
    assert (rule["apiVersion"], rule["kind"]) == (GROUP, "PrometheusRule")
    assert rule_file().keys() == {"groups"}
    for group in rule_file()["groups"]:
        assert group.keys() == {"name", "interval", "rules"}
        for one_of_it in group["rules"]:
            assert one_of_it.keys() - {"for"} == {"alert", "expr", "labels", "annotations"}


def test_the_service_of_the_bot_is_found_by_its_label_and_its_port() -> None:
    monitor, service = one("ServiceMonitor", "crabstick"), one("Service", "crabstick-http")
    assert selects(monitor["spec"]["selector"], service["metadata"]["labels"])
    ports = {port["name"] for port in service["spec"]["ports"]}
    assert {endpoint["port"] for endpoint in endpoints(monitor)} <= ports
    assert [endpoint["path"] for endpoint in endpoints(monitor)] == [api.url_path_for("metrics")]


def test_the_alerts_know_the_job_by_the_name_of_the_service() -> None:
    service = one("Service", "crabstick-http")["metadata"]["name"]
    assert f'up{{job="{service}"}}' in alerts()["CrabstickDown"]["expr"]
    assert f'up{{job="{service}"}}' in alerts()["CrabstickMissing"]["expr"]


@pytest.mark.parametrize(
    ("name", "kind"), [("crabstick-ray-head", "head"), ("crabstick-ray-workers", "worker")]
)
def test_every_pod_of_ray_is_found_and_has_the_ports(name: str, kind: str) -> None:
    monitor = one("PodMonitor", name)
    found = [
        (labels, spec) for labels, spec in pods() if selects(monitor["spec"]["selector"], labels)
    ]
    wanted = [labels for labels, _ in pods() if labels["ray.io/node-type"] == kind]
    assert [labels for labels, _ in found] == wanted
    for _, spec in found:
        ports = [port["name"] for port in spec["containers"][0]["ports"]]
        assert len(ports) == len(set(ports))
        assert {endpoint["port"] for endpoint in endpoints(monitor)} <= set(ports)


def test_prometheus_is_let_in_wherever_it_scrapes() -> None:
    numbers = {
        port["name"]: port["containerPort"]
        for _, spec in pods()
        for port in spec["containers"][0]["ports"]
    }
    scraped = {numbers[endpoint["port"]] for monitor in MONITORS for endpoint in endpoints(monitor)}
    policies = [part for part in rendered() if part["kind"] == "NetworkPolicy"]
    let_in = {
        port["port"]
        for policy in policies
        for rule in policy["spec"].get("ingress", ())
        for source in rule.get("from", ())
        if "prometheus" in str(source.get("podSelector"))
        for port in rule["ports"]
    }
    assert scraped <= let_in


def test_the_dashboard_is_handed_to_grafana_whole() -> None:
    config_map = one("ConfigMap", "crabstick-dashboard")
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
    head = next(spec for labels, spec in pods() if labels["ray.io/node-type"] == "head")
    names = {variable["name"] for variable in head["containers"][0]["env"]}
    assert known <= names


def test_everything_of_ours_is_marked_as_part_of_it() -> None:
    own = [*MONITORS, document("alerts.yaml"), document("network-policy.yaml")]
    for part in own:
        assert part["metadata"]["labels"]["app.kubernetes.io/part-of"] == "crabstick"
