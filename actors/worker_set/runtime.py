"""The cluster as the WorkerSet uses it: a protocol, and its implementation by Ray."""

from typing import Protocol

from actors import cluster
from actors.clients import EngineActorClient, is_engine_actor
from actors.cluster import ActorGone, ActorSilent, Handle, find_actors, in_gcs_thread
from actors.engine_actor.engine_actor import EngineActor
from actors.messages import ActorConfig
from crabstick.rules.cluster_view import DEFAULT_ENGINE, ClusterNode
from crabstick.rules.lichess_types import ActorName, NodeId
from crabstick.settings import Settings


class Runtime(Protocol):
    """The cluster as the WorkerSet uses it; tests use a fake.

    Every method but `engine` raises ActorSilent when the GCS does not answer in time, and
    ActorFailed when Ray refuses.
    """

    async def nodes(self) -> tuple[ClusterNode, ...]:
        """The living nodes that can run EngineActors."""

    async def exhausted(self) -> frozenset[str]:
        """The engines for whose actors no node will come, as Ray's autoscaler reports."""

    async def living(self) -> tuple[ActorName, ...]:
        """The EngineActors that exist, also those of earlier WorkerSets."""

    async def spawn(self, config: ActorConfig, node: NodeId | None) -> None:
        """Starts the EngineActor that `config` names; returns before it runs."""

    def engine(self, name: ActorName) -> EngineActorClient:
        """The stub of an EngineActor.

        Raises:
            ActorGone: no EngineActor has that name.
        """

    async def kill(self, name: ActorName) -> None:
        """Ends an actor; idempotent."""


class RayRuntime:
    """The real `Runtime`: Ray, in one namespace."""

    def __init__(self, namespace: str, settings: Settings) -> None:
        self._namespace = namespace
        self._demands = settings.demands()
        self._worker_set = cluster.own_handle()
        self._engines: dict[ActorName, EngineActorClient] = {}

    async def nodes(self) -> tuple[ClusterNode, ...]:
        """See `Runtime`."""
        nodes = await in_gcs_thread(cluster.read_nodes)
        demands = self._demands.values()
        own = self._demands[DEFAULT_ENGINE]
        return tuple(
            node.seen_by(own) for node in nodes if any(node.seen_by(one).slots for one in demands)
        )

    async def exhausted(self) -> frozenset[str]:
        """See `Runtime`; the autoscaler lists only requests that it has got."""

        def judge() -> frozenset[str]:
            state, demands = cluster.autoscaling_state(), self._demands.items()
            return frozenset(name for name, one in demands if cluster.is_infeasible(one, state))

        return await in_gcs_thread(judge)

    async def living(self) -> tuple[ActorName, ...]:
        """See `Runtime`."""
        found = await find_actors(self._namespace, is_engine_actor, known=self._engines)
        for name, handle in found.items():
            self._enter(ActorName(name), handle)
        return tuple(self._engines)

    async def spawn(self, config: ActorConfig, node: NodeId | None) -> None:
        """See `Runtime`."""
        demand = self._demands[config.engine]

        def create() -> Handle:
            resources = dict(demand.resources)
            return cluster.create_actor(
                EngineActor,
                config.name,
                self._namespace,
                config.pack(),
                get_if_exists=True,
                max_restarts=0,
                num_cpus=resources.pop("CPU"),
                memory=int(resources.pop("memory")),
                num_gpus=resources.pop("GPU", 0),
                resources=resources,
                label_selector=dict(demand.labels),
                scheduling_strategy=cluster.on_node(node) if node else "DEFAULT",
            )

        try:
            self._enter(ActorName(config.name), await in_gcs_thread(create))
        except ActorSilent:
            # Ray may still make the actor, unknown to any WorkerSet: get its handle and kill it
            cluster.GCS_THREADS.submit(lambda: cluster.kill_actor(create()))
            raise

    def _enter(self, name: ActorName, handle: Handle) -> None:
        self._engines[name] = EngineActorClient(handle, worker_set=self._worker_set)

    def engine(self, name: ActorName) -> EngineActorClient:
        """See `Runtime`."""
        if name not in self._engines:
            raise ActorGone(f"no actor is called {name}")
        return self._engines[name]

    async def kill(self, name: ActorName) -> None:
        """See `Runtime`."""
        engine = self._engines.pop(name, None)
        if engine is not None:
            await in_gcs_thread(engine.kill, is_kept=True)
