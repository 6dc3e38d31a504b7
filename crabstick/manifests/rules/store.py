"""The operator's rules about where the head keeps what it must know after its death."""

import re
from collections.abc import Iterator
from typing import Final

from crabstick.explain import shown
from crabstick.manifests.bundle import Bundle
from crabstick.manifests.faults import Fault, Finding, Remark
from crabstick.manifests.model import FaultTolerance, RayCluster
from crabstick.manifests.pod_model import KeyReference
from crabstick.manifests.rules.selector import places, selects
from crabstick.manifests.rules.unwanted import unwanted_mounts, unwanted_variables
from crabstick.manifests.rules.uses import uses

__all__ = ["redis_password", "store_rules"]

_ROUTE = ("spec", "gcsFaultToleranceOptions")
_WHERE = "spec.gcsFaultToleranceOptions"
_ADDRESS = re.compile(r"\S+:\d+")
_GUARDED = "requirepass"
_GUARDED_BY = re.compile(rf"{_GUARDED}(?:[\s\"'=]*\$[({{]?(\w+))?")
"""With the variable of a shell, or of Kubernetes."""
_FT_ENABLED = "ray.io/ft-enabled"
_NAMESPACE = "ray.io/external-storage-namespace"
_STORE_PATH = "/data/gcs"
_USER_NAME = {"REDIS_USERNAME": f"the user belongs into {_WHERE}.redisUsername"}
_WITHOUT_STORE = {"RAY_REDIS_ADDRESS": f"a Redis takes {_WHERE}: write its redisAddress there"}
_WITH_STORE: Final = {
    "RAY_REDIS_ADDRESS": f"the address belongs into {_WHERE}.redisAddress",
    "REDIS_PASSWORD": f"the password belongs into {_WHERE}.redisPassword",
}
_EMBEDDED: Final = {
    "RAY_gcs_storage": "with backend rocksdb the operator sets it: leave it out",
    "RAY_gcs_storage_path": "with backend rocksdb the operator sets it: leave it out",
}


def store_rules(cluster: RayCluster) -> Iterator[Finding]:
    """All of them."""
    head, store = cluster.head, cluster.spec.gcs_fault_tolerance_options
    env_route = (*head.ray_route, "env")
    yield from unwanted_variables(head.ray.env, env_route, _USER_NAME)
    parameters = {"redis-username": "redisUsername"}
    if store is None:
        if cluster.metadata.annotations.get(_FT_ENABLED, "").lower() != "true":
            yield from unwanted_variables(head.ray.env, env_route, _WITHOUT_STORE)
    else:
        parameters["redis-password"] = "redisPassword"
        yield from unwanted_variables(head.ray.env, env_route, _WITH_STORE)
        yield from _annotations(cluster)
        yield from _embedded(cluster, store) if store.backend == "rocksdb" else _redis(store)
    for name, field in parameters.items():
        if head.spec.ray_start_params.get(name):
            yield Fault(
                f"is not taken: it belongs into {_WHERE}.{field}",
                (*head.route, "rayStartParams", name),
            )


def redis_password(bundle: Bundle) -> Iterator[Finding]:
    """A Redis of these manifests that wants a password gets one, and its own."""
    store = bundle.cluster.spec.gcs_fault_tolerance_options
    if store is None:
        return
    given = store.redis_password
    source = given.value_from.secret_key_ref if given and given.value_from else None
    for owner, wanted in _guards(bundle):
        if given is None:
            yield Fault(
                f"has no redisPassword, and {owner} wants one ({_GUARDED}): name its "
                "Secret in redisPassword.valueFrom.secretKeyRef",
                _ROUTE,
            )
        elif source and wanted and (source.name, source.key) != (wanted.name, wanted.key):
            yield Fault(
                f"is the key {source.key} of the Secret {source.name}, and {owner} takes its "
                f"password from the key {wanted.key} of {wanted.name}: name that one",
                (*_ROUTE, "redisPassword", "valueFrom", "secretKeyRef"),
            )


def _guards(bundle: Bundle) -> Iterator[tuple[str, KeyReference | None]]:
    """Who wants a password at redisAddress, and where it has it from, as far as it is seen."""
    address = (*_ROUTE, "redisAddress")
    titles = {f"Service {use.name}" for use in uses(bundle) if use.route == address}
    found = [place.selector for place in places(bundle) if place.title in titles]
    pods = [pod for pod in bundle.pods if any(each and selects(each, pod) for each in found)]
    for pod in pods:
        for container, _ in pod.containers():
            match = _GUARDED_BY.search(" ".join((*container.command, *container.args)))
            if match:
                variable = container.variable(match[1] or "")
                source = variable.value_from if variable else None
                yield pod.owner, source.secret_key_ref if source else None


def _annotations(cluster: RayCluster) -> Iterator[Finding]:
    instead = {
        _FT_ENABLED: f"is one wish too many: {_WHERE} says it, leave the annotation out",
        _NAMESPACE: f"is not taken: it belongs into {_WHERE}.externalStorageNamespace",
    }
    for name, words in instead.items():
        if cluster.metadata.annotations.get(name):
            yield Fault(words, ("metadata", "annotations", name))


def _redis(store: FaultTolerance) -> Iterator[Finding]:
    if store.storage is not None:
        yield Fault("is for backend rocksdb only: leave it out", (*_ROUTE, "storage"))
    if not store.redis_address:
        yield Fault(
            "names no Redis: write redisAddress, host:port, or backend: rocksdb for a volume "
            "instead",
            _ROUTE,
        )
    elif not _ADDRESS.fullmatch(store.redis_address):
        yield Fault(
            f"is {shown(store.redis_address)}; it must be host:port, such as crabstick-redis:6379",
            (*_ROUTE, "redisAddress"),
        )
    if store.external_storage_namespace:
        yield Remark(
            f"{_WHERE}.externalStorageNamespace is fixed, so a new RayCluster takes up what an "
            "old one left behind; left out, each begins afresh"
        )


def _embedded(cluster: RayCluster, store: FaultTolerance) -> Iterator[Finding]:
    for_redis = {
        "redisAddress": store.redis_address,
        "redisUsername": store.redis_username,
        "redisPassword": store.redis_password,
        "externalStorageNamespace": store.external_storage_namespace,
    }
    for name, value in for_redis.items():
        if value:
            yield Fault("is for backend redis only: leave it out", (*_ROUTE, name))
    storage = store.storage
    shape = storage and (storage.size, storage.storage_class_name, *storage.access_modes)
    if storage and storage.claim_name and any(shape or ()):
        yield Fault(
            "names a volume that exists: leave size, storageClassName and accessModes out",
            (*_ROUTE, "storage", "claimName"),
        )
    head, route = cluster.head, cluster.head.ray_route
    yield from unwanted_variables(head.ray.env, (*route, "env"), _EMBEDDED)
    why = "with backend rocksdb the operator mounts its volume there: leave it out"
    mounts = head.ray.volume_mounts
    yield from unwanted_mounts(mounts, (*route, "volumeMounts"), _STORE_PATH, why)
