"""The Pods that come of the manifests: what they are labelled with and what they may do.

Source of what the operator adds: KubeRay 1.7.0, `labelPod` in `common/pod.go` and
`buildRedisCleanupJob` in `raycluster_controller.go`.
"""

from dataclasses import dataclass

from tests.contract.manifests import Manifest

NOT_TO_BE_CHANGED = frozenset({"ray.io/node-type", "ray.io/group", "ray.io/cluster"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Pod:
    """One Pod; `role` is what it is for, the name of its group if it is a worker."""

    role: str
    namespace: str
    labels: dict[str, str]
    spec: Manifest


def pods(objects: list[Manifest]) -> list[Pod]:
    """One Pod of each kind that the objects bring about."""
    found: list[Pod] = []
    for thing in objects:
        if thing["kind"] == "RayCluster":
            found += _of_a_ray_cluster(thing)
        elif thing["kind"] in ("Deployment", "StatefulSet"):
            template = thing["spec"]["template"]
            role = thing["metadata"]["name"].removeprefix("crabstick-")
            found.append(_pod(role, thing, template["metadata"]["labels"], template["spec"]))
    return found


def _of_a_ray_cluster(cluster: Manifest) -> list[Pod]:
    head = cluster["spec"]["headGroupSpec"]
    found = [_ray_pod(cluster, head, "head", "headgroup")]
    groups = cluster["spec"]["workerGroupSpecs"]
    found += [_ray_pod(cluster, group, "worker", group["groupName"]) for group in groups]
    if "redisAddress" in cluster["spec"].get("gcsFaultToleranceOptions", {}):
        found.append(_ray_pod(cluster, head, "redis-cleanup", "headgroup"))
    return found


def _ray_pod(cluster: Manifest, group: Manifest, node_type: str, name: str) -> Pod:
    template = group["template"]
    own = template.get("metadata", {}).get("labels", {})
    labels = {
        "ray.io/is-ray-node": "yes",
        "ray.io/cluster": cluster["metadata"]["name"],
        "ray.io/node-type": node_type,
        "ray.io/group": name,
        "app.kubernetes.io/name": "kuberay",
        "app.kubernetes.io/created-by": "kuberay-operator",
        **{key: value for key, value in own.items() if key not in NOT_TO_BE_CHANGED},
    }
    role = name if node_type == "worker" else node_type
    return _pod(role, cluster, labels, template["spec"])


def _pod(role: str, owner: Manifest, labels: dict[str, str], spec: Manifest) -> Pod:
    return Pod(role=role, namespace=owner["metadata"]["namespace"], labels=labels, spec=spec)
