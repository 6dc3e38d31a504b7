"""The seam to Ray: every `ray.*` call that our actors make, behind one small protocol.

Ray's calls to its GCS (names, creation, nodes) are synchronous and may block for a minute while the
head is away; they run in threads of their own, never on an event loop.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any, Protocol, TypeVar, cast

import ray
from ray._private.state import available_resources_per_node, state
from ray.actor import ActorHandle
from ray.core.generated.autoscaler_pb2 import GetClusterStatusReply
from ray.exceptions import (
    ActorUnavailableError,
    ActorUnschedulableError,
    RayActorError,
    RayError,
    RayTaskError,
)
from ray.experimental.internal_kv import internal_kv_get_gcs_client
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from actors.messages import PROTOCOL, Packed
from actors.names import serial_of
from crabstick.errors import CrabstickError
from crabstick.rules.cluster_view import NodeView
from crabstick.rules.model import ActorName, NodeId

__all__ = [
    "ON_THE_HEAD",
    "ActorAway",
    "ActorFailed",
    "ActorGone",
    "ActorSilent",
    "Handle",
    "RayRuntime",
    "Runtime",
    "Slot",
    "ask",
    "call_own_actor",
    "kill_actor",
    "this_node",
    "without_task_events",
]

T = TypeVar("T")
Method = TypeVar("Method", bound=Callable[..., object])


class Handle(Protocol):
    """An actor of ours: its methods take and return packed messages."""

    def __getattr__(self, method: str) -> Any:  # noqa: ANN401 -- Ray makes them at run time
        """A method to call with `.remote(message)`."""


ON_THE_HEAD = {"node:__internal_head__": 0.001}
"""A zero-CPU actor anywhere else would keep its node alive for ever."""
GCS_PATIENCE = timedelta(seconds=5)
NO_HURRY = timedelta(hours=1)
ROUNDING = 1e-6
"""Of a slot: free CPUs are what is left of sums of decimal fractions."""


class ActorGone(CrabstickError):
    """The actor is dead, or there is none of that name."""


class ActorSilent(CrabstickError):
    """The actor did not answer in time; it may or may not have done what it was asked."""


class ActorAway(ActorSilent):
    """The actor cannot be reached, for Ray is restarting it."""


class ActorFailed(CrabstickError):
    """The actor's own code raised."""


class Slot(Protocol):
    """What one EngineActor asks of a node."""

    @property
    def slot_cpus(self) -> float:
        """Logical CPUs."""

    @property
    def slot_memory_mb(self) -> int:
        """Memory in MiB, reserved with Ray's scheduler."""


class Runtime(Protocol):
    """What the WorkerSet needs of a cluster; tests give it a fake."""

    async def nodes(self) -> tuple[NodeView, ...]:
        """The living nodes that may run EngineActors.

        Raises:
            ActorSilent: the GCS did not answer in time.
        """

    async def is_exhausted(self) -> bool:
        """Whether Ray's autoscaler says that no node will come for actors that wait for one.

        Raises:
            ActorSilent: the GCS did not answer in time.
        """

    async def living(self) -> tuple[ActorName, ...]:
        """The EngineActors that exist, whoever made them; all can be called afterwards.

        Raises:
            ActorSilent: the GCS did not answer in time.
            ActorFailed: it could not.
        """

    async def spawn(self, name: ActorName, config: Packed, node: NodeId | None) -> None:
        """Starts an EngineActor; returns before it runs."""

    async def call(
        self, name: ActorName, method: str, message: Packed, *, patience: timedelta
    ) -> object:
        """Calls `method` of an actor, which learns by it who its manager is.

        Raises:
            ActorGone: it is dead.
            ActorSilent: no answer within `patience`.
            ActorFailed: its code raised.
        """

    async def outcome(self, name: ActorName) -> object:
        """The pending call that supervises an actor.

        Raises:
            ActorGone: the actor died before its game ended.
            ActorFailed: its code raised.
        """

    async def kill(self, name: ActorName) -> None:
        """Ends an actor; nothing happens when it is dead already."""


def slots_of(resources: Mapping[str, float], slot: Slot) -> int:
    """How many EngineActors such resources hold."""
    by_memory = resources.get("memory", 0.0) / (slot.slot_memory_mb * 2**20)
    return math.floor(min(resources.get("CPU", 0.0) / slot.slot_cpus + ROUNDING, by_memory))


def this_node() -> str:
    """The id of the Ray node that we run on, in hex; empty outside of Ray."""
    if not ray.is_initialized():
        return ""
    return str(ray.get_runtime_context().get_node_id())


def call_own_actor(method: str, title: str) -> None:
    """Has the actor that runs here called by itself, under a title for the dashboard."""
    if ray.is_initialized():
        myself: Any = ray.get_runtime_context().current_actor
        getattr(myself, method).options(name=title).remote({"v": PROTOCOL, "title": title})


def without_task_events(method: Method) -> Method:
    """Ray keeps no record of calls of this method: pings and reports would bury all others."""
    return cast("Method", ray.method(enable_task_events=False)(method))


def kill_actor(handle: Handle) -> None:
    """Kills an actor for good; nothing happens when it is dead. Blocks on Ray's GCS."""
    ray.kill(cast("ActorHandle[Any]", handle), no_restart=True)


async def ask(answer: Awaitable[Any], patience: timedelta) -> Packed:
    """Awaits a Ray call with a deadline, and turns Ray's errors into ours.

    Raises:
        ActorGone: the actor is dead, or the node that it was meant for has left.
        ActorSilent: it did not answer within `patience`, or is being restarted.
        ActorFailed: its code raised.
    """
    try:
        async with asyncio.timeout(patience.total_seconds()):
            reply = await answer
    except TimeoutError:
        raise ActorSilent(f"no answer within {patience.total_seconds():g} s") from None
    except ActorUnavailableError as error:
        raise ActorAway(_first_line(error)) from None
    except (RayActorError, ActorUnschedulableError) as error:
        raise ActorGone(_first_line(error)) from None
    except RayTaskError as error:
        raise ActorFailed(_last_line(error)) from None
    except RayError as error:
        raise ActorSilent(_first_line(error)) from None
    return reply if isinstance(reply, dict) else {}


class RayRuntime:
    """The real `Runtime`: Ray, in one namespace."""

    def __init__(self, engine_actor: type, namespace: str, slot: Slot) -> None:
        self._engine_actor: Any = ray.remote(engine_actor)
        self._namespace = namespace
        self._slot = slot
        self._manager = ray.get_runtime_context().current_actor
        self._handles: dict[ActorName, Handle] = {}
        self._met: set[ActorName] = set()
        """Actors that have answered this process, and so know its handle."""
        self._gcs = ThreadPoolExecutor(max_workers=4, thread_name_prefix="gcs")

    async def nodes(self) -> tuple[NodeView, ...]:
        """See `Runtime`."""
        return await self._in_thread(self._look_at_nodes)

    def _look_at_nodes(self) -> tuple[NodeView, ...]:
        free = available_resources_per_node()  # type: ignore[no-untyped-call]  # Ray's
        draining = state.get_draining_nodes()
        return tuple(
            NodeView(
                id=NodeId(node["NodeID"]),
                free_slots=slots_of(free.get(node["NodeID"], {}), self._slot),
                drains_in=_until(draining.get(node["NodeID"])),
            )
            for node in ray.nodes()  # type: ignore[no-untyped-call]  # Ray's
            if node["Alive"] and slots_of(node["Resources"], self._slot)
        )

    async def is_exhausted(self) -> bool:
        """See `Runtime`; Ray's autoscaler lists what it cannot place once it was asked for it."""
        return await self._in_thread(self._is_any_slot_infeasible)

    def _is_any_slot_infeasible(self) -> bool:
        gcs = internal_kv_get_gcs_client()  # type: ignore[no-untyped-call]  # Ray's
        status = GetClusterStatusReply.FromString(gcs.get_cluster_status())
        return any(
            one.resources_bundle.get("CPU") == self._slot.slot_cpus
            for one in status.autoscaling_state.infeasible_resource_requests
        )

    @property
    def _memory_bytes(self) -> int:
        return self._slot.slot_memory_mb * 2**20

    async def living(self) -> tuple[ActorName, ...]:
        """See `Runtime`."""
        return await self._in_thread(self._find_engine_actors)

    def _find_engine_actors(self) -> tuple[ActorName, ...]:
        for entry in ray.util.list_named_actors(all_namespaces=True):
            name = ActorName(entry["name"])
            is_ours = entry["namespace"] == self._namespace and serial_of(name) is not None
            if is_ours and name not in self._handles:
                with suppress(ValueError):  # it died since it was listed
                    self._handles[name] = ray.get_actor(name, namespace=self._namespace)
        return tuple(self._handles)

    async def spawn(self, name: ActorName, config: Packed, node: NodeId | None) -> None:
        """See `Runtime`."""

        def create() -> Handle:
            here = NodeAffinitySchedulingStrategy(node, soft=False) if node else "DEFAULT"
            handle: Handle = self._engine_actor.options(
                name=name,
                namespace=self._namespace,
                lifetime="detached",
                get_if_exists=True,
                max_restarts=0,
                num_cpus=self._slot.slot_cpus,
                memory=self._memory_bytes,
                scheduling_strategy=here,
            ).remote(config)
            return handle

        try:
            self._handles[name] = await self._in_thread(create)
        except ActorSilent:
            self._gcs.submit(
                lambda: kill_actor(create())
            )  # it may come to life yet, unknown to all
            raise

    async def call(
        self, name: ActorName, method: str, message: Packed, *, patience: timedelta
    ) -> object:
        """See `Runtime`."""
        handle = self._handle(name)
        if name not in self._met:  # a handle costs a third of a call
            message = {**message, "manager": self._manager}
        try:
            ask_it = getattr(handle, method).remote
        except AttributeError:
            raise ActorFailed(f"{name} runs other code, which knows no {method!r}") from None
        reply = await ask(ask_it(message), patience)
        self._met.add(name)
        return reply

    async def outcome(self, name: ActorName) -> object:
        """See `Runtime`."""
        handle = self._handle(name)
        try:
            return await handle.outcome.remote({})
        except RayTaskError as error:
            raise ActorFailed(_last_line(error)) from None
        except RayError as error:  # dead, or its node left before it was there
            raise ActorGone(_first_line(error)) from None

    async def kill(self, name: ActorName) -> None:
        """See `Runtime`."""
        self._met.discard(name)
        handle = self._handles.pop(name, None)
        if handle is not None:
            await self._in_thread(lambda: kill_actor(handle), is_kept=True)

    def _handle(self, name: ActorName) -> Handle:
        if name not in self._handles:
            raise ActorGone(f"no actor is called {name}")
        return self._handles[name]

    async def _in_thread(self, work: Callable[[], T], *, is_kept: bool = False) -> T:
        """Work that `is_kept` is done as soon as the GCS answers, even when nobody waits for it."""
        future = asyncio.get_running_loop().run_in_executor(self._gcs, work)
        try:
            awaited = asyncio.shield(future) if is_kept else future
            return await asyncio.wait_for(awaited, GCS_PATIENCE.total_seconds())
        except TimeoutError:
            raise ActorSilent("Ray's GCS does not answer") from None
        except (RayError, ValueError) as error:
            raise ActorFailed(_first_line(error)) from None


def _until(deadline_ms: int | None) -> timedelta | None:
    """The time until a moment in Unix time; 0 is Ray's word for none in sight."""
    if deadline_ms is None:
        return None
    if not deadline_ms:
        return NO_HURRY
    return max(timedelta(milliseconds=deadline_ms - time.time() * 1000), timedelta(0))


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__


def _last_line(error: BaseException) -> str:
    """The cause of a `RayTaskError` stands in the last line of its traceback."""
    lines = str(error).strip().splitlines()
    return lines[-1][:200] if lines else type(error).__name__
