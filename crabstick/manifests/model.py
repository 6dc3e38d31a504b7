"""What the rules look at in a RayCluster; everything else is left out, as in `pod_model`."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import Field

from crabstick.manifests.faults import Route
from crabstick.manifests.pod_model import (
    Container,
    PodSpec,
    PodTemplate,
    ValueFrom,
    Variable,
    View,
)
from crabstick.manifests.quantities import rounded_up

__all__ = [
    "FaultTolerance",
    "Group",
    "HeadGroup",
    "HistoryServer",
    "NetworkPolicy",
    "NetworkRules",
    "RayCluster",
    "WorkerGroup",
]


_RAY_NAMES = ("ray-head", "ray-worker")


class HeadGroup(View):
    """The head, as far as it is like a group of workers."""

    ray_start_params: Mapping[str, str] = Field(default_factory=dict)
    resources: Mapping[str, str] = Field(default_factory=dict)
    labels: Mapping[str, str] = Field(default_factory=dict)
    template: PodTemplate = PodTemplate()


class WorkerGroup(HeadGroup):
    """A group of workers of one kind; None is what the operator or the API server decides."""

    group_name: str = ""
    replicas: int | None = None
    min_replicas: int | None = None
    max_replicas: int | None = None
    num_of_hosts: int = 1
    priority: int | None = None
    idle_timeout_seconds: int | None = None
    suspend: bool = False


class AutoscalerOptions(Container):
    """The autoscaler: one more container beside the head's."""

    version: str | None = None
    idle_timeout_seconds: int | None = None


class AuthOptions(View):
    """Who may use the Ray cluster."""

    mode: str | None = None
    secret_name: str = ""
    enable_kubernetes_auth: bool = Field(default=False, alias="enableK8sTokenAuth")


class Credential(View):
    """A name or password for Redis."""

    value: str = ""
    value_from: ValueFrom | None = None


class GcsStorage(View):
    """The volume of an embedded store."""

    size: str | None = None
    storage_class_name: str | None = None
    access_modes: tuple[str, ...] = ()
    claim_name: str = ""


class FaultTolerance(View):
    """Where the head keeps what it must know after its death."""

    backend: str = "redis"
    redis_address: str = ""
    redis_username: Credential | None = None
    redis_password: Credential | None = None
    external_storage_namespace: str = ""
    storage: GcsStorage | None = None


class NetworkRules(View):
    """Who may talk to, and hear from, the head, the workers or one group."""

    group_name: str = ""
    ingress_rules: tuple[object, ...] = ()
    egress_rules: tuple[object, ...] = ()


class NetworkPolicy(View):
    """The operator's own network policies."""

    mode: str = "DenyAll"
    head: NetworkRules = NetworkRules()
    worker: NetworkRules = NetworkRules()
    worker_groups: tuple[NetworkRules, ...] = ()


class TlsOptions(View):
    """Certificates for Ray's own connections."""

    enabled: bool = False


class Collector(View):
    """What carries logs away for the history server."""

    image: str = ""
    env: tuple[Variable, ...] = ()


class HistoryServer(View):
    """Logs that outlive the cluster."""

    collector_options: Collector | None = None


class UpgradeStrategy(View):
    """What a changed spec does to the Pods that run."""

    type: str | None = None


class Metadata(View):
    """What the object is called."""

    name: str = ""
    namespace: str = ""
    annotations: Mapping[str, str] = Field(default_factory=dict)


class Spec(View):
    """The wish."""

    ray_version: str = ""
    enable_in_tree_autoscaling: bool = False
    autoscaler_options: AutoscalerOptions = AutoscalerOptions()
    auth_options: AuthOptions = AuthOptions()
    suspend: bool = False
    upgrade_strategy: UpgradeStrategy = UpgradeStrategy()
    gcs_fault_tolerance_options: FaultTolerance | None = None
    head_group_spec: HeadGroup = HeadGroup()
    worker_group_specs: tuple[WorkerGroup, ...] = ()
    network_policy: NetworkPolicy | None = None
    tls_options: TlsOptions | None = None
    history_server_options: HistoryServer | None = None


class RayCluster(View):
    """The cluster of one bot."""

    metadata: Metadata = Metadata()
    spec: Spec = Spec()

    @property
    def head(self) -> "Group":
        """The head."""
        return Group(self.spec.head_group_spec, ("spec", "headGroupSpec"))

    @property
    def workers(self) -> "tuple[Group, ...]":
        """The groups that play."""
        return tuple(
            Group(group, ("spec", "workerGroupSpecs", at))
            for at, group in enumerate(self.spec.worker_group_specs)
        )

    def groups(self) -> "Iterator[Group]":
        """The head, then the workers."""
        yield self.head
        yield from self.workers


@dataclass(frozen=True, slots=True)
class Group:
    """The head or a group of workers, and where it stands."""

    spec: HeadGroup
    route: Route

    def __str__(self) -> str:
        """As people call it."""
        name = self.spec.group_name if isinstance(self.spec, WorkerGroup) else "the head"
        return name or f"group {self.route[-1]}"

    def labels(self, cluster: str) -> Mapping[str, str]:
        """What its Pods have: those of the template, and the operator's.

        Source: KubeRay 1.7, `ray-operator/controllers/ray/common/pod.go`, `labelPod`.
        """
        kind, name = "head", "headgroup"
        if isinstance(self.spec, WorkerGroup):
            kind, name = "worker", self.spec.group_name
        return {
            **self.spec.template.metadata.labels,
            "app.kubernetes.io/created-by": "kuberay-operator",
            "app.kubernetes.io/name": "kuberay",
            "ray.io/cluster": cluster,
            "ray.io/group": name,
            "ray.io/identifier": f"{cluster}-{kind}",
            "ray.io/is-ray-node": "yes",
            "ray.io/node-type": kind,
        }

    @property
    def pod(self) -> PodSpec:
        """Its Pods."""
        return self.spec.template.spec

    @property
    def pod_route(self) -> Route:
        """Where they stand."""
        return (*self.route, "template", "spec")

    @property
    def ray(self) -> Container:
        """The container that Ray runs in."""
        return self.pod.containers[self.ray_at] if self.pod.containers else Container()

    @property
    def ray_at(self) -> int:
        """Its position: KubeRay takes the first, but one that is called so was meant."""
        names = [container.name for container in self.pod.containers]
        return next((at for at, name in enumerate(names) if name in _RAY_NAMES), 0)

    @property
    def ray_route(self) -> Route:
        """Where that one stands."""
        return (*self.pod_route, "containers", self.ray_at)

    @property
    def cpus(self) -> int | None:
        """The logical CPUs that Ray counts on each node; None when nothing tells.

        Source: Ray 2.60, `ray/autoscaler/_private/kuberay/autoscaling_config.py`; memory as well.
        """
        return self._resource("CPU", "num-cpus")

    @property
    def memory(self) -> int | None:
        """The memory that Ray counts on each node, in bytes; None when nothing tells."""
        return self._resource("memory", "memory")

    def _resource(self, name: str, parameter: str) -> int | None:
        if name in self.spec.resources:
            return rounded_up(self.spec.resources[name])
        if parameter in self.spec.ray_start_params:
            text = self.spec.ray_start_params[parameter]
            return int(text) if text.isdecimal() else None
        amount = self.ray.resources.amount(name.lower())
        return None if amount is None else rounded_up(amount)
