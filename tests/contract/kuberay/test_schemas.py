"""The RayCluster and every Pod template against the closed schemas of KubeRay and Kubernetes."""

import pytest

from tests.contract.kuberay.crd_schema import cluster_problems, pod_template_problems
from tests.contract.kuberay.rendered import CASES, ray_cluster, rendered
from tests.contract.manifests import Manifest, spoiled

GAME = "spec.workerGroupSpecs.0"
CONTAINER = f"{GAME}.template.spec.containers.0"


def with_a_template(case: str) -> list[Manifest]:
    return [thing for thing in rendered(case) if thing["kind"] in ("Deployment", "StatefulSet")]


@pytest.mark.parametrize("case", CASES)
def test_the_ray_cluster_fits_the_crd_of_kuberay(case: str) -> None:
    assert cluster_problems(ray_cluster(case)) == []


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("spec.autoscalerOptions.version", "v3", "'v3' is not one of"),
        ("spec.headGroupSpec.rayStartParams.num-cpus", 0, "0 is not of type 'string'"),
        (f"{CONTAINER}.name", None, "'name' is a required property"),
        (f"{CONTAINER}.livenessProbe.httpGet.pfad", "/", "'pfad' was unexpected"),
    ],
)
def test_a_mistake_in_the_ray_cluster_breaks_the_crd(
    path: str, value: object, problem: str
) -> None:
    (found,) = cluster_problems(spoiled(ray_cluster("base"), path, value))
    assert problem in found


@pytest.mark.parametrize("case", CASES)
def test_the_pods_of_deployments_and_stateful_sets_fit_kubernetes_schema_of_a_pod(
    case: str,
) -> None:
    templates = [thing["spec"]["template"] for thing in with_a_template(case)]
    assert templates
    assert [problem for each in templates for problem in pod_template_problems(each)] == []
