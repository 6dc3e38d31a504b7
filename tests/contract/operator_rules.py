"""The KubeRay operator's own validation of a RayCluster, as far as it concerns our fields.

These mistakes pass the API server; an event `InvalidRayClusterSpec` shows, and nothing starts.
Source: KubeRay 1.7.0, `ray-operator/controllers/ray/utils/validation.go`.
"""

import re
from collections.abc import Iterator

from tests.contract.manifests import Manifest, environment

__all__ = ["operator_complaints"]

DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
LONGEST_NAME = 53
GATED = ("networkPolicy", "tlsOptions", "historyServerOptions")  # gates that are off by default


def operator_complaints(cluster: Manifest) -> list[str]:
    """One sentence for each rule that the cluster breaks."""
    return [*_of_the_cluster(cluster), *_of_the_groups(cluster["spec"])]


def _of_the_cluster(cluster: Manifest) -> Iterator[str]:
    name, spec = cluster["metadata"]["name"], cluster["spec"]
    if not DNS_1035.fullmatch(name) or len(name) > LONGEST_NAME:
        yield f"{name} is no DNS label of at most {LONGEST_NAME} characters"
    if spec.get("authOptions", {}).get("mode") == "token" and not spec.get("rayVersion"):
        yield "token authentication needs rayVersion"
    for field in GATED:
        if field in spec:
            yield f"{field} is behind a feature gate that is off"
    if spec.get("gcsFaultToleranceOptions", {}).get("backend") == "rocksdb":
        yield "the rocksdb backend is behind a feature gate that is off"


def _of_the_groups(spec: Manifest) -> Iterator[str]:
    is_v2 = spec.get("autoscalerOptions", {}).get("version") == "v2"
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        name = group.get("groupName", "head")
        yield from (f"{name}: {complaint}" for complaint in _of_a_group(group, is_v2=is_v2))


def _of_a_group(group: Manifest, *, is_v2: bool) -> Iterator[str]:
    if not 0 <= group.get("minReplicas", 0) <= group.get("maxReplicas", 1):
        yield "0 <= minReplicas <= maxReplicas does not hold"
    if "labels" in group["rayStartParams"]:
        yield "labels belong beside rayStartParams"
    if "idleTimeoutSeconds" in group and not is_v2:
        yield "idleTimeoutSeconds needs autoscaler v2"
    if "resources" in group and {"num-cpus", "memory"} & set(group["rayStartParams"]):
        yield "resources and rayStartParams both give resources"
    yield from _of_a_pod(group["template"]["spec"], is_v2=is_v2)


def _of_a_pod(pod: Manifest, *, is_v2: bool) -> Iterator[str]:
    if not pod["containers"]:
        yield "there is no container"
    if is_v2 and pod.get("restartPolicy", "Never") != "Never":
        yield "autoscaler v2 needs restartPolicy Never"
    for container in pod["containers"]:
        if is_v2 and "RAY_enable_autoscaler_v2" in environment(container):
            yield "autoscaler v2 is chosen twice"
