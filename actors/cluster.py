"""The one seam to Ray: finds, calls and ends actors, reads nodes and drains them.

Ray's calls to its GCS are synchronous, and block for a minute while the head is away. The `async`
functions here run them in threads, and raise `ActorAway` after `GCS_PATIENCE`. The others block: on
an event loop, call them through `in_gcs_thread`.
"""

import asyncio
import gc
import os
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import cache
from inspect import Parameter
from typing import Any, Protocol, TypeAlias, TypeVar, cast

import ray
from ray._private.state import available_resources_per_node, state
from ray.actor import ActorHandle
from ray.core.generated import autoscaler_pb2, common_pb2
from ray.core.generated.autoscaler_pb2 import DrainNodeReason, GetClusterStatusReply
from ray.core.generated.gcs_pb2 import WorkerTableData
from ray.exceptions import (
    ActorAlreadyExistsError,
    ActorUnavailableError,
    ActorUnschedulableError,
    RayActorError,
    RayError,
    RayTaskError,
)
from ray.experimental.internal_kv import internal_kv_get_gcs_client
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from crabstick.asyncio_tools import DaemonThreads
from crabstick.errors import CrabstickError, EnvironmentProblem
from crabstick.rules.cluster_view import ClusterNode, Demand
from crabstick.rules.lichess_types import NodeId

AutoscalingState: TypeAlias = autoscaler_pb2.AutoscalingState
T = TypeVar("T")
Method = TypeVar("Method", bound=Callable[..., object])
HEAD = "node:__internal_head__"
ON_THE_HEAD = {HEAD: 0.001}
"""A zero-CPU actor on any other node would keep that node alive for ever."""
GROUP = "ray.io/node-group"
"""Ray's label for a group of nodes of KubeRay or `ray up`."""
NODE_NAMES = ("NodeManagerAddress", "NodeManagerHostname", "NodeName")
"""Ray's keys for a node's address, host name, and the name given to `ray start`."""
MOST_WORDS = 300
FIRST_CAUSE = ", (2) "
"""Ray lists several causes of a death; the first is a lack of memory."""
GCS_PATIENCE = timedelta(seconds=5)
GCS_THREADS = DaemonThreads(4, "gcs")
"""While the GCS is away all of them block, and further calls queue without a thread."""
NO_HURRY = timedelta(hours=1)
"""The time that we assume is left in a drain without a deadline."""


class ActorError(CrabstickError):
    """A call to an actor, or about one, did not succeed."""


class ActorGone(ActorError):
    """The actor is dead, or no actor has that name."""


class ActorSilent(ActorError):
    """The actor did not answer in time; whether it acted on the call is unknown."""


class ActorAway(ActorSilent):
    """The actor cannot be reached: Ray restarts it, or Ray's GCS is away."""


class ActorFailed(ActorError):
    """The actor's code raised an error or has no such method, or Ray refused a call."""


class NameTaken(ActorFailed):
    """Ray did not make an actor: another one has the name."""


class Handle(Protocol):
    """A Ray actor handle; elsewhere only `actors.clients` and `start_serve` call its methods."""

    def __getattr__(self, method: str) -> Any:  # noqa: ANN401 -- Ray makes them at run time
        """A method to call with `.remote(message)`."""


async def ask(answer: Awaitable[Any], patience: timedelta | None) -> dict[str, object]:
    """Awaits a Ray call and translates Ray's errors; without `patience` there is no deadline.

    Raises:
        ActorGone: the actor is dead, or its node has left.
        ActorSilent: no answer within `patience`, or the actor is being restarted.
        ActorFailed: the actor's code raised.
    """
    try:
        async with asyncio.timeout(None if patience is None else patience.total_seconds()):
            reply = await answer
    except TimeoutError:
        limit_s = patience.total_seconds() if patience else 0
        raise ActorSilent(f"no answer within {limit_s:g} s") from None
    except ActorUnavailableError as error:
        raise ActorAway(_reason(error)) from None
    except (RayActorError, ActorUnschedulableError) as error:
        raise ActorGone(_reason(error)) from None
    except RayTaskError as error:
        raise ActorFailed(last_line(error)) from None
    except RayError as error:
        raise ActorSilent(_reason(error)) from None
    return reply if isinstance(reply, dict) else {}


async def in_gcs_thread(
    work: Callable[[], T], *, patience: timedelta = GCS_PATIENCE, is_kept: bool = False
) -> T:
    """Runs a blocking call to the GCS in a thread, and waits for at most `patience`.

    Work that has begun is completed even after this call has raised; with `is_kept`, so is work
    that still waits for a thread.

    Raises:
        ActorAway: the GCS did not answer in time.
        ActorFailed: Ray refused (`NameTaken`: a name that another actor has).
    """
    future = asyncio.get_running_loop().run_in_executor(GCS_THREADS, work)
    try:
        awaited = asyncio.shield(future) if is_kept else future
        return await asyncio.wait_for(awaited, patience.total_seconds())
    except TimeoutError:
        raise ActorAway("Ray's GCS does not answer") from None
    except (RayError, ValueError) as error:
        refusal = NameTaken if isinstance(error, ActorAlreadyExistsError) else ActorFailed
        raise refusal(_reason(error)) from None


async def find_actor(name: str, namespace: str) -> Handle | None:
    """The handle of a named actor; None when no living actor has that name."""
    return await in_gcs_thread(lambda: _find_actor(name, namespace))


async def find_actors(
    namespace: str,
    is_wanted: Callable[[str], bool],
    known: Collection[str] = (),
    patience: timedelta = GCS_PATIENCE,
) -> dict[str, Handle]:
    """The living actors of a namespace whose names are wanted and not in `known`."""

    def find() -> dict[str, Handle]:
        entries = ray.util.list_named_actors(all_namespaces=True)
        names = [entry["name"] for entry in entries if entry["namespace"] == namespace]
        wanted = [name for name in names if is_wanted(name) and name not in known]
        handles = {name: _find_actor(name, namespace) for name in wanted}
        return {name: handle for name, handle in handles.items() if handle is not None}

    return await in_gcs_thread(find, patience=patience)


def _find_actor(name: str, namespace: str) -> Handle | None:
    with suppress(ValueError):  # no living actor has that name
        return cast("Handle", ray.get_actor(name, namespace=namespace))
    return None


def let_methods_take_a_message(handle: Handle) -> None:
    """Corrects the signatures of a handle, by which Ray checks the arguments of a call.

    Where this version of crabstick lacks the class, Ray makes one up, whose methods take nothing.
    """
    signatures: dict[str, list[Parameter]] = handle._ray_method_signatures  # noqa: SLF001 -- Ray's own
    message = [Parameter("message", Parameter.POSITIONAL_OR_KEYWORD)]
    signatures.update({name: message for name in signatures if not name.startswith("__")})


@cache
def _remote(actor: type) -> Any:  # noqa: ANN401 -- Ray's own type has no stub
    """Ray's wrapper of the class, made once: Ray would store each new one in the GCS."""
    return ray.remote(actor)


def create_actor(
    actor: type, name: str, namespace: str, *arguments: object, **options: object
) -> Handle:
    """Makes a detached actor with that name; returns before the actor runs.

    Raises:
        ActorAlreadyExistsError: another actor has the name; `in_gcs_thread` makes it `NameTaken`.
    """
    remote = _remote(actor).options(name=name, namespace=namespace, lifetime="detached", **options)
    return cast("Handle", remote.remote(*arguments))


def kill_actor(handle: Handle, *, may_restart: bool = False) -> None:
    """Kills an actor, for good unless it `may_restart`; idempotent."""
    ray.kill(cast("ActorHandle[object]", handle), no_restart=not may_restart)


def restart_actor(handle: Handle, name: str, namespace: str) -> None:
    """Has Ray end an actor's process and start another.

    Does nothing while the GCS is away: the GCS would carry out the kill on its return.
    """
    began_s = time.monotonic()
    named = ray.util.list_named_actors(all_namespaces=True)
    took_s = time.monotonic() - began_s
    if {"name": name, "namespace": namespace} in named and took_s < GCS_PATIENCE.total_seconds():
        kill_actor(handle, may_restart=True)


def require_life(handle: Handle) -> None:
    """Raises ActorGone with Ray's reason when an actor that Ray restarts has died twice.

    Ray keeps the reason with a process: the last one that died on the actor's node is taken.
    """
    actor = state.actor_table(handle._actor_id.hex())  # noqa: SLF001 -- Ray has no public way
    if actor.get("NumRestarts", 0) <= 1:
        return
    table = state._connect_and_get_accessor().get_worker_table()  # noqa: SLF001 -- as above
    dead = [
        worker
        for worker in map(WorkerTableData.FromString, table)
        if worker.exit_type in {common_pb2.SYSTEM_ERROR, common_pb2.NODE_OUT_OF_MEMORY}
        if not worker.is_alive and worker.worker_address.node_id.hex() == actor["Address"]["NodeID"]
    ]
    last = max(dead, key=lambda worker: int(worker.end_time_ms), default=None)
    why = last.exit_detail if last else "Ray does not say why"
    raise ActorGone(f"its process died: {why[:MOST_WORDS].split(FIRST_CAUSE)[0]}")


def own_handle() -> Handle:
    """The handle of the actor that runs here."""
    return cast("Handle", ray.get_runtime_context().current_actor)


def kill_own_actor() -> None:
    """Ends the actor that runs here."""
    kill_actor(own_handle())


def call_own_actor(method: str, title: str, message: Mapping[str, object]) -> None:
    """Has the actor that runs here call its own method, under a title for the dashboard."""
    if ray.is_initialized():
        getattr(own_handle(), method).options(name=title).remote(message)


def without_task_events(method: Method) -> Method:
    """Keeps calls of this method out of Ray's records, which pings and reports would fill."""
    return cast("Method", ray.method(enable_task_events=False)(method))


def this_node() -> str:
    """The id of our Ray node in hex; empty outside of Ray."""
    if not ray.is_initialized():
        return ""
    return str(ray.get_runtime_context().get_node_id())


def freeze_gc() -> None:
    """Excludes all present objects from further collections; call this when the actor is warm.

    Ray sometimes makes all its workers collect at the same moment (seen while an actor waits for a
    slot). Collecting the modules alone takes each worker 50 ms, in which no actor moves.
    """
    gc.collect()
    gc.freeze()


def read_nodes() -> tuple[ClusterNode, ...]:
    """The living nodes of the connected cluster, of which no slots are counted yet."""
    free = available_resources_per_node()  # type: ignore[no-untyped-call]  # Ray's
    draining = state.get_draining_nodes()
    here, own_cores = this_node(), len(os.sched_getaffinity(0))
    return tuple(
        ClusterNode(
            id=NodeId(node["NodeID"]),
            names=tuple(dict.fromkeys(node[key] for key in NODE_NAMES if node.get(key))),
            group=node.get("Labels", {}).get(GROUP, ""),
            is_head=HEAD in node["Resources"],
            cpus=node["Resources"].get("CPU", 0.0),
            cores=own_cores if node["NodeID"] == here else node["Resources"].get("CPU", 0.0),
            total=node["Resources"],
            free=free.get(node["NodeID"], {}),
            labels=node.get("Labels", {}),
            drains_in=_until(draining.get(node["NodeID"])),
        )
        for node in ray.nodes()  # type: ignore[no-untyped-call]  # Ray's
        if node["Alive"]
    )


def gcs_client() -> Any:  # noqa: ANN401 -- Ray's own type has no stub
    """The connected process's client of the GCS."""
    return internal_kv_get_gcs_client()  # type: ignore[no-untyped-call]  # Ray's


def autoscaling_state(timeout_s: float = GCS_PATIENCE.total_seconds()) -> AutoscalingState | None:
    """The latest report of Ray's autoscaler v2 to the GCS; None before the first."""
    reply = GetClusterStatusReply.FromString(gcs_client().get_cluster_status(timeout_s=timeout_s))
    return reply.autoscaling_state if reply.HasField("autoscaling_state") else None


def is_infeasible(demand: Demand, report: AutoscalingState | None) -> bool:
    """Whether the autoscaler reports that no group of nodes fits an EngineActor.

    Counts only requests for exactly our resources: the others are another program's.
    """
    return report is not None and any(
        {what: need for what, need in request.resources_bundle.items() if need} == demand.resources
        for request in report.infeasible_resource_requests
    )


def drain_node(node_id: str, within: timedelta) -> timedelta:
    """Has Ray drain a node; returns the time until the node ends. Idempotent.

    An earlier deadline from elsewhere, such as a spot notice, holds.

    Raises:
        EnvironmentProblem: Ray refuses.
    """
    now_ms = round(time.time() * 1000)
    end_ms = now_ms + round(within / timedelta(milliseconds=1))
    earlier_ms = state.get_draining_nodes().get(node_id)
    if earlier_ms and earlier_ms <= end_ms:
        return max(timedelta(milliseconds=earlier_ms - now_ms), timedelta(0))
    preemption = DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
    is_accepted, why_not = gcs_client().drain_node(node_id, preemption, "crabstick drain", end_ms)
    if not is_accepted:
        raise EnvironmentProblem(f"Ray does not drain node {node_id[:12]}: {why_not}")
    return within


def on_node(node_id: str) -> NodeAffinitySchedulingStrategy:
    """The scheduling strategy for this node alone."""
    return NodeAffinitySchedulingStrategy(node_id, soft=False)


def _until(deadline_ms: int | None) -> timedelta | None:
    """The time until a moment in Unix time; Ray writes 0 for no deadline."""
    if deadline_ms is None:
        return None
    if not deadline_ms:
        return NO_HURRY
    return max(timedelta(milliseconds=deadline_ms - time.time() * 1000), timedelta(0))


def _reason(error: BaseException) -> str:
    """The first line of an error that tells a reason, short enough for a log."""
    text = str(error).strip()
    if '\n  File "' in text:  # a traceback
        return last_line(error)
    lines = text.splitlines() or [type(error).__name__]
    telling = next((line for line in lines if " is dead because " in line), lines[0])
    return telling[:MOST_WORDS].split(FIRST_CAUSE)[0]


def last_line(error: BaseException) -> str:
    """The last line of an error: that of a `RayTaskError` names the cause."""
    lines = str(error).strip().splitlines()
    return lines[-1][:MOST_WORDS] if lines else type(error).__name__
