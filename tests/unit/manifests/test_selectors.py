"""Selectors that select nothing are named; those for other Pods are left alone."""

from typing import Any

import pytest

from tests.unit.manifests.clusters import Manifest, a_cluster, spoiled
from tests.unit.manifests.clusters import problems as all_problems

HEAD = {"ray.io/cluster": "crabstick", "ray.io/node-type": "head"}


def problems(*things: Manifest) -> list[str]:
    """Those of selectors: whom policies cut off is told elsewhere."""
    return [each for each in all_problems(*things) if not each.startswith("network: ")]


def a_thing(kind: str, **spec: Any) -> Manifest:
    return {"kind": kind, "metadata": {"name": "x", "namespace": "crabstick"}, "spec": spec}


def selecting(kind: str, labels: Manifest) -> Manifest:
    if kind == "Service":
        return a_thing(kind, selector=labels)
    field = "podSelector" if kind == "NetworkPolicy" else "selector"
    return a_thing(kind, **{field: {"matchLabels": labels}})


def a_keeper() -> Manifest:
    labels = {"app.kubernetes.io/name": "crabstick-keeper"}
    pod = {"containers": [{"name": "keeper", "image": "x"}]}
    return a_thing("Deployment", template={"metadata": {"labels": labels}, "spec": pod})


KINDS = ("Service", "NetworkPolicy", "PodDisruptionBudget", "PodMonitor")


@pytest.mark.parametrize("kind", KINDS)
def test_a_selector_of_another_cluster_is_named(kind: str) -> None:
    (found,) = problems(a_cluster(), selecting(kind, {**HEAD, "ray.io/cluster": "crab"}))
    assert found.startswith(f"Pods: {kind} x, spec.")
    assert "it wants ray.io/cluster: crab, and they have crabstick" in found


def test_a_cluster_with_another_name_is_one_sentence() -> None:
    others = [selecting(kind, HEAD) for kind in KINDS]
    (found,) = problems(spoiled("metadata.name", "crab2"), *others)
    assert "it wants ray.io/cluster: crabstick, and they have crab2; the same goes for " in found
    assert "NetworkPolicy x, PodDisruptionBudget x, PodMonitor x" in found


@pytest.mark.parametrize(
    "labels",
    [
        HEAD,
        {"ray.io/group": "game"},
        {"ray.io/identifier": "crabstick-head", "app.kubernetes.io/name": "kuberay"},
        {"ray.io/node-type": "redis-cleanup", "ray.io/cluster": "crabstick"},
        {"ray.io/serve": "true"},
        {"app.kubernetes.io/name": "grafana"},
        {"team": "chess"},
        {},
    ],
)
@pytest.mark.parametrize("kind", KINDS)
def test_what_selects_such_pods_or_somebody_else_s_is_left_alone(
    kind: str, labels: Manifest
) -> None:
    assert problems(a_cluster(), selecting(kind, labels)) == []


def test_a_slip_in_a_label_of_other_pods_is_named() -> None:
    labels = {"app.kubernetes.io/name": "crabstick-keper"}
    (found,) = problems(a_cluster(), a_keeper(), selecting("NetworkPolicy", labels))
    assert "NetworkPolicy x, spec.podSelector selects no Pod" in found
    assert "crabstick-keper, and they have crabstick-keeper" in found


@pytest.mark.parametrize(
    ("operator", "values", "count"),
    [("In", ["head", "redis-cleanup"], 0), ("In", ["had"], 1), ("Exists", [], 0)],
)
def test_expressions_select_as_well(operator: str, values: list[str], count: int) -> None:
    wish = {"key": "ray.io/node-type", "operator": operator, "values": values}
    policy = a_thing("NetworkPolicy", podSelector={"matchExpressions": [wish]})
    assert len(problems(a_cluster(), policy)) == count


@pytest.mark.parametrize(("rules", "side"), [("ingress", "from"), ("egress", "to")])
@pytest.mark.parametrize(("cluster", "count"), [("crab", 1), ("crabstick", 0)])
def test_whom_a_policy_lets_in_and_out_is_selected_as_well(
    rules: str, side: str, cluster: str, count: int
) -> None:
    peer = {"podSelector": {"matchLabels": {**HEAD, "ray.io/cluster": cluster}}}
    policy = a_thing("NetworkPolicy", podSelector={}, **{rules: [{"ports": []}, {side: [peer]}]})
    found = problems(a_cluster(), policy)
    assert len(found) == count
    where = f"NetworkPolicy x, spec.{rules}[1].{side}[0].podSelector selects no Pod"
    assert all(where in words for words in found)


def test_whom_a_policy_lets_in_from_other_namespaces_is_not_known_here() -> None:
    labels = {"matchLabels": {"ray.io/cluster": "theirs"}}
    peer = {"podSelector": labels, "namespaceSelector": {}}
    policy = a_thing("NetworkPolicy", podSelector={}, ingress=[{"from": [peer]}])
    assert problems(a_cluster(), policy) == []


@pytest.mark.parametrize(
    ("budget", "field"),
    [
        ({"minAvailable": "50%"}, "minAvailable is 50%"),
        ({"maxUnavailable": 0}, "maxUnavailable is 0"),
        ({"maxUnavailable": "25%"}, "maxUnavailable is 25%"),
    ],
)
@pytest.mark.parametrize("labels", [HEAD, {"ray.io/cluster": "crabstick"}, {}])
def test_a_budget_that_kubernetes_cannot_reckon_is_named(
    budget: Manifest, field: str, labels: Manifest
) -> None:
    wish = a_thing("PodDisruptionBudget", selector={"matchLabels": labels}, **budget)
    (found,) = problems(a_cluster(), wish)
    assert found.startswith(f"Pods: PodDisruptionBudget x, spec.{field}, which Kubernetes reckons")
    assert found.endswith("write minAvailable: 1 instead")


@pytest.mark.parametrize(
    ("labels", "budget"),
    [
        (HEAD, {"minAvailable": 1}),
        (HEAD, {"minAvailable": "1"}),
        ({"app.kubernetes.io/name": "grafana"}, {"maxUnavailable": 1}),
    ],
)
def test_a_budget_that_counts_or_is_for_others_is_fine(labels: Manifest, budget: Manifest) -> None:
    wish = a_thing("PodDisruptionBudget", selector={"matchLabels": labels}, **budget)
    assert problems(a_cluster(), wish) == []


def test_a_budget_that_leaves_the_head_out_is_fine() -> None:
    wish = {"key": "ray.io/node-type", "operator": "NotIn", "values": ["head"]}
    selector = {"matchLabels": {"ray.io/cluster": "crabstick"}, "matchExpressions": [wish]}
    budget = a_thing("PodDisruptionBudget", selector=selector, maxUnavailable="50%")
    assert problems(a_cluster(), budget) == []
