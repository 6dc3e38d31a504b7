"""Every object of every overlay against the schemas of KubeRay and Kubernetes, closed."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contract.kuberay.crd_schema import cluster_problems, pod_template_problems
from tests.contract.kuberay.object_schemas import KINDS, object_problems
from tests.contract.kuberay.rendered import CASES, named, ray_cluster, rendered
from tests.contract.manifests import Manifest, part, spoiled

AUTOSCALER = "spec.autoscalerOptions"
HEAD = "spec.headGroupSpec"
GAME = "spec.workerGroupSpecs.0"
POD = "template.spec"
CONTAINER = f"{POD}.containers.0"
FREE_KEYS = frozenset(
    {"annotations", "labels", "limits", "matchLabels", "rayStartParams", "requests"}
)
OTHERS_SCHEMA = "monitoring.coreos.com/v1"


def with_a_template(case: str) -> list[Manifest]:
    return [thing for thing in rendered(case) if thing["kind"] in ("Deployment", "StatefulSet")]


@pytest.mark.parametrize("case", CASES)
def test_the_ray_cluster_fits_the_crd_of_kuberay(case: str) -> None:
    assert cluster_problems(ray_cluster(case)) == []


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (f"{AUTOSCALER}.idleTimeout", 300, "'idleTimeout' was unexpected"),
        (f"{AUTOSCALER}.version", "v3", "'v3' is not one of"),
        ("spec.authOptions.mode", "tokens", "'tokens' is not one of"),
        ("spec.idleTerminationOptions", {"timeoutSeconds": 1}, "was unexpected"),
        (f"{HEAD}.rayStartParams.num-cpus", 0, "0 is not of type 'string'"),
        (f"{GAME}.{POD}.nodeSelektor", {}, "'nodeSelektor' was unexpected"),
        (f"{GAME}.{CONTAINER}.name", None, "'name' is a required property"),
        (f"{GAME}.{CONTAINER}.livenessProbe.httpGet.pfad", "/", "'pfad' was unexpected"),
    ],
)
def test_a_mistake_in_the_ray_cluster_breaks_the_crd(
    path: str, value: object, problem: str
) -> None:
    (found,) = cluster_problems(spoiled(ray_cluster("base"), path, value))
    assert problem in found


def objects_within(value: Any, path: str) -> Iterator[str]:
    """Paths of all the maps whose keys are words of the schema."""
    if isinstance(value, dict):
        yield path
        for key, inner in value.items():
            if key not in FREE_KEYS and "." not in key:
                yield from objects_within(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from objects_within(inner, f"{path}.{place}")


PLACES = sorted(objects_within(ray_cluster("base")["spec"], "spec"))


@settings(max_examples=40, deadline=None)
@given(place=st.sampled_from(PLACES), word=st.from_regex(r"[a-z]{3,8}Zz", fullmatch=True))
def test_a_word_that_kuberay_does_not_know_is_seen_wherever_it_stands(
    place: str, word: str
) -> None:
    (found,) = cluster_problems(spoiled(ray_cluster("base"), f"{place}.{word}", 1))
    assert word in found


@pytest.mark.parametrize("case", CASES)
def test_every_other_object_fits_its_schema(case: str) -> None:
    others = [
        thing
        for thing in rendered(case)
        if thing["kind"] != "RayCluster" and thing["apiVersion"] != OTHERS_SCHEMA
    ]
    assert others
    assert {thing["kind"] for thing in others} - set(KINDS) == set()
    assert [problem for thing in others for problem in object_problems(thing)] == []


@pytest.mark.parametrize(
    ("kind", "name", "path", "value", "problem"),
    [
        ("PodDisruptionBudget", "crabstick-head", "spec.minAvailable", "50%", "is not of type"),
        ("PodDisruptionBudget", "crabstick-head", "spec.maxUnavailable", 0, "was unexpected"),
        ("Service", "crabstick-http", "spec.selector", {}, "non-empty"),
        ("Service", "crabstick-http", "spec.ports.0.targetport", 1, "was unexpected"),
        ("NetworkPolicy", "crabstick-ray", "spec.policyTypes.0", "ingress", "is not one of"),
        ("NetworkPolicy", "crabstick-ray", "spec.ingress.0.form", [], "was unexpected"),
        ("NetworkPolicy", "crabstick-keeper", "spec.egress.1.to", [], "[] "),
        ("ServiceAccount", "crabstick-head", "automount", False, "was unexpected"),
        ("Deployment", "crabstick-keeper", "spec.strategie", {}, "was unexpected"),
    ],
)
def test_a_mistake_in_another_object_breaks_its_schema(
    kind: str, name: str, path: str, value: object, problem: str
) -> None:
    (found,) = object_problems(spoiled(named("base", kind, name), path, value))
    assert problem in found


@pytest.mark.parametrize("case", CASES)
def test_the_pods_of_deployments_and_stateful_sets_fit_kubernetes_schema_of_a_pod(
    case: str,
) -> None:
    things = with_a_template(case)
    assert things
    assert [pod_template_problems(part(thing, "spec.template")) for thing in things] == (
        [[]] * len(things)
    )


def test_a_mistake_in_such_a_pod_breaks_kubernetes_schema_of_a_pod() -> None:
    (keeper,) = with_a_template("base")
    template = spoiled(keeper["spec"]["template"], "spec.terminationGracePeriod", 1)
    assert "'terminationGracePeriod' was unexpected" in pod_template_problems(template)[0]
