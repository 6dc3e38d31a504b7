"""Pure: simulates a day of games on a cluster that scales with them, by the bot's own rules.

Time goes in steps of a second. As with Ray's autoscaler, nodes come some seconds after the first
actor that fits nowhere, and go after they had no actor for the idle time. `placement.plan` and
`Consolidation` decide, as in the WorkerSet; only the cluster is simulated.
"""

import math
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from benchmarks.demand import Game, ideal_node_s
from crabstick.rules.cluster_view import (
    DEFAULT_ENGINE,
    ActorPhase,
    Capacity,
    ClusterNode,
    EngineRecord,
    GameRecord,
    Observed,
)
from crabstick.rules.lichess_types import ActorName, GameId, NodeId
from crabstick.rules.placement import Assign, Kill, RequestHandOver, Spawn, plan
from crabstick.rules.scaling import LATELY, Consolidation, headroom

SECOND: Final = timedelta(seconds=1)
PATIENCE_S: Final = 4
"""A game that has its actor by then makes its first move within five seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """The nodes of the cluster; times in seconds."""

    slots: int
    """How many games a node plays."""
    boot_s: int
    """From the request for a node until actors can start on it."""
    actor_start_s: int = 2
    idle_s: int = 30
    end_s: int = 0
    """How long a node takes to end."""
    autoscale_s: int = 5
    """How often the autoscaler runs."""
    leave_s: int = 3
    """How long an actor takes to leave its game between two moves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScalingPolicy:
    """What the owner of the bot chose."""

    name: str
    standby: int
    fits_for: timedelta | None
    """How long games must have fitted elsewhere before a node is emptied; None: never emptied."""
    foresees: bool = False
    """Whether more actors stand by when more games come."""


@dataclass(slots=True, kw_only=True)
class DayResult:
    """What the day cost."""

    games: int = 0
    node_s: int = 0
    ideal_node_s: int = 0
    waited: int = 0
    """Games whose first move came later than five seconds after their start."""
    longest_wait_s: int = 0
    moved: int = 0
    """Hand-overs."""
    peak_nodes: int = 0

    @property
    def ratio(self) -> float:
        """Node-hours divided by the ideal ones."""
        return self.node_s / self.ideal_node_s if self.ideal_node_s else 1.0


@dataclass(slots=True)
class _Actor:
    view: EngineRecord
    ready_s: int = 0
    """When the actor has started; meaningless while it has no node."""
    leaves_s: int | None = None


@dataclass(slots=True)
class Day:
    """The cluster at one moment of the simulation."""

    cluster: Cluster
    policy: ScalingPolicy
    nodes: dict[NodeId, int] = field(default_factory=dict)
    """Node -> since when it has had no actors, in seconds; -1 while it has some."""
    booting: dict[NodeId, int] = field(default_factory=dict)
    """Node -> when it will be ready."""
    ending: dict[NodeId, int] = field(default_factory=dict)
    """Node -> when it will be gone."""
    actors: dict[ActorName, _Actor] = field(default_factory=dict)
    running: dict[GameId, Game] = field(default_factory=dict)
    begun: set[GameId] = field(default_factory=set)
    consolidation: Consolidation = field(default_factory=Consolidation)
    starts: deque[int] = field(default_factory=deque)
    ends: deque[int] = field(default_factory=deque)
    last_game_start: timedelta | None = None
    serial: int = 0
    outcome: DayResult = field(default_factory=DayResult)

    def step(self, now_s: int) -> None:
        """Simulates one second."""
        self._leave(now_s)
        if now_s % self.cluster.autoscale_s == 0:
            self._autoscale(now_s)
        self._come(now_s)
        self._decide(now_s)
        self._end_idle_nodes(now_s)
        self._count()

    def begin(self, game: Game) -> None:
        """Starts a game."""
        self.running[GameId(f"g{self._next()}")] = game
        self.starts.append(game[0])

    # The cluster.

    def _leave(self, now_s: int) -> None:
        for game, (_, over_s) in list(self.running.items()):
            if now_s >= over_s:
                del self.running[game]
                self.ends.append(now_s)
        for actor in list(self.actors.values()):
            game_id = actor.view.game
            is_over = game_id is not None and game_id not in self.running
            if is_over or (actor.leaves_s is not None and now_s >= actor.leaves_s):
                del self.actors[actor.view.name]

    def _come(self, now_s: int) -> None:
        for node, ready_s in list(self.booting.items()):
            if now_s >= ready_s:
                del self.booting[node]
                self.nodes[node] = now_s
        self._start_actors(now_s)

    def _end_idle_nodes(self, now_s: int) -> None:
        occupied = {actor.view.node for actor in self.actors.values()}
        for node, idle_since_s in list(self.nodes.items()):
            if node in occupied:
                self.nodes[node] = -1
            elif idle_since_s < 0:
                self.nodes[node] = now_s
            elif now_s - idle_since_s >= self.cluster.idle_s:
                del self.nodes[node]
                self.ending[node] = now_s + self.cluster.end_s
        for node, gone_s in list(self.ending.items()):
            if now_s >= gone_s:
                del self.ending[node]

    def _autoscale(self, now_s: int) -> None:
        pending = sum(actor.view.node is None for actor in self.actors.values())
        free = sum(node.free_slots for node in self._node_views())
        lacking = pending - free - len(self.booting) * self.cluster.slots
        for _ in range(math.ceil(max(lacking, 0) / self.cluster.slots)):
            self.booting[NodeId(f"n{self._next()}")] = now_s + self.cluster.boot_s

    def _start_actors(self, now_s: int) -> None:
        roomy = [node.id for node in self._node_views() for _ in range(node.free_slots)]
        for actor in self.actors.values():
            if actor.view.node is None:
                if roomy:
                    actor.view = replace(actor.view, node=roomy.pop(0))
                    actor.ready_s = now_s + self.cluster.actor_start_s
            elif actor.view.phase is ActorPhase.STARTING and now_s >= actor.ready_s:
                actor.view = replace(actor.view, phase=ActorPhase.STANDBY)

    def _node_views(self) -> tuple[ClusterNode, ...]:
        used = Counter(actor.view.node for actor in self.actors.values())
        return tuple(
            ClusterNode(
                id=node, total={"CPU": self.cluster.slots}, free={"CPU": free}, free_slots=free
            )
            for node in self.nodes
            for free in (self.cluster.slots - used[node],)
        )

    # The bot.

    def _decide(self, now_s: int) -> None:
        now = now_s * SECOND
        wanted = [
            GameRecord(id=game, engine=DEFAULT_ENGINE, epoch=int(game in self.begun))
            for game in self.running
        ]
        observed = Observed(
            actors=tuple(actor.view for actor in self.actors.values()),
            nodes=self._node_views(),
            last_game_start=self.last_game_start,
        )
        standby = self.policy.standby
        if self.policy.foresees:
            begun, ended = self._lately(self.starts, now_s), self._lately(self.ends, now_s)
            standby = headroom(standby, begun, ended)
        capacity = Capacity(standby=standby, max_takeovers=5)
        if self.policy.fits_for is not None:
            self.consolidation = self.consolidation.after(
                wanted, observed, {DEFAULT_ENGINE: capacity}, now, self.policy.fits_for
            )
            observed = self.consolidation.apply_to(observed)
        for action in plan(wanted, observed, capacity, now):
            match action:
                case Spawn(node=node):
                    self._spawn(node, now_s)
                case Assign(game=game, actor=name):
                    self._assign(game, name, now_s)
                case RequestHandOver(actor=name):
                    actor = self.actors[name]
                    actor.view = replace(actor.view, leave_by=now)
                    actor.leaves_s = now_s + self.cluster.leave_s
                    self.outcome.moved += 1
                case Kill(actor=name):
                    del self.actors[name]
                case _:
                    pass

    @staticmethod
    def _lately(times_s: deque[int], now_s: int) -> int:
        while times_s and now_s - times_s[0] > LATELY.total_seconds():
            times_s.popleft()
        return len(times_s)

    def _spawn(self, node: NodeId | None, now_s: int) -> None:
        name = ActorName(f"a{self._next()}")
        now = now_s * SECOND
        view = EngineRecord(name=name, serial=self.serial, since=now, last_seen=now, node=node)
        self.actors[name] = _Actor(view, ready_s=now_s + self.cluster.actor_start_s)

    def _assign(self, game: GameId, name: ActorName, now_s: int) -> None:
        actor = self.actors[name]
        actor.view = replace(actor.view, phase=ActorPhase.PLAYING, game=game, epoch=self._next())
        self.last_game_start = now_s * SECOND
        if game not in self.begun:
            self.begun.add(game)
            waited_s = now_s - self.running[game][0]
            self.outcome.longest_wait_s = max(self.outcome.longest_wait_s, waited_s)
            self.outcome.waited += waited_s > PATIENCE_S

    def _next(self) -> int:
        self.serial += 1
        return self.serial

    def _count(self) -> None:
        bought = len(self.nodes) + len(self.booting) + len(self.ending)
        self.outcome.node_s += bought
        self.outcome.peak_nodes = max(self.outcome.peak_nodes, bought)


def simulate(
    games: Sequence[Game], cluster: Cluster, policy: ScalingPolicy, length_s: int
) -> DayResult:
    """What `length_s` seconds with these games cost, beginning with one node."""
    day = Day(cluster, policy, nodes={NodeId("first"): 0})
    day.outcome.games = len(games)
    day.outcome.ideal_node_s = ideal_node_s(games, cluster.slots, cluster.boot_s, length_s)
    coming = [*reversed(games)]
    for now_s in range(length_s):
        while coming and coming[-1][0] <= now_s:
            day.begin(coming.pop())
        day.step(now_s)
    return day.outcome
