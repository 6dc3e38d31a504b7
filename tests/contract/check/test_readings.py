"""What we read in a RayCluster is what Ray reads there: its CPUs, its memory, its amounts."""

from decimal import ROUND_UP
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ray.autoscaler._private.kuberay.autoscaling_config import (
    _derive_autoscaling_config_from_ray_cr,
)
from ray.autoscaler._private.kuberay.utils import parse_quantity
from ray.scripts.scripts import start

from crabstick.manifests.fields import KUBERAY, RAY_CLUSTER, START_PARAMETERS
from crabstick.manifests.model import RayCluster
from crabstick.manifests.quantities import rounded_up
from crabstick.manifests.reading import read
from tests.contract.kuberay.rendered import CASES, ray_cluster
from tests.contract.manifests import Manifest, spoiled

GAME = "spec.workerGroupSpecs.0"
LIMITS = f"{GAME}.template.spec.containers.0.resources"


def as_ray_reads(cluster: Manifest) -> dict[str, Any]:
    types = _derive_autoscaling_config_from_ray_cr(cluster)["available_node_types"]
    return {name: kind["resources"] for name, kind in types.items()}


def as_we_read(cluster: Manifest) -> dict[str, Any]:
    body, faults = read(cluster, RAY_CLUSTER, KUBERAY)
    assert faults == []
    groups = RayCluster.model_validate(body).groups()
    return {
        "headgroup" if str(group) == "the head" else str(group): {
            "CPU": group.cpus,
            **({} if group.memory is None else {"memory": group.memory}),
        }
        for group in groups
    }


@pytest.mark.parametrize("case", CASES)
def test_our_own_clusters_are_read_alike(case: str) -> None:
    assert as_we_read(ray_cluster(case)) == as_ray_reads(ray_cluster(case))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (f"{GAME}.rayStartParams", {"num-cpus": "3", "memory": "1000000000"}),
        (f"{GAME}.resources", {"CPU": "3", "memory": "2Gi"}),
        (f"{GAME}.resources", {"CPU": "2500m"}),
        (LIMITS, {"limits": {"cpu": "500m", "memory": "1500M"}}),
        (LIMITS, {"requests": {"cpu": 3, "memory": "1.5Gi"}}),
        (LIMITS, {"limits": {"cpu": "2"}, "requests": {"cpu": "1", "memory": "1Gi"}}),
        (LIMITS, {"limits": {"cpu": "2"}}),
    ],
)
def test_every_way_to_say_what_a_node_has_is_read_alike(path: str, value: object) -> None:
    cluster = spoiled(ray_cluster("base"), path, value)
    assert as_we_read(cluster) == as_ray_reads(cluster)


def test_the_options_of_ray_start_are_those_that_we_know() -> None:
    options = {word.removeprefix("--") for each in start.params for word in each.opts}
    assert set(START_PARAMETERS.fields) == options - {"-v"}


@given(
    st.decimals(0, 9999, places=3).map(str),
    st.sampled_from(["", "m", "k", "M", "G", "T", "Ki", "Mi", "Gi", "Ti"]),
)
def test_every_amount_is_read_alike(number: str, suffix: str) -> None:
    amount = parse_quantity(number + suffix)
    assert rounded_up(number + suffix) == int(amount.to_integral_value(ROUND_UP))
