"""Finds out from the head's GCS whether an autoscaler adds nodes to this cluster."""

import json
import time
from typing import Final

from actors.cluster import (
    GCS_PATIENCE,
    AutoscalingState,
    autoscaling_state,
    gcs_client,
    is_slot_infeasible,
)
from actors.ops.probe_results import SILENCE, Autoscaler, ScalingReport
from crabstick.settings import ClusterSettings

POLL_S: Final = 0.5
STATUS_KEY: Final = b"__autoscaling_status"
"""Where Ray's first autoscaler keeps its report. Source: ray_constants.DEBUG_AUTOSCALING_STATUS."""
READ_ONLY: Final = "node_"
"""Ray's prefix for the type of a node in a cluster without an autoscaler."""


class AutoscalerProbe:
    """Reads the autoscaler's state twice, because only a newer state proves that it lives."""

    def __init__(self) -> None:
        self._first = autoscaling_state()
        self._since_s = time.monotonic()

    def scaling(self, monitor: str, slot: ClusterSettings) -> ScalingReport:
        """Returns how the cluster grows, when the autoscaler has reported again.

        Args:
            monitor: what the head's own monitor does; see `NodeFacts`.
            slot: the resources of one game.
        """
        if monitor == "watches":
            return ScalingReport(autoscaler=Autoscaler.NONE)
        if self._first is None:
            return _first_autoscaler()
        latest = self._newer_than(self._first.last_seen_cluster_resource_state_version)
        return ScalingReport(
            autoscaler=Autoscaler.V2,
            is_silent=latest is None,
            has_no_place=is_slot_infeasible(slot, latest or self._first),
        )

    def _newer_than(self, version: int) -> AutoscalingState | None:
        """The next state; None when the autoscaler has been silent for too long.

        The version of its own state changes only with its nodes, the version of the cluster state
        that it has seen changes each time.
        """
        until_s = self._since_s + SILENCE.total_seconds()
        while True:
            state = autoscaling_state()
            if state is not None and state.last_seen_cluster_resource_state_version != version:
                return state
            if time.monotonic() > until_s:
                return None
            time.sleep(POLL_S)


def _first_autoscaler() -> ScalingReport:
    """Reads the report of autoscaler v1; a monitor that only watches writes one, too."""
    status = gcs_client().internal_kv_get(STATUS_KEY, None, timeout=GCS_PATIENCE.total_seconds())
    report = json.loads(status).get("autoscaler_report") if status else None
    types = report["active_nodes"] if report else {}
    is_real = any(not name.startswith(READ_ONLY) for name in types)
    return ScalingReport(autoscaler=Autoscaler.V1 if is_real else Autoscaler.NONE)
