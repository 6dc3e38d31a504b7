"""The component for a GPU, in an overlay: its group, for whom Ray takes it, and what is checked."""

from pathlib import Path

import pytest
from ray.autoscaler.v2.scheduler import ResourceDemandScheduler, SchedulingRequest
from ray.autoscaler.v2.utils import ResourceRequestUtil

from crabstick.check import secrets
from crabstick.check.all_checks import findings
from crabstick.check.manifest_checks import MANIFESTS
from crabstick.check.manifests import open_manifests
from crabstick.settings import Settings
from tests.contract.kuberay.crd_schema import cluster_problems
from tests.contract.kuberay.rendered import OVERLAYS, changed, ray_cluster, rendered
from tests.contract.kuberay.test_scaling import as_the_autoscaler_reads
from tests.contract.manifests import Manifest

LEELA = {"human": {"gpus": 0.25, "memory_mb": 2000, "labels": {"accelerator": "nvidia"}}}


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def things(overlay: str, tmp_path: Path) -> list[Manifest]:
    def with_gpu(kustomization: Manifest) -> None:
        kustomization.setdefault("components", []).append("../../components/gpu")

    return changed(tmp_path, with_gpu, overlay)


def cluster(things: list[Manifest]) -> Manifest:
    (found,) = [thing for thing in things if thing["kind"] == "RayCluster"]
    return found


def problems(things: list[Manifest], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the check says to a bot with an engine for a GPU."""
    monkeypatch.setattr(secrets, "ask", frozenset)
    settings = Settings.model_validate({"engines": LEELA, "http": {"host": "0.0.0.0"}})  # noqa: S104 -- within a Pod
    found = findings(MANIFESTS, open_manifests(things, "x", settings, is_named=True))
    return [finding.words for _, finding in found if finding.problem]


def test_the_group_comes_last_and_the_others_stay_as_they_were(
    overlay: str, things: list[Manifest]
) -> None:
    *others, gpu = cluster(things)["spec"]["workerGroupSpecs"]
    assert others == ray_cluster(overlay)["spec"]["workerGroupSpecs"]
    assert gpu["groupName"] == "gpu"
    assert gpu["template"]["spec"]["tolerations"][0]["key"] == "nvidia.com/gpu"
    images = [one["template"]["spec"]["containers"][0]["image"] for one in (others[0], gpu)]
    assert images[0] == images[1]


def test_it_fits_the_crd_and_an_engine_with_a_gpu_fits_it(
    overlay: str, things: list[Manifest], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cluster_problems(cluster(things)) == []
    assert problems(things, monkeypatch) == []
    (without,) = problems(rendered(overlay), monkeypatch)
    assert without.startswith("no group of workers has the 1 CPUs, 2000 MB, 0.25 GPUs and label")
    assert "that engines.human asks for" in without


@pytest.mark.parametrize(
    ("asks", "labels", "group"),
    [
        ({"CPU": 1, "memory": 256 * 2**20}, {}, "game"),
        ({"CPU": 1, "memory": 2000 * 2**20, "GPU": 0.25}, {"accelerator": "nvidia"}, "gpu"),
    ],
)
def test_the_autoscaler_takes_its_machines_for_engines_with_a_gpu_alone(
    things: list[Manifest], asks: dict[str, float], labels: dict[str, str], group: str
) -> None:
    types = as_the_autoscaler_reads(cluster(things)).get_node_type_configs()
    selectors = [[(name, 1, [value]) for name, value in labels.items()]] if labels else None
    request = ResourceRequestUtil.make(asks, label_selectors=selectors)
    reply = ResourceDemandScheduler().schedule(
        SchedulingRequest(
            disable_launch_config_check=True,
            node_type_configs=types,
            resource_requests=ResourceRequestUtil.group_by_count([request] * 2),
        )
    )
    assert {each.instance_type for each in reply.to_launch} == {group}
    assert reply.infeasible_resource_requests == []
