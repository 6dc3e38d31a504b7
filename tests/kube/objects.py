"""What is read in RayClusters and Pods, as Kubernetes writes them down: plain JSON. Pure."""

from copy import deepcopy
from typing import Any, Final

Manifest = dict[str, Any]

HEAD: Final = "headgroup"
"""How KubeRay calls the group of the head."""
DEFAULTS: Final = {"replicas": 0, "minReplicas": 0, "maxReplicas": 2**31 - 1, "numOfHosts": 1}
"""Source: KubeRay 1.7.0, the CRD of RayCluster."""


def with_defaults(cluster: Manifest) -> Manifest:
    """A RayCluster as the API server stores it: Ray's autoscaler wants every field of a group."""
    stored = deepcopy(cluster)
    groups = stored["spec"]["workerGroupSpecs"]
    stored["spec"]["workerGroupSpecs"] = [DEFAULTS | group for group in groups]
    return stored


def name_of(thing: Manifest) -> str:
    return str(thing["metadata"]["name"])


def group_of(pod: Manifest) -> str:
    return str(pod["metadata"]["labels"]["ray.io/group"])


def is_terminating(pod: Manifest) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def has_ended(pod: Manifest) -> bool:
    return pod["status"]["phase"] in {"Failed", "Succeeded"}


def to_delete(group: Manifest) -> list[str]:
    """The Pods that the autoscaler wants to be deleted."""
    return list(group.get("scaleStrategy", {}).get("workersToDelete", ()))


def desired_workers(group: Manifest) -> int:
    """How many Pods a worker group shall have."""
    return int(min(max(group["replicas"], group["minReplicas"]), group["maxReplicas"]))
