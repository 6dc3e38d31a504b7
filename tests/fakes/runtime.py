"""A cluster without Ray: the `Runtime` of a WorkerSet under test.

Its actors are scripted: they start slowly, answer late, hang, complain and die on demand. The fake
may do less than Ray, never what Ray cannot do.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Literal

from actors.clients import EngineActorClient
from actors.cluster import GCS_PATIENCE, ActorAway, ActorFailed, ActorGone
from actors.messages import (
    EMPTY,
    ActorConfig,
    Assigned,
    Assignment,
    Description,
    HandOverRequest,
    Outcome,
    Packed,
    Progress,
    ResyncRequest,
)
from crabstick.rules.cluster_view import DEFAULT_ENGINE, ClusterNode, Demand
from crabstick.rules.lichess_types import ActorName, NodeId
from crabstick.settings import Settings

START_TIME = timedelta(seconds=1)


class FakeActor:
    """A scripted EngineActor; without a `node` it waits for room."""

    def __init__(self, config: ActorConfig, node: NodeId | None, start_time: timedelta) -> None:
        loop = asyncio.get_running_loop()
        self.name = ActorName(config.name)
        self.config = config
        self.node = node
        self.problem = ""
        self.lacks_engine = False
        self.assignments: list[Assignment] = []
        self.requests: list[HandOverRequest] = []
        self.methods = {"describe", "assign", "leave", "look", "outcome"}
        """The remote methods that its code has."""
        self.progress = Progress()
        self.resyncs: list[int] = []
        """The plies of its resync requests."""
        self.is_over = False
        self.is_hanging = False
        self.delay = timedelta(0)
        """How long each answer takes from now on."""
        self._warm_s = loop.time() + start_time.total_seconds()
        self._news = asyncio.Event()
        self._why = ""
        self._outcome: asyncio.Future[Packed] = loop.create_future()

    def die(self, why: str = "the actor died") -> None:
        """The process dies."""
        self._why = why
        if not self._outcome.done():
            self._outcome.set_exception(ActorGone(why))
            self._outcome.exception()  # else asyncio logs it as never retrieved
        self.is_over = True
        self._news.set()

    def fail(self, why: str) -> None:
        """The code raises an error; the process lives on."""
        self._outcome.set_exception(ActorFailed(why))
        self._outcome.exception()

    def end_game(
        self,
        reason: Literal["finished", "replaced", "handed_over", "unplayable"] = "finished",
        result: Literal["won", "lost", "drawn", "aborted", ""] = "won",
        status: str = "mate",
        *,
        stays: bool = False,
    ) -> None:
        """The actor ends its game and reports how; if it stays, it is a standby again."""
        mine = self.assignment
        outcome = Outcome(
            name=self.name,
            game=mine.game if mine else None,
            epoch=mine.epoch if mine else 0,
            reason=reason,
            status=status,
            result=result,
            stays=stays,
        )
        told = self._outcome
        if stays:
            self._outcome = asyncio.get_running_loop().create_future()
            self.assignments.clear()
        told.set_result(outcome.pack())

    @property
    def has_ended(self) -> bool:
        """Whether the actor has reported the end of its game."""
        return self._outcome.done()

    def hang(self) -> None:
        """The actor lives, but answers nothing any more."""
        self.is_hanging = True

    def wake(self) -> None:
        """The actor answers again, also the calls of before."""
        self.is_hanging = False
        self._news.set()

    def settle(self, node: NodeId) -> None:
        """The actor gets a node."""
        self.node = node
        self._news.set()

    @property
    def assignment(self) -> Assignment | None:
        """The game that the actor plays."""
        return self.assignments[0] if self.assignments else None

    async def answer(self, method: str, message: Packed) -> Packed:
        """The answer to one call, when it comes.

        Raises:
            ActorGone: the actor is dead, or dies meanwhile.
        """
        if method == "outcome":
            return await asyncio.shield(self._outcome)
        await self._reached()
        if method == "describe":
            return self._description().pack()
        if method == "leave":
            self.requests.append(HandOverRequest.read(message))
            return EMPTY
        if method == "look":
            self.resyncs.append(ResyncRequest.read(message).ply)
            return EMPTY
        self.assignments.append(Assignment.read(message))
        return Assigned().pack()

    def _description(self) -> Description:
        mine = self.assignment
        done = self._outcome.done()
        return Description(
            name=self.name,
            node=self.node or "",
            pid=1,
            fingerprint=self.config.fingerprint,
            phase="ending" if done else "playing" if mine else "standby",
            engine=self.config.engine,
            game=mine.game if mine else None,
            epoch=mine.epoch if mine else 0,
            takeovers=mine.takeovers if mine else 0,
            deaths=mine.deaths if mine else 0,
            problem=self.problem,
            lacks_engine=self.lacks_engine,
            progress=self.progress,
        )

    async def _reached(self) -> None:
        loop = asyncio.get_running_loop()
        due_s = max(loop.time() + self.delay.total_seconds(), self._warm_s)
        while not self.is_over:
            waits_s = due_s - loop.time()
            blocked = self.is_hanging or self.node is None
            if not blocked and waits_s <= 0:
                return
            self._news.clear()
            try:
                async with asyncio.timeout(None if blocked else waits_s):
                    await self._news.wait()
            except TimeoutError:
                continue
        raise ActorGone(self._why)


class _Handle:
    """A Ray handle of a fake actor."""

    def __init__(self, actor: FakeActor, supervised: list[ActorName]) -> None:
        self._actor = actor
        self._supervised = supervised
        self._ray_method_signatures: dict[str, object] = {}

    def __getattr__(self, method: str) -> "_Method":
        if method not in self._actor.methods:
            raise AttributeError(method)
        if method == "outcome":
            self._supervised.append(self._actor.name)
        return _Method(lambda message: self._actor.answer(method, message))


class _Method:
    def __init__(self, call: Callable[[Packed], Awaitable[Packed]]) -> None:
        self._call = call

    def remote(self, message: Packed) -> Awaitable[Any]:
        return self._call(message)


class FakeRuntime:
    """A `Runtime`; `slots` is the number of actors that each node holds."""

    def __init__(self, **slots: int) -> None:
        self.slots = {NodeId(node): count for node, count in slots.items()}
        self.gpus: dict[NodeId, int] = {}
        """How many GPUs some of the nodes have, besides the slots."""
        self.demands = Settings().demands()
        """What the actors of each engine ask for."""
        self.draining: dict[NodeId, timedelta] = {}
        """The draining nodes, and the time until their end."""
        self.crashed: set[NodeId] = set()
        """Dead nodes that Ray still trusts: actors that start there never answer."""
        self.actors: dict[ActorName, FakeActor] = {}
        """The living actors."""
        self.spawned: list[ActorName] = []
        self.killed: list[ActorName] = []
        self.supervised: list[ActorName] = []
        """The actors with an `outcome` call, in order."""
        self.fingerprint = "0123456789ab"
        """That of the actors of an earlier WorkerSet."""
        self.start_time = START_TIME
        self.next_problem = ""
        """The problem of actors that start from now on."""
        self.lacks_engine = False
        """Whether that problem is their engine."""
        self.cannot_grow = False
        """Whether no further node will come."""
        self.listing_fails = 0
        """How many more listings of the actors fail."""
        self.is_away = False
        """Whether the GCS is silent; actors still answer."""

    def add(self, serial: str, node: str, assignment: Assignment | None = None) -> FakeActor:
        """Adds a warm actor of an earlier WorkerSet."""
        name = ActorName(f"engine:{serial}")
        config = ActorConfig(
            name=name, namespace="", bot="", fingerprint=self.fingerprint, settings={}
        )
        actor = self.actors[name] = FakeActor(config, NodeId(node), timedelta(0))
        actor.assignments += [assignment] if assignment else []
        return actor

    def lose_node(self, node: str) -> None:
        """A node dies with all its actors."""
        del self.slots[NodeId(node)]
        for actor in list(self.actors.values()):
            if actor.node == node:
                self.lose_actor(actor)

    def crash_node(self, node: str) -> None:
        """A node dies with all its actors, and Ray does not know it yet."""
        self.crashed.add(NodeId(node))
        for actor in list(self.actors.values()):
            if actor.node == node:
                self.lose_actor(actor)

    def lose_actor(self, actor: FakeActor, why: str = "the actor died") -> None:
        """One actor dies."""
        self.actors.pop(actor.name, None)
        actor.die(why)

    def add_node(self, node: str, slots: int) -> None:
        """A node joins; actors that waited for room start there."""
        self.slots[NodeId(node)] = slots
        for actor in self.actors.values():
            if actor.node is None and self._free(NodeId(node), actor.config.engine):
                actor.settle(NodeId(node))

    def players_of(self, game: str) -> list[FakeActor]:
        """The living actors of a game, the latest epoch last."""
        ours = [a for a in self.actors.values() if a.assignment and a.assignment.game == game]
        return sorted(ours, key=lambda a: a.assignment.epoch if a.assignment else 0)

    async def nodes(self) -> tuple[ClusterNode, ...]:
        """See `Runtime`."""
        await self._trip()
        for node in self.draining.keys() - {actor.node for actor in self.actors.values()}:
            del self.draining[node], self.slots[node]  # emptied, it leaves
        return tuple(
            ClusterNode(
                id=node,
                free_slots=self._free(node),
                total=self._total(node),
                free=self._left(node),
                drains_in=self.draining.get(node),
            )
            for node in self.slots
        )

    async def exhausted(self) -> frozenset[str]:
        """See `Runtime`."""
        await self._trip()
        waiting = (a.config.engine for a in self.actors.values() if a.node is None)
        return frozenset(waiting) if self.cannot_grow else frozenset()

    async def living(self) -> tuple[ActorName, ...]:
        """See `Runtime`."""
        await self._trip()
        if self.listing_fails:
            self.listing_fails -= 1
            raise ActorFailed("an actor died while it was looked up")
        return tuple(self.actors)

    async def spawn(self, config: ActorConfig, node: NodeId | None) -> None:
        """See `Runtime`."""
        name = ActorName(config.name)
        await self._trip()
        await asyncio.sleep(0)  # Ray's call takes a moment, in a thread
        rooms = [node] if node else [n for n in self.slots if n not in self.draining]
        here = next((room for room in rooms if self._free(room, config.engine)), None)
        actor = self.actors[name] = FakeActor(config, here, self.start_time)
        actor.problem, actor.lacks_engine = self.next_problem, self.lacks_engine
        actor.is_hanging = here in self.crashed
        self.spawned.append(name)

    def engine(self, name: ActorName) -> EngineActorClient:
        """See `Runtime`."""
        return EngineActorClient(_Handle(self._actor(name), self.supervised))

    async def kill(self, name: ActorName) -> None:
        """See `Runtime`."""
        await self._trip()
        self.killed.append(name)
        actor = self.actors.pop(name, None)
        if actor is not None:
            actor.die("killed")

    def _actor(self, name: ActorName) -> FakeActor:
        if name not in self.actors:
            raise ActorGone(f"no actor is called {name}")
        return self.actors[name]

    def _total(self, node: NodeId) -> dict[str, float]:
        slots = self.slots.get(node, 0)
        return {"CPU": slots, "memory": slots * 256 * 2**20, "GPU": self.gpus.get(node, 0)}

    def _left(self, node: NodeId) -> dict[str, float]:
        left = self._total(node)
        for actor in self.actors.values():
            if actor.node == node:
                left = self._demand(actor.config.engine).left_of(left)
        return left

    def _free(self, node: NodeId, engine: str = DEFAULT_ENGINE) -> int:
        return self._demand(engine).slots(self._left(node), {})

    def _demand(self, engine: str) -> Demand:
        return self.demands.get(engine, self.demands[DEFAULT_ENGINE])

    async def _trip(self) -> None:
        if self.is_away:
            await asyncio.sleep(GCS_PATIENCE.total_seconds())
            raise ActorAway("Ray's GCS does not answer")
