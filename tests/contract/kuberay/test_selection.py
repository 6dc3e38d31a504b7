"""Selectors mean the Pods that they are meant for, and names lead to objects that are there."""

import pytest

from tests.contract.kuberay.pods import pods
from tests.contract.kuberay.rendered import CASES, OVERLAYS, named, of_kind, ray_cluster, rendered
from tests.contract.kuberay.selectors import selected
from tests.contract.manifests import Manifest, containers, environment

MADE_BY_THE_OPERATOR = {"crabstick"}
"""Ray's token: a Secret that is called as the RayCluster."""
MADE_BY_KUBERNETES = {"kube-root-ca.crt"}
MADE_BY_A_PERSON = {"crabstick-tokens", "crabstick-redis"}


def meant_by_services(objects: list[Manifest]) -> dict[str, set[str]]:
    found = {}
    for service in (thing for thing in objects if thing["kind"] == "Service"):
        selector = {"matchLabels": service["spec"]["selector"]}
        where = service["metadata"]["namespace"]
        found[service["metadata"]["name"]] = selected(selector, where, pods(objects))
    return found


@pytest.mark.parametrize("case", CASES)
def test_the_http_service_means_the_head_alone_since_only_it_runs_a_proxy(case: str) -> None:
    assert meant_by_services(rendered(case))["crabstick-http"] == {"head"}


def test_redis_is_found_by_its_service() -> None:
    assert meant_by_services(rendered("production"))["crabstick-redis"] == {"redis"}
    asked = ray_cluster("production")["spec"]["gcsFaultToleranceOptions"]["redisAddress"]
    service = named("production", "Service", "crabstick-redis")
    assert asked == f"crabstick-redis:{service['spec']['ports'][0]['port']}"


@pytest.mark.parametrize("case", CASES)
def test_services_lead_to_ports_that_are_open(case: str) -> None:
    roles = {pod.role: pod for pod in pods(rendered(case))}
    for service in of_kind(case, "Service"):
        (role,) = meant_by_services(rendered(case))[service["metadata"]["name"]]
        opened = {
            port["containerPort"]
            for container in containers(roles[role].spec)
            for port in container.get("ports", ())
        }
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= opened


@pytest.mark.parametrize("case", CASES)
def test_the_disruption_budget_is_the_heads_and_no_workers(case: str) -> None:
    (budget,) = of_kind(case, "PodDisruptionBudget")
    everybody = pods(rendered(case))
    where = budget["metadata"]["namespace"]
    assert selected(budget["spec"]["selector"], where, everybody) == {"head"}
    assert budget["spec"]["minAvailable"] == 1


@pytest.mark.parametrize("case", CASES)
def test_deployments_and_stateful_sets_select_their_own_pods_and_no_others(case: str) -> None:
    everybody = pods(rendered(case))
    for thing in rendered(case):
        if thing["kind"] in ("Deployment", "StatefulSet"):
            role = thing["metadata"]["name"].removeprefix("crabstick-")
            where = thing["metadata"]["namespace"]
            assert selected(thing["spec"]["selector"], where, everybody) == {role}


def references(case: str) -> set[tuple[str, str]]:
    """Kind and name of everything that the Pods, and the operator for them, ask for."""
    found = {("ServiceAccount", pod.spec["serviceAccountName"]) for pod in pods(rendered(case))}
    parts: list[object] = list(rendered(case))
    while parts:
        here = parts.pop()
        if isinstance(here, dict):
            if "secretKeyRef" in here:
                found.add(("Secret", here["secretKeyRef"]["name"]))
            if isinstance(here.get("configMap"), dict):
                found.add(("ConfigMap", here["configMap"]["name"]))
            parts.extend(here.values())
        elif isinstance(here, list):
            parts.extend(here)
    return found


@pytest.mark.parametrize("case", OVERLAYS)
def test_whatever_a_pod_asks_for_is_in_the_overlay_or_made_by_somebody_known(case: str) -> None:
    there = {(thing["kind"], thing["metadata"]["name"]) for thing in rendered(case)}
    missing = references(case) - there
    secrets = {name for kind, name in missing if kind == "Secret"}
    others = {name for kind, name in missing if kind != "Secret"}
    assert others == MADE_BY_KUBERNETES
    assert secrets <= MADE_BY_THE_OPERATOR | MADE_BY_A_PERSON
    assert "crabstick-tokens" in secrets
    assert ("crabstick-redis" in secrets) == (case == "production")


def test_the_service_accounts_token_is_in_the_autoscalers_container_alone() -> None:
    (head,) = [pod for pod in pods(rendered("base")) if pod.role == "head"]
    (volume,) = [each["name"] for each in head.spec["volumes"] if "projected" in each]
    mounted = [mount["name"] for mount in head.spec["containers"][0]["volumeMounts"]]
    assert volume not in mounted
    options = ray_cluster("base")["spec"]["autoscalerOptions"]
    places = {mount["name"]: mount["mountPath"] for mount in options["volumeMounts"]}
    assert places[volume] == "/var/run/secrets/kubernetes.io/serviceaccount"
    assert "LICHESS_BOT_TOKEN" not in environment(options)
