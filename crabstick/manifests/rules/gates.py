"""The operator's rules about fields that only work when one of its feature gates is open."""

from collections.abc import Iterator
from typing import Final

from crabstick.manifests.bundle import Bundle
from crabstick.manifests.faults import Fault, Finding, Remark, Route
from crabstick.manifests.model import HistoryServer, NetworkPolicy, NetworkRules, RayCluster
from crabstick.manifests.rules.unwanted import unwanted_mounts, unwanted_variables

__all__ = ["gate_rules", "gated_rules", "gates"]

EMBEDDED = "GCSFaultToleranceEmbeddedStorage"
"""An overlay of ours is made for it, and says so."""
_TLS_PATH = "/etc/ray/tls"
_TLS: Final = dict.fromkeys(
    ("RAY_USE_TLS", "RAY_TLS_SERVER_CERT", "RAY_TLS_SERVER_KEY", "RAY_TLS_CA_CERT"),
    "with spec.tlsOptions the operator sets it: leave it out",
)
_STORES: Final = {"GCS": ("GCS_BUCKET",), "S3": ("S3_REGION",)}


def gate_rules(bundle: Bundle) -> Iterator[Finding]:
    """The gates are open, as far as one can see: each is shut unless somebody opens it."""
    words = bundle.answers.operator
    for gate, field in gates(bundle.cluster):
        if not words and gate == EMBEDDED:
            yield Remark(
                f"{field} needs the operator's feature gate {gate}, which is shut by default and "
                "was not looked at; with it shut, nothing starts"
            )
        elif f"{gate}=true" not in words:
            state = "is shut" if words else "is shut by default and was not looked at"
            yield Fault(
                f"needs the operator's feature gate {gate}, which {state}: leave the field out, or "
                f"start the operator with --feature-gates={gate}=true",
                tuple(field.split(".")),
                is_elsewhere=True,
            )


def gates(cluster: RayCluster) -> Iterator[tuple[str, str]]:
    """The gates that the operator needs open, each with the field that needs it."""
    spec, store = cluster.spec, cluster.spec.gcs_fault_tolerance_options
    if spec.network_policy is not None:
        yield "RayClusterNetworkPolicy", "spec.networkPolicy"
    if spec.tls_options is not None:
        yield "RayClusterMTLS", "spec.tlsOptions"
    if spec.history_server_options is not None:
        yield "RayClusterHistoryServer", "spec.historyServerOptions"
    if store is not None and store.backend == "rocksdb":
        yield EMBEDDED, "spec.gcsFaultToleranceOptions.backend"


def gated_rules(cluster: RayCluster) -> Iterator[Finding]:
    """What those fields must not contradict."""
    spec = cluster.spec
    if spec.network_policy is not None:
        groups = {group.group_name for group in spec.worker_group_specs}
        yield from _network(spec.network_policy, groups)
    if spec.tls_options is not None and spec.tls_options.enabled:
        yield from _tls(cluster)
    if spec.history_server_options is not None:
        yield from _history(spec.history_server_options)


def _network(policy: NetworkPolicy, groups: set[str]) -> Iterator[Finding]:
    route = ("spec", "networkPolicy")
    yield from _direction(policy.head, policy.mode, (*route, "head"))
    yield from _direction(policy.worker, policy.mode, (*route, "worker"))
    for at, rules in enumerate(policy.worker_groups):
        here = (*route, "workerGroups", at)
        yield from _direction(rules, policy.mode, here)
        if rules.group_name not in groups:
            known = ", ".join(sorted(groups)) or "none"
            yield Fault(
                f"is {rules.group_name!r}, which is no worker group; there are {known}",
                (*here, "groupName"),
            )


def _direction(rules: NetworkRules, mode: str, route: Route) -> Iterator[Finding]:
    if mode == "DenyAllEgress" and rules.ingress_rules:
        yield Fault(f"has no use: with mode {mode} everybody may come in", (*route, "ingressRules"))
    if mode == "DenyAllIngress" and rules.egress_rules:
        yield Fault(f"has no use: with mode {mode} everything may go out", (*route, "egressRules"))


def _tls(cluster: RayCluster) -> Iterator[Finding]:
    options = cluster.spec.autoscaler_options
    places = [
        (group.ray.env, group.ray.volume_mounts, group.ray_route) for group in cluster.groups()
    ]
    places.append((options.env, options.volume_mounts, ("spec", "autoscalerOptions")))
    why = "with spec.tlsOptions the operator mounts its certificates there: leave it out"
    for variables, mounts, route in places:
        yield from unwanted_variables(variables, (*route, "env"), _TLS)
        yield from unwanted_mounts(mounts, (*route, "volumeMounts"), _TLS_PATH, why)


def _history(options: HistoryServer) -> Iterator[Finding]:
    route: Route = ("spec", "historyServerOptions", "collectorOptions")
    collector = options.collector_options
    if collector is None or not collector.image:
        yield Fault("needs an image: name the collector's", route)
        return
    given = {variable.name: variable.value or "" for variable in collector.env}
    backend = given.get("STORAGE_BACKEND", "")
    if not backend:
        yield Fault("needs the variable STORAGE_BACKEND, such as S3 or GCS", (*route, "env"))
    for name in sorted(set(_STORES.get(backend.upper(), ())) - given.keys()):
        yield Fault(f"needs the variable {name}, for STORAGE_BACKEND is {backend}", route)
