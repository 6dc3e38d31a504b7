"""What the Pods name: Secrets, ConfigMaps, ServiceAccounts, and the Services that they ask."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from crabstick.manifests.bundle import Bundle, Pod
from crabstick.manifests.documents import Document, below, items
from crabstick.manifests.faults import Route
from crabstick.manifests.model import RayCluster
from crabstick.manifests.pod_model import (
    Container,
    Files,
    KeyReference,
    ProjectedSource,
    Reference,
    ValueFrom,
    Volume,
)

__all__ = ["AUTH_KEY", "Use", "uses"]

AUTH_KEY = "auth_token"
_URL = re.compile(r"\b(?:http|redis)s?://([a-z0-9-]+)((?:\.[a-z0-9-]+)*)(?::(\d+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """An object that somebody needs."""

    kind: str = "Secret"
    namespace: str
    name: str
    key: str = ""
    """One key of it, or the port of a Service; empty when all of it is wanted."""
    route: Route = ()
    owner: str = ""


def uses(bundle: Bundle) -> Iterator[Use]:
    """Everything that must be there, as often as it is named."""
    for pod in bundle.pods:
        for container, route in pod.containers():
            yield from _of_container(container, route, pod)
        for at, volume in enumerate(pod.spec.volumes):
            yield from _of_volume(volume, (*pod.route, "volumes", at), pod)
        for at, reference in enumerate(pod.spec.image_pull_secrets):
            yield _use(pod, reference, (*pod.route, "imagePullSecrets", at))
        if pod.spec.service_account_name:
            account = Reference(name=pod.spec.service_account_name)
            yield _use(pod, account, (*pod.route, "serviceAccountName"), kind="ServiceAccount")
    for document in bundle.documents:
        if document.kind == "ServiceAccount":
            yield from _of_account(document)
    options = bundle.cluster.spec.autoscaler_options
    yield from _of_container(options, ("spec", "autoscalerOptions"), bundle.pods[0])
    yield from _of_cluster(bundle.cluster, bundle.pods[0])


def _use(pod: Pod, found: Reference, route: Route, key: str = "", *, kind: str = "Secret") -> Use:
    return Use(
        kind=kind, namespace=pod.namespace, name=found.name, key=key, route=route, owner=pod.owner
    )


def _of_account(account: Document) -> Iterator[Use]:
    """Each Pod that is made for it gets its logins."""
    for at, reference in enumerate(items(account.body, ("imagePullSecrets",))):
        yield Use(
            namespace=account.namespace,
            name=str(below(reference, ("name",)) or ""),
            route=("imagePullSecrets", at),
            owner=account.title,
        )


def _of_container(container: Container, route: Route, pod: Pod) -> Iterator[Use]:
    for at, variable in enumerate(container.env):
        for kind, found in _sources(variable.value_from):
            yield _use(pod, found, (*route, "env", at), found.key, kind=kind)
        yield from _hosts(variable.value or "", (*route, "env", at), pod)
    for at, source in enumerate(container.env_from):
        where = (*route, "envFrom", at)
        for kind, whole in (("Secret", source.secret_ref), ("ConfigMap", source.config_map_ref)):
            if whole is not None and not whole.optional:
                yield _use(pod, whole, where, kind=kind)
    for field, words in (("command", container.command), ("args", container.args)):
        yield from _hosts(" ".join(words), (*route, field), pod)


def _sources(source: ValueFrom | None) -> Iterator[tuple[str, KeyReference]]:
    if source is None:
        return
    for kind, found in (
        ("Secret", source.secret_key_ref),
        ("ConfigMap", source.config_map_key_ref),
    ):
        if found is not None and not found.optional:
            yield kind, found


def _of_volume(volume: Volume, route: Route, pod: Pod) -> Iterator[Use]:
    for files, way in _files(volume):
        reference = Reference(name=files.secret_name or files.name)
        kind = "Secret" if "secret" in way else "ConfigMap"
        for key in files.keys:
            yield _use(pod, reference, (*route, *way), key, kind=kind)


def _files(volume: Volume) -> Iterator[tuple[Files, Route]]:
    sources = volume.projected.sources if volume.projected else ()
    places: list[tuple[ProjectedSource, Route]] = [(volume, ())]
    places += [(each, ("projected", "sources", at)) for at, each in enumerate(sources)]
    for place, way in places:
        if place.secret is not None:
            yield place.secret, (*way, "secret")
        if place.config_map is not None:
            yield place.config_map, (*way, "configMap")


def _hosts(text: str, route: Route, pod: Pod) -> Iterator[Use]:
    """The Services of its namespace that it asks."""
    for host, domain, port in _URL.findall(text):
        if not domain or domain.split(".")[1] == pod.namespace:
            yield _use(pod, Reference(name=host), route, port, kind="Service")


def _of_cluster(cluster: RayCluster, head: Pod) -> Iterator[Use]:
    secret, store = cluster.spec.auth_options.secret_name, cluster.spec.gcs_fault_tolerance_options
    if secret:
        where = ("spec", "authOptions", "secretName")
        yield _use(head, Reference(name=secret), where, AUTH_KEY)
    if store is None:
        return
    route, address = ("spec", "gcsFaultToleranceOptions"), store.redis_address
    url = address if "://" in address else f"redis://{address}"
    yield from _hosts(url, (*route, "redisAddress"), head)
    credentials = {"redisUsername": store.redis_username, "redisPassword": store.redis_password}
    for field, credential in credentials.items():
        for kind, found in _sources(credential.value_from if credential else None):
            yield _use(head, found, (*route, field), found.key, kind=kind)
