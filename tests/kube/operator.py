"""The part of the KubeRay operator that an autoscaler meets: Pods come and go as the spec says.

Source: KubeRay 1.7.0, `reconcilePods` in `raycluster_controller.go`, and a real operator watched.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from tests.kube.objects import (
    HEAD,
    Manifest,
    desired_workers,
    group_of,
    has_ended,
    is_terminating,
    name_of,
    to_delete,
)
from tests.kube.store import Store


@dataclass(frozen=True, slots=True, kw_only=True)
class Create:
    """One Pod more in this group."""

    group: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """This Pod goes."""

    pod: str
    why: str


Action: TypeAlias = Create | Delete


def reconcile(cluster: Manifest, pods: Sequence[Manifest]) -> list[Action]:
    """What is to be done so that the Pods become what the RayCluster says.

    A Pod that is being deleted counts until it is gone, so nothing replaces it before; not so those
    in `workersToDelete`, whose number `replicas` has lost already. A Pod that ended by itself is
    deleted, and nothing is created in that turn. Without `workersToDelete` no living Pod goes.
    """
    ended = [pod for pod in pods if has_ended(pod) and not is_terminating(pod)]
    if ended:
        return [Delete(pod=name_of(pod), why="it ended by itself") for pod in ended]
    count = Counter(map(group_of, pods))
    actions: list[Action] = [] if count[HEAD] else [Create(group=HEAD)]
    for group in cluster["spec"]["workerGroupSpecs"]:
        actions += _of_a_group(group, pods)
    return actions


def _of_a_group(group: Manifest, pods: Sequence[Manifest]) -> Iterator[Action]:
    mine = [pod for pod in pods if group_of(pod) == group["groupName"]]
    leaving = set(to_delete(group))
    for pod in mine:
        if name_of(pod) in leaving and not is_terminating(pod):
            yield Delete(pod=name_of(pod), why="workersToDelete")
    staying = sum(name_of(pod) not in leaving for pod in mine)
    for _ in range(desired_workers(group) - staying):
        yield Create(group=group["groupName"])


class Operator:
    """Carries out what `reconcile` says.

    Args:
        store: the objects.
        new_pod: makes a Pod of that group.
    """

    def __init__(self, store: Store, new_pod: Callable[[Manifest, str], Manifest]) -> None:
        self._store = store
        self._new_pod = new_pod

    def step(self) -> None:
        """One turn of its loop."""
        cluster = self._store.cluster()
        for action in reconcile(cluster, self._store.pods()):
            match action:
                case Create(group=group):
                    self._store.create_pod(self._new_pod(cluster, group))
                case Delete(pod=name, why=why):
                    self._store.delete_pod(name, why)
