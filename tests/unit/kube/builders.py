"""RayClusters and Pods as short as they can be."""

from typing import Any

from tests.kube.objects import HEAD, Manifest, with_defaults


def a_group(name: str = "game", *, picked: tuple[str, ...] = (), **fields: Any) -> Manifest:
    """A worker group; `picked` are its `workersToDelete`."""
    container = {"name": "ray-worker", "resources": {"limits": {"cpu": "2", "memory": "2Gi"}}}
    return {
        "groupName": name,
        "rayStartParams": {},
        "template": {"spec": {"containers": [container]}},
        **({"scaleStrategy": {"workersToDelete": [*picked]}} if picked else {}),
        **fields,
    }


def a_cluster(*groups: Manifest, **fields: Any) -> Manifest:
    """A RayCluster with those worker groups."""
    container = {"name": "ray-head", "resources": {"limits": {"cpu": "1"}}}
    head = {
        "rayStartParams": {"num-cpus": "0"},
        "template": {"spec": {"containers": [container]}},
    }
    return with_defaults(
        {
            "metadata": {"name": "crabstick", "namespace": "games"},
            "spec": {"headGroupSpec": head, "workerGroupSpecs": [*groups], **fields},
        }
    )


def a_pod(
    name: str = "head", group: str = HEAD, phase: str = "Running", *, is_leaving: bool = False
) -> Manifest:
    """A Pod; `is_leaving` when it was deleted and is not gone yet."""
    deletion = {"deletionTimestamp": "2026-01-01T00:00:00Z"} if is_leaving else {}
    labels = {"ray.io/cluster": "crabstick", "ray.io/group": group}
    return {
        "metadata": {"name": name, "namespace": "games", "labels": labels, **deletion},
        "status": {"phase": phase},
    }
