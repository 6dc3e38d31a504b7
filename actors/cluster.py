"""The one seam to Ray: finding, calling and ending actors, reading nodes, draining them.

Ray's calls to its GCS are synchronous, and block for a minute while the head is away. Here they run
in threads, and every one of them behaves the same then: `ActorAway` after `GCS_PATIENCE`.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from functools import cache
from typing import Any, Protocol, TypeVar, cast

import ray
from ray._private.state import available_resources_per_node, state
from ray.actor import ActorHandle
from ray.core.generated.autoscaler_pb2 import (
    AutoscalingState,
    DrainNodeReason,
    GetClusterStatusReply,
)
from ray.exceptions import (
    ActorUnavailableError,
    ActorUnschedulableError,
    RayActorError,
    RayError,
    RayTaskError,
)
from ray.experimental.internal_kv import internal_kv_get_gcs_client
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from crabstick.errors import CrabstickError, EnvironmentProblem
from crabstick.rules.cluster_view import ClusterNode

__all__ = [
    "GCS_PATIENCE",
    "NO_HURRY",
    "ON_THE_HEAD",
    "ActorAway",
    "ActorFailed",
    "ActorGone",
    "ActorSilent",
    "AutoscalingState",
    "Handle",
    "Slot",
    "ask",
    "autoscaling_state",
    "call_own_actor",
    "create_actor",
    "demand_of",
    "drain_node",
    "find_actor",
    "find_actors",
    "first_line",
    "gcs_client",
    "in_gcs_thread",
    "is_infeasible",
    "is_slot_infeasible",
    "kill_actor",
    "kill_own_actor",
    "last_line",
    "on_node",
    "own_handle",
    "read_nodes",
    "restart_actor",
    "slots_of",
    "this_node",
    "without_task_events",
]

T = TypeVar("T")
Method = TypeVar("Method", bound=Callable[..., object])

ON_THE_HEAD = {"node:__internal_head__": 0.001}
"""A zero-CPU actor anywhere else would keep its node alive for ever."""
HEAD = "node:__internal_head__"
GROUP = "ray.io/node-group"
"""Ray's label for what KubeRay and `ray up` call a group of nodes."""
NODE_NAMES = ("NodeManagerAddress", "NodeManagerHostname", "NodeName")
"""Ray's keys for a node's address, host name, and the name given to `ray start`."""
GCS_PATIENCE = timedelta(seconds=5)
GCS_THREADS = ThreadPoolExecutor(max_workers=4, thread_name_prefix="gcs")
"""While the GCS is away they all block, and further calls wait in line without a thread."""
NO_HURRY = timedelta(hours=1)
"""What a drain without a deadline leaves."""
ROUNDING = 1e-6
"""Free CPUs are what is left of sums of decimal fractions."""


class ActorGone(CrabstickError):
    """The actor is dead, or no actor has that name."""


class ActorSilent(CrabstickError):
    """The actor did not answer in time; it may or may not have done what it was asked."""


class ActorAway(ActorSilent):
    """The actor cannot be reached: Ray restarts it, or Ray's GCS is away."""


class ActorFailed(CrabstickError):
    """The actor's own code raised an error, or its code has no such method."""


class Handle(Protocol):
    """A Ray actor handle; only `actors.clients` calls methods on it."""

    def __getattr__(self, method: str) -> Any:  # noqa: ANN401 -- Ray makes them at run time
        """A method to call with `.remote(message)`."""


class Slot(Protocol):
    """What one EngineActor asks of a node."""

    @property
    def slot_cpus(self) -> float:
        """Logical CPUs."""

    @property
    def slot_memory_mb(self) -> int:
        """Memory in MiB, reserved with Ray's scheduler."""


# Actors.


async def ask(answer: Awaitable[Any], patience: timedelta | None) -> dict[str, object]:
    """Awaits a Ray call with a deadline (None: for ever), and turns Ray's errors into ours.

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
        raise ActorAway(first_line(error)) from None
    except (RayActorError, ActorUnschedulableError) as error:
        raise ActorGone(first_line(error)) from None
    except RayTaskError as error:
        raise ActorFailed(last_line(error)) from None
    except RayError as error:
        raise ActorSilent(first_line(error)) from None
    return reply if isinstance(reply, dict) else {}


async def in_gcs_thread(work: Callable[[], T], *, is_kept: bool = False) -> T:
    """Runs a blocking call to the GCS in a thread, and waits for at most `GCS_PATIENCE`.

    Work that `is_kept` is done as soon as the GCS answers, even after the caller has given up.

    Raises:
        ActorAway: the GCS did not answer in time.
        ActorFailed: Ray refused.
    """
    future = asyncio.get_running_loop().run_in_executor(GCS_THREADS, work)
    try:
        awaited = asyncio.shield(future) if is_kept else future
        return await asyncio.wait_for(awaited, GCS_PATIENCE.total_seconds())
    except TimeoutError:
        raise ActorAway("Ray's GCS does not answer") from None
    except (RayError, ValueError) as error:
        raise ActorFailed(first_line(error)) from None


async def find_actor(name: str, namespace: str) -> Handle | None:
    """The handle of a named actor; None when no living actor has that name.

    Raises:
        ActorAway: the GCS did not answer in time.
    """
    return await in_gcs_thread(lambda: _find_actor(name, namespace))


async def find_actors(
    namespace: str, is_wanted: Callable[[str], bool], known: Collection[str] = ()
) -> dict[str, Handle]:
    """The living actors of a namespace with a wanted name, less those that are `known`.

    Raises:
        ActorAway: the GCS did not answer in time.
        ActorFailed: Ray refused.
    """

    def find() -> dict[str, Handle]:
        entries = ray.util.list_named_actors(all_namespaces=True)
        names = [entry["name"] for entry in entries if entry["namespace"] == namespace]
        wanted = [name for name in names if is_wanted(name) and name not in known]
        handles = {name: _find_actor(name, namespace) for name in wanted}
        return {name: handle for name, handle in handles.items() if handle is not None}

    return await in_gcs_thread(find)


def _find_actor(name: str, namespace: str) -> Handle | None:
    with suppress(ValueError):  # Ray's word for a name that no living actor has
        return cast("Handle", ray.get_actor(name, namespace=namespace))
    return None


@cache
def _remote(actor: type) -> Any:  # noqa: ANN401 -- Ray's own type has no stub
    """Ray's view of the class; each one that is made anew would be stored in the GCS again."""
    return ray.remote(actor)


def create_actor(
    actor: type, name: str, namespace: str, *arguments: object, **options: object
) -> Handle:
    """Makes a detached actor with that name, before it runs. Blocks on Ray's GCS.

    Raises:
        ValueError: another actor has the name.
    """
    remote = _remote(actor).options(name=name, namespace=namespace, lifetime="detached", **options)
    return cast("Handle", remote.remote(*arguments))


def kill_actor(handle: Handle, *, may_restart: bool = False) -> None:
    """Kills an actor, for good unless it `may_restart`; idempotent. Blocks on Ray's GCS."""
    ray.kill(cast("ActorHandle[Any]", handle), no_restart=not may_restart)


def restart_actor(handle: Handle, name: str, namespace: str) -> None:
    """Has Ray end an actor's process and start another. Blocks on Ray's GCS.

    While the GCS is away nothing is ordered: it would carry the order out when it is back.
    """
    began_s = time.monotonic()
    named = ray.util.list_named_actors(all_namespaces=True)
    took_s = time.monotonic() - began_s
    if {"name": name, "namespace": namespace} in named and took_s < GCS_PATIENCE.total_seconds():
        kill_actor(handle, may_restart=True)


def own_handle() -> Handle:
    """The handle of the actor that runs here."""
    return cast("Handle", ray.get_runtime_context().current_actor)


def kill_own_actor() -> None:
    """Ends the actor that runs here. Blocks on Ray's GCS."""
    kill_actor(own_handle())


def call_own_actor(method: str, title: str, message: Mapping[str, object]) -> None:
    """Has the actor that runs here call its own method, under a title for the dashboard."""
    if ray.is_initialized():
        getattr(own_handle(), method).options(name=title).remote(message)


def without_task_events(method: Method) -> Method:
    """Keeps calls of this method out of Ray's records: pings and reports would bury all others."""
    return cast("Method", ray.method(enable_task_events=False)(method))


def this_node() -> str:
    """The id of the Ray node that we run on, in hex; empty outside of Ray."""
    if not ray.is_initialized():
        return ""
    return str(ray.get_runtime_context().get_node_id())


# Nodes. These functions block on Ray's GCS: call them by `in_gcs_thread` on an event loop.


def read_nodes(slot: Slot) -> tuple[ClusterNode, ...]:
    """The living nodes of the connected cluster, with their room for such slots."""
    free = available_resources_per_node()  # type: ignore[no-untyped-call]  # Ray's
    draining = state.get_draining_nodes()
    return tuple(
        ClusterNode(
            id=node["NodeID"],
            names=tuple(dict.fromkeys(node[key] for key in NODE_NAMES if node.get(key))),
            group=node.get("Labels", {}).get(GROUP, ""),
            is_head=HEAD in node["Resources"],
            cpus=node["Resources"].get("CPU", 0.0),
            memory_mb=node["Resources"].get("memory", 0.0) / 2**20,
            slots=slots_of(node["Resources"], slot),
            free_slots=slots_of(free.get(node["NodeID"], {}), slot),
            drains_in=_until(draining.get(node["NodeID"])),
        )
        for node in ray.nodes()  # type: ignore[no-untyped-call]  # Ray's
        if node["Alive"]
    )


def demand_of(slot: Slot) -> dict[str, float]:
    """What one EngineActor asks of Ray's scheduler, by Ray's names of resources."""
    return {"CPU": slot.slot_cpus, "memory": float(slot.slot_memory_mb * 2**20)}


def slots_of(resources: Mapping[str, float], slot: Slot) -> int:
    """How many EngineActors such resources hold."""
    shares = {what: resources.get(what, 0.0) / need for what, need in demand_of(slot).items()}
    shares["CPU"] += ROUNDING
    return math.floor(min(shares.values()))


def is_infeasible(refused: Sequence[Mapping[str, float]], slot: Slot) -> bool:
    """Whether Ray's autoscaler knows no node for an EngineActor, by the requests that it refused.

    Only a request for exactly our resources is ours: another program's may ask for more.
    """
    demand = demand_of(slot)
    return any({what: need for what, need in one.items() if need} == demand for one in refused)


def gcs_client() -> Any:  # noqa: ANN401 -- Ray's own type has no stub
    """The connected process's client of the GCS."""
    return internal_kv_get_gcs_client()  # type: ignore[no-untyped-call]  # Ray's


def autoscaling_state(timeout_s: float = GCS_PATIENCE.total_seconds()) -> AutoscalingState | None:
    """What Ray's autoscaler v2 last told the GCS; None when it has never spoken."""
    answer = gcs_client().get_cluster_status(timeout_s=timeout_s)
    reply = GetClusterStatusReply.FromString(answer)
    return reply.autoscaling_state if reply.HasField("autoscaling_state") else None


def is_slot_infeasible(slot: Slot, told: AutoscalingState | None) -> bool:
    """Whether the autoscaler has said that no group of nodes fits an EngineActor."""
    requests = told.infeasible_resource_requests if told else ()
    return is_infeasible([request.resources_bundle for request in requests], slot)


def drain_node(node_id: str, within: timedelta, reason: str) -> timedelta:
    """Tells Ray to drain a node, and returns how long the games there have; idempotent.

    An earlier deadline that somebody else has set, such as a spot notice, holds.

    Raises:
        EnvironmentProblem: Ray refuses.
    """
    now_ms = round(time.time() * 1000)
    end_ms = now_ms + round(within / timedelta(milliseconds=1))
    earlier_ms = state.get_draining_nodes().get(node_id)
    if earlier_ms and earlier_ms <= end_ms:
        return max(timedelta(milliseconds=earlier_ms - now_ms), timedelta(0))
    preemption = DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
    is_accepted, why_not = gcs_client().drain_node(node_id, preemption, reason, end_ms)
    if not is_accepted:
        raise EnvironmentProblem(f"Ray does not drain node {node_id[:12]}: {why_not}")
    return within


def on_node(node_id: str) -> NodeAffinitySchedulingStrategy:
    """The scheduling strategy that allows this node and no other."""
    return NodeAffinitySchedulingStrategy(node_id, soft=False)


def _until(deadline_ms: int | None) -> timedelta | None:
    """The time until a moment in Unix time; 0 is Ray's word for none in sight."""
    if deadline_ms is None:
        return None
    if not deadline_ms:
        return NO_HURRY
    return max(timedelta(milliseconds=deadline_ms - time.time() * 1000), timedelta(0))


def first_line(error: BaseException) -> str:
    """What an error says, short enough for a log line."""
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__


def last_line(error: BaseException) -> str:
    """The cause of a `RayTaskError` stands in the last line of its traceback."""
    lines = str(error).strip().splitlines()
    return lines[-1][:200] if lines else type(error).__name__
