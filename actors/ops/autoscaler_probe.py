"""Whether somebody gives this cluster new nodes, as the head knows it."""

import json
import time
from typing import Final

import ray
from ray._private.ray_constants import DEBUG_AUTOSCALING_STATUS
from ray._raylet import GcsClient  # type: ignore[attr-defined]  # no stub
from ray.core.generated.autoscaler_pb2 import AutoscalingState, GetClusterStatusReply

from actors.cluster import Slot
from actors.ops.report import SILENCE, Autoscaler, ScalingReport

__all__ = ["AutoscalerProbe"]

GCS_PATIENCE_S: Final = 5
POLL_S: Final = 0.5
READ_ONLY: Final = "node_"
"""How Ray calls the type of a node when it scales nothing."""


class AutoscalerProbe:
    """Hears the autoscaler twice: once it spoke at some time, twice it lives."""

    def __init__(self) -> None:
        self._gcs = GcsClient(address=_gcs_address())
        self._first = self._state()
        self._since_s = time.monotonic()

    def scaling(self, monitor: str, slot: Slot) -> ScalingReport:
        """What is to be said of it; takes as long as it is silent.

        Args:
            monitor: what the head's own monitor does; see `NodeFacts`.
            slot: what a game asks for.
        """
        if monitor == "watches":
            return ScalingReport(autoscaler=Autoscaler.NONE)
        if self._first is None:
            return self._old()
        latest = self._next(self._first.last_seen_cluster_resource_state_version)
        return ScalingReport(
            autoscaler=Autoscaler.V2,
            is_silent=latest is None,
            has_no_place=_has_no_place(latest or self._first, slot),
        )

    def _state(self) -> AutoscalingState | None:
        reply = GetClusterStatusReply()
        reply.ParseFromString(self._gcs.get_cluster_status(timeout_s=GCS_PATIENCE_S))
        return reply.autoscaling_state if reply.HasField("autoscaling_state") else None

    def _next(self, version: int) -> AutoscalingState | None:
        """What it says next; None when it has nothing to say for too long.

        Its own version only changes with its nodes; what it saw of the cluster does each time.
        """
        until_s = self._since_s + SILENCE.total_seconds()
        while True:
            state = self._state()
            if state is not None and state.last_seen_cluster_resource_state_version != version:
                return state
            if time.monotonic() > until_s:
                return None
            time.sleep(POLL_S)

    def _old(self) -> ScalingReport:
        """Ray's first autoscaler leaves a note with the head, and so does one that only watches."""
        note = self._gcs.internal_kv_get(
            DEBUG_AUTOSCALING_STATUS.encode(), None, timeout=GCS_PATIENCE_S
        )
        report = json.loads(note).get("autoscaler_report") if note else None
        types = report["active_nodes"] if report else {}
        is_real = any(not name.startswith(READ_ONLY) for name in types)
        return ScalingReport(autoscaler=Autoscaler.V1 if is_real else Autoscaler.NONE)


def _gcs_address() -> str:
    return str(ray.get_runtime_context().gcs_address)


def _has_no_place(state: AutoscalingState, slot: Slot) -> bool:
    wanted = (slot.slot_cpus, slot.slot_memory_mb * 2**20)
    refused = (request.resources_bundle for request in state.infeasible_resource_requests)
    return any((each.get("CPU", 0), each.get("memory", 0)) == wanted for each in refused)
