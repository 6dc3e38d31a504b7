"""Our own overlays pass each check, and the schema that ships is that of KubeRay's definition."""

import gzip

import pytest
from ray.autoscaler._private.kuberay.autoscaling_config import (
    _derive_autoscaling_config_from_ray_cr,
)

from crabstick.check import raycluster_schema, secrets
from crabstick.check.all_checks import findings
from crabstick.check.manifest_checks import MANIFESTS
from crabstick.check.manifests import Manifests, open_manifests
from crabstick.check.secrets import wanted
from crabstick.settings import Settings
from tests.contract.kuberay.crd_schema import DEFINITION, made
from tests.contract.kuberay.rendered import CASES, OVERLAYS, ray_cluster, rendered
from tests.contract.manifests import Manifest, spoiled

GAME = "spec.workerGroupSpecs.0"
HEAD = "spec.headGroupSpec"
POD = "template.spec"
CONTAINER = f"{POD}.containers.0"


def opened(things: list[Manifest]) -> Manifests:
    return open_manifests(things, "manifests", Settings(), is_named=False)


@pytest.fixture(autouse=True)
def _all_secrets_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "ask", frozenset)


def problems(things: list[Manifest]) -> list[str]:
    found = findings(MANIFESTS, opened(things))
    return [f"{subject}: {finding.words}" for subject, finding in found if finding.problem]


def with_cluster(case: str, path: str, value: object) -> list[Manifest]:
    """The manifests of that case with another value in their RayCluster."""
    return [
        spoiled(thing, path, value) if thing["kind"] == "RayCluster" else thing
        for thing in rendered(case)
    ]


@pytest.mark.parametrize("case", CASES)
def test_our_own_manifests_have_no_problem(case: str) -> None:
    assert problems(rendered(case)) == []


def test_the_secrets_of_production_are_those_of_the_page() -> None:
    assert wanted(opened(rendered("production"))) == {
        ("crabstick", "crabstick-redis"): {"password"},
        ("crabstick", "crabstick-tokens"): {"lichess"},
    }


@pytest.mark.parametrize("case", OVERLAYS)
@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{GAME}.{POD}.tolerations", [{"key": "spot", "operator": "Exists"}]),
        (f"{GAME}.{POD}.containers.+", {"name": "logs", "image": "grafana/alloy:v1.11.0"}),
        (f"{GAME}.template.metadata", {"labels": {"team": "chess"}}),
        (f"{GAME}.{CONTAINER}.resources", {"requests": {"cpu": 6}, "limits": {"cpu": 8}}),
    ],
)
def test_what_people_change_without_harm_is_no_problem(case: str, path: str, value: object) -> None:
    assert problems(with_cluster(case, path, value)) == []


def test_a_redis_elsewhere_needs_a_policy() -> None:
    path = "spec.gcsFaultToleranceOptions.redisAddress"
    (found,) = problems(with_cluster("production", path, "rediss://redis.example:6380"))
    assert "the head has no way to Redis: add port 6380" in found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{GAME}.rayStartParams", {"num-cpus": "3", "memory": "1000000000"}),
        (f"{GAME}.resources", {"CPU": "2500m", "memory": "2Gi"}),
        (f"{GAME}.{CONTAINER}.resources", {"limits": {"cpu": "500m", "memory": "1500M"}}),
        (f"{GAME}.{CONTAINER}.resources", {"requests": {"cpu": 3, "memory": "1.5Gi"}}),
    ],
)
def test_what_a_node_has_is_read_as_ray_reads_it(path: str, value: object) -> None:
    cluster = spoiled(ray_cluster("base"), path, value)
    types = _derive_autoscaling_config_from_ray_cr(cluster)["available_node_types"]
    manifests = opened([cluster])
    for group, name in ((manifests.head, "headgroup"), (manifests.workers[0], "game")):
        resources = types[name]["resources"]
        assert (group.cpus, group.node.total["memory"]) == (resources["CPU"], resources["memory"])


@pytest.mark.skipif(not DEFINITION.exists(), reason=f"{DEFINITION} is not there")
def test_the_schema_is_made_of_kuberay_s_definition() -> None:
    """`python -m tests.contract.kuberay.crd_schema` writes it."""
    assert gzip.decompress(raycluster_schema.SCHEMA.read_bytes()) == made()
