"""Whether an autoscaler adds nodes, from a fake GCS."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from ray.core.generated.autoscaler_pb2 import GetClusterStatusReply

from actors.cluster import autoscaling_state
from actors.ops import cluster_probe
from actors.ops.probe_results import Autoscaler, ScalingReport
from crabstick.settings import Settings

DEMANDS = Settings().demands()


class FakeGcs:
    """A head's GCS; `versions` are the autoscaler's successive reports."""

    def __init__(self, versions: Iterator[int] | None = None, report: Any = None) -> None:
        self.versions = versions or iter(())
        self.report = report
        self.infeasible: list[dict[str, float]] = []

    def get_cluster_status(self, *, timeout_s: float) -> bytes:
        assert timeout_s
        reply = GetClusterStatusReply()
        version = next(self.versions, None)
        if version is not None:
            reply.autoscaling_state.last_seen_cluster_resource_state_version = version
            for bundle in self.infeasible:
                request = reply.autoscaling_state.infeasible_resource_requests.add()
                request.resources_bundle.update(bundle)
        return bytes(reply.SerializeToString())

    def internal_kv_get(self, key: bytes, _namespace: None, *, timeout: float) -> bytes | None:
        assert (key, bool(timeout)) == (b"__autoscaling_status", True)
        return None if self.report is None else json.dumps(self.report).encode()


def scaling(gcs: FakeGcs, monkeypatch: pytest.MonkeyPatch, monitor: str = "") -> ScalingReport:
    for module in ("actors.cluster", "actors.ops.cluster_probe"):
        monkeypatch.setattr(f"{module}.gcs_client", lambda: gcs)
    monkeypatch.setattr(cluster_probe, "POLL_S", 0.0)
    return cluster_probe.scaling(autoscaling_state(), monitor, DEMANDS)


def endless(*versions: int) -> Iterator[int]:
    yield from versions
    while True:
        yield versions[-1]


def test_an_autoscaler_that_reports_again_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    found = scaling(FakeGcs(endless(7, 7, 8)), monkeypatch)
    assert found == ScalingReport(autoscaler=Autoscaler.V2)


def test_an_autoscaler_that_repeats_its_report_is_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cluster_probe, "SILENCE", timedelta(0))
    found = scaling(FakeGcs(endless(7)), monkeypatch)
    assert found == ScalingReport(autoscaler=Autoscaler.V2, is_silent=True)


@pytest.mark.parametrize(
    ("bundle", "refuses"),
    [
        ({"CPU": 1.0, "memory": 256.0 * 2**20}, True),
        ({"CPU": 4.0, "memory": 256.0 * 2**20}, False),
        ({"GPU": 1.0}, False),
    ],
)
def test_a_slot_that_no_group_fits_is_found(
    monkeypatch: pytest.MonkeyPatch, bundle: dict[str, float], *, refuses: bool
) -> None:
    gcs = FakeGcs(endless(7, 8))
    gcs.infeasible = [bundle]
    assert scaling(gcs, monkeypatch).homeless == ("default",) * refuses


@pytest.mark.parametrize(
    ("report", "autoscaler"),
    [
        (None, Autoscaler.NONE),
        ({"time": 1}, Autoscaler.NONE),
        ({"autoscaler_report": {"active_nodes": {"node_abc": 1}}}, Autoscaler.NONE),
        ({"autoscaler_report": {"active_nodes": {"head": 1, "game": 2}}}, Autoscaler.V1),
    ],
)
def test_the_first_autoscaler_is_known_by_its_report(
    monkeypatch: pytest.MonkeyPatch, report: object, autoscaler: Autoscaler
) -> None:
    assert scaling(FakeGcs(report=report), monkeypatch) == ScalingReport(autoscaler=autoscaler)


def test_a_monitor_that_only_watches_makes_no_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    found = scaling(FakeGcs(endless(7, 8)), monkeypatch, monitor="watches")
    assert found == ScalingReport(autoscaler=Autoscaler.NONE)
