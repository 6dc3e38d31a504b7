"""A simulated Kubernetes with a real Ray cluster on it, and what a test may do to it."""

import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from ray._raylet import GcsClient  # type: ignore[attr-defined]  # no stub
from ray.autoscaler.v2.sdk import get_cluster_status
from ray.core.generated.common_pb2 import NodeDeathInfo
from ray.core.generated.gcs_pb2 import GcsNodeInfo

from crabstick.errors import EnvironmentProblem
from tests.kube.api import api_server
from tests.kube.container import Container
from tests.kube.kubelet import Kubelet, Secrets
from tests.kube.loops import repeated
from tests.kube.network import Network
from tests.kube.objects import HEAD, Manifest, group_of, is_terminating, name_of
from tests.kube.operator import Operator
from tests.kube.pod_spec import pod_for
from tests.kube.store import Event, Kind, Store

START_LIMIT_S: Final = 300
GCS_LIMIT_S: Final = 10
POLL_S: Final = 0.1
LAST_WORDS: Final = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class RayNode:
    """What Ray says of a Pod; `death` is Ray's word for why it ended, empty while it lives."""

    pod: str
    group: str
    death: str
    started_ms: int
    ended_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Kube:
    """Everything that runs, and how a test gets at it."""

    store: Store
    kubelet: Kubelet
    network: Network

    def workers(self) -> list[str]:
        """The worker Pods that are not deleted, the oldest first."""
        return [
            name_of(pod)
            for pod in self.store.pods()
            if group_of(pod) != HEAD and not is_terminating(pod)
        ]

    def events(self, kind: Kind, name: str | None = None) -> list[Event]:
        """What happened so far, of one kind, and to one object, if wanted."""
        happened = list(self.store.history)
        return [one for one in happened if one.kind == kind and name in {None, one.name}]

    def picked(self) -> list[str]:
        """The Pods that the autoscaler has put into `workersToDelete`, one after another."""
        return [
            pod
            for patch in self.events("patched")
            for operation in patch.detail
            if operation["path"].endswith("/scaleStrategy")
            for pod in operation["value"]["workersToDelete"]
        ]

    def set_max_replicas(self, number: int, group: int = 0) -> None:
        """As a person who edits the RayCluster."""
        path = f"/spec/workerGroupSpecs/{group}/maxReplicas"
        self.store.patch_cluster([{"op": "replace", "path": path, "value": number}])

    def run_out_of_machines(self, group: str) -> None:
        """From now on no Pod of this group finds one."""
        self.kubelet.no_machines_for.add(group)

    def delete(self, pod: str) -> None:
        """As `kubectl delete pod` and an eviction do."""
        self.store.delete_pod(pod, "on request")

    @property
    def gcs(self) -> str:
        """The address of Ray's head."""
        return f"{self.network.addresses.head}:{self.network.addresses.gcs_port}"

    def ray_nodes(self) -> dict[str, RayNode]:
        """All nodes for games that Ray has ever had, by their ids.

        But for those that it gave up itself: it gives a start half a minute, however busy we are.
        """
        client: Any = GcsClient(address=self.gcs)
        found = client.get_all_node_info(timeout=GCS_LIMIT_S)
        nodes = {node_id.hex(): _ray_node(info) for node_id, info in found.items()}
        given_up = {one.name for one in self.events("ended")}
        return {
            node_id: node
            for node_id, node in nodes.items()
            if node.group != HEAD and node.pod not in given_up
        }

    def run_on_head(
        self, command: Sequence[str], more: Mapping[str, str]
    ) -> "subprocess.Popen[str]":
        """Starts a command in the head's Pod, as `kubectl exec` does."""
        (head,) = self._heads()
        return head.run(command, more)

    def account(self) -> str:
        """Everything that happened so far, and the last words of every container, for a person."""
        history = list(self.store.history)
        lines = [
            f"{one.at_s - history[0].at_s:7.2f} {one.kind} {one.name} {one.detail or ''}"
            for one in history
        ]
        logs = sorted(self.network.folder.glob("*.log"))
        said = [
            f"--- {log.stem}\n{log.read_text('utf-8', 'replace')[-LAST_WORDS:]}" for log in logs
        ]
        status = get_cluster_status(self.gcs)
        ray = [
            f"{node.instance_id} {node.node_status} {node.node_activity}"
            for node in [*status.active_nodes, *status.idle_nodes]
        ]
        return "\n".join([*lines, *ray, *said])

    def has_head(self) -> bool:
        """Whether Ray has said that its head runs."""
        containers = self._heads()
        return any("Ray runtime started" in container.said() for container in containers)

    def _heads(self) -> list[Container]:
        """More than one only while one replaces another."""
        names = [name_of(pod) for pod in self.store.pods() if group_of(pod) == HEAD]
        return [self.kubelet.container(name) for name in names if self.kubelet.runs(name)]


def _ray_node(info: GcsNodeInfo) -> RayNode:
    reason = NodeDeathInfo.Reason.Name(info.death_info.reason)
    is_alive = info.state == GcsNodeInfo.GcsNodeState.ALIVE
    return RayNode(
        pod=info.instance_id,
        group=info.node_type_name,
        death="" if is_alive else reason,
        started_ms=info.start_time_ms,
        ended_ms=info.end_time_ms,
    )


@contextmanager
def kube(cluster: Manifest, secrets: Secrets, network: Network, folder: Path) -> Iterator[Kube]:
    """Applies a RayCluster to a new Kubernetes, and returns when its head runs.

    Raises:
        EnvironmentProblem: it does not start.
    """
    with ExitStack() as stack:
        store = Store(cluster)
        api = stack.enter_context(api_server(store, network.kubernetes, folder))
        kubelet = Kubelet(
            store=store,
            new_box=network.box,
            secrets=secrets,
            variables={**network.variables, **api.environment},
        )
        stack.callback(kubelet.close)
        operator = Operator(store, partial(_new_pod, network))
        stack.enter_context(repeated(operator.step))
        stack.enter_context(repeated(kubelet.step))
        ready = Kube(store=store, kubelet=kubelet, network=network)
        try:
            _wait_head(ready)
            yield ready
        except Exception as error:
            error.add_note(ready.account())
            raise


def _wait_head(ready: Kube) -> None:
    until_s = time.monotonic() + START_LIMIT_S
    while not ready.has_head():
        if time.monotonic() > until_s:
            raise EnvironmentProblem("the head did not start")
        time.sleep(POLL_S)


def _new_pod(network: Network, cluster: Manifest, group: str) -> Manifest:
    return pod_for(cluster, group, uuid.uuid4().hex[:5], network.addresses)
