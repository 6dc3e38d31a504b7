"""Probes the nodes and the autoscaler of a running cluster, without changing anything there.

A short task without resources runs on each node and returns what only the node knows. The task
keeps no node alive. Nodes that drain, and nodes other than the head that have no free slot, are not
probed.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields
from datetime import timedelta
from typing import Any, Final

import ray
from ray import cloudpickle
from ray.exceptions import RayError

from actors.cluster import (
    GCS_PATIENCE,
    AutoscalingState,
    autoscaling_state,
    gcs_client,
    is_infeasible,
    last_line,
    on_node,
    read_nodes,
)
from actors.ops import node_probe
from actors.ops.fingerprint import CODE_ROOT
from actors.ops.probe_results import (
    SILENCE,
    Autoscaler,
    ClockOffset,
    NodeFacts,
    NodeReport,
    ScalingReport,
)
from crabstick.errors import EnvironmentProblem
from crabstick.rules.cluster_view import DEFAULT_ENGINE, ClusterNode, Demand
from crabstick.settings import TOKEN_VARIABLE, Settings
from crabstick.settings.tokens import login_file

PATIENCE: Final = timedelta(seconds=30)
"""A node may be busy, and its first process loads much."""
CLOCK_PATIENCE: Final = timedelta(seconds=3)
POLL_S: Final = 0.5
STATUS_KEY: Final = b"__autoscaling_status"
"""Where Ray's first autoscaler keeps its report. Source: ray_constants.DEBUG_AUTOSCALING_STATUS."""
READ_ONLY: Final = "node_"
"""Ray's prefix for the type of a node in a cluster without an autoscaler."""


def probe_cluster(settings: Settings) -> tuple[tuple[NodeReport, ...], ScalingReport]:
    """Probes the nodes of the connected cluster and its autoscaler.

    Raises:
        EnvironmentProblem: the head stopped answering.
    """
    try:
        first = autoscaling_state()
        nodes = _probed(settings)
        monitors = [node.facts.monitor for node in nodes if node.is_head and node.facts is not None]
        return nodes, scaling(first, monitors[0] if monitors else "", settings.demands())
    except (RayError, ValueError) as error:
        raise EnvironmentProblem(
            f"the head of the cluster stopped answering: {last_line(error)}"
        ) from None


def _probed(settings: Settings) -> tuple[NodeReport, ...]:
    """The living nodes, the head first; facts about the head and each node with a free slot."""
    demand = settings.demands()[DEFAULT_ENGINE]
    seen = [node.seen_by(demand) for node in read_nodes()]
    nodes = sorted(seen, key=lambda node: not node.is_head)
    skipped = {node.id: why_not for node in nodes if (why_not := _why_skipped(node))}
    asked = [node.id for node in nodes if node.id not in skipped]
    with _by_value():
        answers = dict(_answers(asked, settings))
    return tuple(
        _report(node, skipped.get(node.id) or answers[node.id], was_asked=node.id not in skipped)
        for node in nodes
    )


def _report(node: ClusterNode, answer: NodeFacts | str, *, was_asked: bool) -> NodeReport:
    """Adds the facts to a node, or the reason why there are none."""
    known = {field.name: getattr(node, field.name) for field in fields(ClusterNode)}
    if isinstance(answer, NodeFacts):
        return NodeReport(**known, facts=answer)
    return NodeReport(**known, unseen=answer, is_lost=was_asked)


def our_code() -> tuple[str, str]:
    """Version and digest of the code of this process, as in `NodeFacts`."""
    return node_probe.code_of(CODE_ROOT)


def _why_skipped(node: ClusterNode) -> str:
    if node.drains_in is not None:
        return "it drains"
    if node.is_head or node.free_slots:
        return ""
    return "it has no free slot" if node.slots else "it has no room for games at all"


@contextmanager
def _by_value() -> Iterator[None]:
    """Pickles functions of `node_probe` by value, because a node may lack that module."""
    cloudpickle.register_pickle_by_value(node_probe)  # type: ignore[no-untyped-call]  # Ray's
    try:
        yield
    finally:
        cloudpickle.unregister_pickle_by_value(node_probe)  # type: ignore[no-untyped-call]


def _answers(nodes: Sequence[str], settings: Settings) -> Iterator[tuple[str, NodeFacts | str]]:
    """Yields the facts of each node, or why there are none."""
    token_file = settings.lichess.token_file or login_file()
    engine = settings.engine.path if settings.engine.kind != "homemade" else None  # a class
    arguments = (TOKEN_VARIABLE, str(token_file), str(engine or ""))
    probe, clock = ray.remote(node_probe.probe), ray.remote(node_probe.now_s)
    until_s = time.monotonic() + PATIENCE.total_seconds()
    pending = {_on(node, probe).remote(*arguments): node for node in nodes}
    while pending and (left_s := until_s - time.monotonic()) > 0:
        for ref in ray.wait([*pending], timeout=left_s)[0]:
            node = pending.pop(ref)
            try:
                yield node, NodeFacts(**ray.get(ref), clock=_clock(_on(node, clock)))
            except (RayError, ValueError) as error:
                yield node, f"it cannot run a task: {last_line(error)}"
    for ref, node in pending.items():
        ray.cancel(ref, force=True)
        yield node, f"it did not answer within {PATIENCE.total_seconds():g} s"


def _on(node: str, task: Any) -> Any:  # noqa: ANN401 -- Ray's own types end here
    return task.options(
        name="crabstick check",
        num_cpus=0,
        max_retries=0,
        scheduling_strategy=on_node(node),
    )


def _clock(task: Any) -> ClockOffset:  # noqa: ANN401 -- as above
    """The offset of a node's clock; a process that already runs answers quickly."""
    before_s = time.time()
    there_s = ray.get(task.remote(), timeout=CLOCK_PATIENCE.total_seconds())
    return ClockOffset(least_s=there_s - time.time(), most_s=there_s - before_s)


def scaling(
    first: AutoscalingState | None, monitor: str, demands: Mapping[str, Demand]
) -> ScalingReport:
    """Returns how the cluster grows, when the autoscaler has reported again.

    Args:
        first: an earlier state of the autoscaler: only a newer one proves that it lives.
        monitor: what the head's own monitor does; see `NodeFacts`.
        demands: what a game asks for, by its engine.
    """
    if monitor == "watches":
        return ScalingReport(autoscaler=Autoscaler.NONE)
    if first is None:
        return _first_autoscaler()
    latest = _newer_than(first.last_seen_cluster_resource_state_version)
    return ScalingReport(
        autoscaler=Autoscaler.V2,
        is_silent=latest is None,
        homeless=tuple(
            name for name, one in demands.items() if is_infeasible(one, latest or first)
        ),
    )


def _newer_than(version: int) -> AutoscalingState | None:
    """The next state; None when the autoscaler has been silent for too long.

    The version of the autoscaler's own state changes only with its nodes. The version of the
    cluster state that the autoscaler has seen changes with each of its reports.
    """
    until_s = time.monotonic() + SILENCE.total_seconds()
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
