"""The objects of a simulated Kubernetes, and all that happened to them.

What the API server, the operator and the kubelet have in common; each may call from its own thread.
"""

import threading
import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

import jsonpatch
import jsonpointer

from tests.kube.objects import Manifest, is_terminating, name_of, with_defaults

Kind: TypeAlias = Literal["patched", "created", "deleted", "ended", "gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something happened to an object; `at_s` is monotonic."""

    at_s: float
    kind: Kind
    name: str
    detail: Any = None
    """The operations of a patch, why a Pod was deleted, how it went."""


@dataclass(slots=True)
class Store:
    """One RayCluster and its Pods.

    Everything that comes out is a copy, as over a network.
    """

    _cluster: Manifest
    history: list[Event] = field(default_factory=list)
    reads: int = 0
    """How often the RayCluster was read through the API."""
    _pods: dict[str, Manifest] = field(default_factory=dict)
    _version: int = 1
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self._cluster = with_defaults(self._cluster)

    @property
    def version(self) -> str:
        """Grows with every change."""
        return str(self._version)

    def cluster(self) -> Manifest:
        with self._lock:
            return deepcopy(self._cluster)

    def patch_cluster(self, operations: Sequence[Mapping[str, Any]]) -> Manifest:
        """The RayCluster after a JSON Patch.

        Raises:
            JsonPatchException, JsonPointerException: it does not apply, and nothing was changed.
        """
        with self._lock:
            self._cluster = _patched(self._cluster, operations)
            self._note("patched", self._cluster, list(operations))
            return self.cluster()

    def pods(self) -> list[Manifest]:
        with self._lock:
            return deepcopy(list(self._pods.values()))

    def create_pod(self, pod: Manifest) -> None:
        with self._lock:
            self._pods[name_of(pod)] = deepcopy(pod)
            self._note("created", self._pods[name_of(pod)])

    def delete_pod(self, name: str, why: str) -> None:
        """Marks the Pod: the kubelet ends it, and then removes it.

        Raises:
            KeyError: there is none of that name.
        """
        with self._lock:
            pod = self._pods[name]
            if not is_terminating(pod):
                pod["metadata"]["deletionTimestamp"] = datetime.now(UTC).isoformat("T", "seconds")
                self._note("deleted", pod, why)

    def set_status(self, name: str, status: Manifest, how: str | None = None) -> None:
        """The kubelet: what has become of the Pod; `how` it ended, if it did."""
        with self._lock:
            self._pods[name]["status"] = deepcopy(status)
            if how is not None:
                self._note("ended", self._pods[name], how)

    def remove_pod(self, name: str, how: str) -> None:
        """The kubelet: nothing of the Pod is left."""
        with self._lock:
            self._note("gone", self._pods.pop(name), how)

    def _note(self, kind: Kind, thing: Manifest, detail: Any = None) -> None:
        self._version += 1
        thing["metadata"]["resourceVersion"] = self.version
        event = Event(at_s=time.monotonic(), kind=kind, name=name_of(thing), detail=detail)
        self.history.append(event)


def _patched(document: Manifest, operations: Sequence[Mapping[str, Any]]) -> Manifest:
    """A changed copy, as the API server makes it: `replace` adds a member that is missing.

    Ray's autoscaler relies on that for `scaleStrategy`. Source: evanphx/json-patch v4.
    """
    for operation in operations:
        parent, _ = jsonpointer.JsonPointer(operation["path"]).to_last(document)
        is_member = operation["op"] == "replace" and isinstance(parent, dict)
        step = {**operation, "op": "add"} if is_member else operation
        document = jsonpatch.apply_patch(document, [step])
    return document
