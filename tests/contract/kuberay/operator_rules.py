"""The KubeRay operator's own validation of a RayCluster.

These mistakes pass the API server; an event `InvalidRayClusterSpec` shows, and nothing starts.
Source: KubeRay 1.7.0, `ray-operator/controllers/ray/utils/validation.go`.
"""

import re
from collections.abc import Iterator

from tests.contract.manifests import Manifest, environment

__all__ = ["EMBEDDED_STORAGE", "operator_complaints"]

DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
LONGEST_NAME = 53
LABEL = re.compile(r"([A-Za-z0-9]([-\w.]*[A-Za-z0-9])?)?", re.ASCII)
LONGEST_LABEL = 63
FIRST_WITH_TOKENS = (2, 52)
OWN_RESOURCES = frozenset({"num-cpus", "num-gpus", "memory", "resources"})
GATED = frozenset({"networkPolicy", "tlsOptions", "historyServerOptions"})
"""Behind gates that are off by default, and stay so for us."""
EMBEDDED_STORAGE = "GCSFaultToleranceEmbeddedStorage"
"""The gate of the rocksdb backend, off by default."""
ANNOTATIONS_OF_REDIS = frozenset({"ray.io/ft-enabled", "ray.io/external-storage-namespace"})
VARIABLES_OF_REDIS = frozenset({"RAY_REDIS_ADDRESS", "REDIS_PASSWORD"})
FIELDS_OF_REDIS = frozenset({"redisAddress", "redisPassword", "redisUsername"})
VARIABLES_OF_ROCKSDB = frozenset({"RAY_gcs_storage", "RAY_gcs_storage_path"})


def operator_complaints(cluster: Manifest, gates: frozenset[str] = frozenset()) -> list[str]:
    """One sentence for each rule that the cluster breaks while these feature gates are on."""
    return [
        *_of_the_cluster(cluster),
        *_of_the_books(cluster, gates),
        *_of_the_autoscaler(cluster["spec"]),
        *_of_the_groups(cluster["spec"]),
    ]


def _of_the_cluster(cluster: Manifest) -> Iterator[str]:
    name, spec = cluster["metadata"]["name"], cluster["spec"]
    if not DNS_1035.fullmatch(name) or len(name) > LONGEST_NAME:
        yield f"{name} is no DNS label of at most {LONGEST_NAME} characters"
    if spec.get("authOptions", {}).get("mode") == "token":
        version = spec.get("rayVersion", "")
        if not version:
            yield "token authentication needs rayVersion"
        elif _first_two(version) < FIRST_WITH_TOKENS:
            yield f"Ray {version} has no token authentication"
    yield from (f"{field} is behind a feature gate that is off" for field in GATED & set(spec))


def _first_two(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split(".")[:2])


def _of_the_books(cluster: Manifest, gates: frozenset[str]) -> Iterator[str]:
    """Where the head keeps what it must know: nowhere, Redis, or a volume."""
    head = cluster["spec"]["headGroupSpec"]
    variables = set(_of_the_first_container(head))
    options = cluster["spec"].get("gcsFaultToleranceOptions")
    if "REDIS_USERNAME" in variables or "redis-username" in head["rayStartParams"]:
        yield "the name for Redis belongs into gcsFaultToleranceOptions"
    if options is None:
        if "RAY_REDIS_ADDRESS" in variables:
            yield "RAY_REDIS_ADDRESS without gcsFaultToleranceOptions"
        return
    for twice in ANNOTATIONS_OF_REDIS & set(cluster["metadata"].get("annotations", {})):
        yield f"{twice} beside gcsFaultToleranceOptions"
    for twice in VARIABLES_OF_REDIS & variables:
        yield f"{twice} beside gcsFaultToleranceOptions"
    if "redis-password" in head["rayStartParams"]:
        yield "redis-password beside gcsFaultToleranceOptions"
    if options.get("backend") == "rocksdb":
        yield from _of_the_volume(options, variables, gates)


def _of_the_volume(options: Manifest, variables: set[str], gates: frozenset[str]) -> Iterator[str]:
    if EMBEDDED_STORAGE not in gates:
        yield "the rocksdb backend is behind a feature gate that is off"
    for field in FIELDS_OF_REDIS & set(options):
        yield f"{field} beside the rocksdb backend"
    for variable in VARIABLES_OF_ROCKSDB & variables:
        yield f"{variable} is the operator's to set"


def _of_the_autoscaler(spec: Manifest) -> Iterator[str]:
    chosen = _of_the_first_container(spec["headGroupSpec"]).get("RAY_enable_autoscaler_v2")
    if not spec.get("enableInTreeAutoscaling"):
        if chosen in ("1", "true"):
            yield "autoscaler v2 is chosen, but there is no autoscaler"
        return
    if chosen is not None and "version" in spec.get("autoscalerOptions", {}):
        yield "autoscaler v2 is chosen twice"
    if any(group.get("suspend") for group in spec["workerGroupSpecs"]):
        yield "a group cannot be suspended while there is an autoscaler"


def _of_the_first_container(group: Manifest) -> dict[str, str | None]:
    first = group["template"]["spec"]["containers"][:1]
    return environment(first[0]) if first else {}


def _of_the_groups(spec: Manifest) -> Iterator[str]:
    is_v2 = spec.get("autoscalerOptions", {}).get("version") == "v2"
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        name = group.get("groupName", "head")
        yield from (f"{name}: {complaint}" for complaint in _of_a_group(group, is_v2=is_v2))


def _of_a_group(group: Manifest, *, is_v2: bool) -> Iterator[str]:
    pod, params = group["template"]["spec"], group.get("rayStartParams", {})
    if not 0 <= group.get("minReplicas", 0) <= group.get("maxReplicas", 1):
        yield "0 <= minReplicas <= maxReplicas does not hold"
    if "labels" in params:
        yield "labels belong beside rayStartParams"
    if any(not _is_label(value) for value in group.get("labels", {}).values()):
        yield "labels are not as Kubernetes writes them"
    if "idleTimeoutSeconds" in group and not is_v2:
        yield "idleTimeoutSeconds needs autoscaler v2"
    if group.get("resources") and OWN_RESOURCES & set(params):
        yield "resources and rayStartParams both give resources"
    if not pod["containers"]:
        yield "there is no container"
    if is_v2 and pod.get("restartPolicy", "Never") != "Never":
        yield "autoscaler v2 needs restartPolicy Never"


def _is_label(value: str) -> bool:
    return len(value) <= LONGEST_LABEL and LABEL.fullmatch(value) is not None
