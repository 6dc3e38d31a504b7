"""What the KubeRay operator refuses after the API server has accepted it: nothing starts then.

Source: KubeRay 1.7, `ray-operator/controllers/ray/utils/validation.go`. What it wants of rayVersion
and of the autoscaler's version is not repeated here: the rules about those are stricter.
"""

import re
from collections.abc import Iterator

from crabstick.explain import shown
from crabstick.manifests.bundle import Bundle
from crabstick.manifests.faults import Fault, Finding, Remark, Route
from crabstick.manifests.model import Group, RayCluster, WorkerGroup
from crabstick.manifests.rules.gates import gated_rules
from crabstick.manifests.rules.store import store_rules
from crabstick.manifests.rules.unwanted import unwanted_variables

__all__ = ["operator_rules"]

_DNS_1035 = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LONGEST_NAME = 53
_LABEL = re.compile(r"[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
_VERSIONS = ("ray.io/v1", "ray.io/v1alpha1")
_NUMBERS = frozenset({"num-cpus", "num-gpus", "memory", "object-store-memory"})
_RESOURCES = ("num-cpus", "num-gpus", "memory", "resources")
_RAY_NUMBERS = re.compile(r"\b([CG]PU)\b\W*:")
_V2_VARIABLE = "RAY_enable_autoscaler_v2"
_MADE_BY_KUBERAY = "KUBERAY_GEN_AUTOSCALER_START_CMD"


def operator_rules(bundle: Bundle) -> Iterator[Finding]:
    """All of them."""
    cluster = bundle.cluster
    yield from _object(bundle)
    for group in cluster.groups():
        yield from _group(group)
        yield from _pod(group, is_v2=cluster.spec.autoscaler_options.version == "v2")
    for at, spec in enumerate(cluster.spec.worker_group_specs):
        yield from _counts(spec, ("spec", "workerGroupSpecs", at))
    yield from _autoscaler(cluster)
    yield from store_rules(cluster)
    yield from gated_rules(cluster)


def _object(bundle: Bundle) -> Iterator[Finding]:
    version, name = bundle.source.body.get("apiVersion"), bundle.cluster.metadata.name
    if version is not None and version not in _VERSIONS:
        yield Fault(f"is {shown(version)}; write {_VERSIONS[0]}", ("apiVersion",))
    elif version == _VERSIONS[1]:
        yield Remark(f"apiVersion {version} is KubeRay's old one: {_VERSIONS[0]} says the same")
    if not _DNS_1035.fullmatch(name) or len(name) > _LONGEST_NAME:
        yield Fault(
            f"is {shown(name)}; it must begin with a letter and have only small letters, digits "
            f"and hyphens, {_LONGEST_NAME} at most",
            ("metadata", "name"),
        )


def _group(group: Group) -> Iterator[Finding]:
    parameters, route = group.spec.ray_start_params, (*group.route, "rayStartParams")
    both = [name for name in _RESOURCES if parameters.get(name)]
    if both and group.spec.resources:
        yield Fault(
            f"says what {group} has, and so does rayStartParams.{both[0]}: keep one of them",
            (*group.route, "resources"),
        )
    found = _RAY_NUMBERS.search(parameters.get("resources", ""))
    if found:
        yield Fault(
            f"holds {found[1]}, which Ray refuses there, and does not start: write "
            f"num-{found[1].lower()}s beside it",
            (*route, "resources"),
        )
    if "labels" in parameters:
        yield Fault(
            "is not taken: write labels beside rayStartParams, not in it", (*route, "labels")
        )
    for name in sorted(parameters.keys() & _NUMBERS):
        yield from _number(parameters[name], (*route, name))
    for key, value in group.spec.labels.items():
        yield from _label(key, value, (*group.route, "labels", key))


def _number(text: str, route: Route) -> Iterator[Finding]:
    if not text.isdecimal():
        yield Fault(f'is {shown(text)}; it must be a whole number in quotes, such as "4"', route)


def _label(key: str, value: str, route: Route) -> Iterator[Finding]:
    prefix, slash, name = key.rpartition("/")
    is_key = _LABEL.fullmatch(name) and (_PREFIX.fullmatch(prefix) or not slash)
    if not is_key or (value and not _LABEL.fullmatch(value)):
        yield Fault(
            f"is {shown(value)}; keys and values of labels have letters, digits, '-', '_' and '.', "
            "63 at most",
            route,
        )


def _counts(spec: WorkerGroup, route: Route) -> Iterator[Finding]:
    least, most = spec.min_replicas or 0, spec.max_replicas
    idle = spec.idle_timeout_seconds
    counts = {"minReplicas": least, "maxReplicas": most, "idleTimeoutSeconds": idle}
    for name, count in counts.items():
        if (count or 0) < 0:
            yield Fault(f"is {count}; it must not be negative", (*route, name))
    if most is not None and least > most >= 0:
        yield Fault(
            f"is {least}, above maxReplicas, which is {most}: lower the first or raise the second",
            (*route, "minReplicas"),
        )
    if spec.suspend:
        words = "is true, which the autoscaler does not allow: leave it out"
        yield Fault(words, (*route, "suspend"))


def _pod(group: Group, *, is_v2: bool) -> Iterator[Finding]:
    pod, route = group.pod, group.pod_route
    if not pod.containers:
        yield Fault("holds no container: Ray runs in the first one", (*route, "containers"))
    elif group.ray_at:
        yield Fault(
            f"holds {pod.containers[0].name} first, and Ray runs in the first one: put "
            f"{group.ray.name} there",
            (*route, "containers"),
        )
    if is_v2 and pod.restart_policy not in {None, "", "Never"}:
        yield Fault(
            f"is {shown(pod.restart_policy)}; with autoscaler v2 it must be Never, or left out",
            (*route, "restartPolicy"),
        )


def _autoscaler(cluster: RayCluster) -> Iterator[Finding]:
    options, route = cluster.spec.autoscaler_options, ("spec", "autoscalerOptions")
    timeout = options.idle_timeout_seconds
    if timeout is not None and timeout < 0:
        yield Fault(f"is {timeout}; it must not be negative", (*route, "idleTimeoutSeconds"))
    yield from unwanted_variables(
        options.env, (*route, "env"), {_MADE_BY_KUBERAY: "that is KubeRay's: leave it out"}
    )
    yield from unwanted_variables(
        cluster.head.ray.env,
        (*cluster.head.ray_route, "env"),
        {_V2_VARIABLE: "spec.autoscalerOptions.version says it already: leave the variable out"},
    )
