"""One tick of the reconcile loop: compares wanted games with the cluster, and acts."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta

from actors.worker_set.elasticity import Elasticity
from actors.worker_set.engine_pool import EnginePool
from crabstick.asyncio_tools import StallDetector
from crabstick.rules.cluster_view import (
    DEFAULT_ENGINE,
    Capacity,
    ClusterNode,
    Demand,
    GameRecord,
    Observed,
)
from crabstick.rules.lichess_types import ActorName, GameId
from crabstick.rules.observation import (
    Nodes,
    has_waited_too_long,
    moving,
    observe,
    suspects,
)
from crabstick.rules.placement import (
    Action,
    Assign,
    Forfeit,
    Kill,
    RequestHandOver,
    Spawn,
    plan,
    room,
)
from crabstick.settings import Settings
from crabstick.telemetry import log_events
from crabstick.telemetry.logs import get_logger

FINISHED_GRACE = timedelta(seconds=30)
"""An actor reads the end of its game from its own stream; after this time it is killed instead."""
LEAVES_WHILE_CLOSING = timedelta(seconds=5)
"""A hand-over during a shutdown has to end while we can still assign the game."""
SHUTDOWN_PATIENCE = timedelta(seconds=15)
"""Enough for an actor to start; the caller of the shutdown waits longer."""
HAND_OVERS_WITHIN = timedelta(seconds=9)
"""A hand-over ordered later than this cannot finish before we are killed."""
FORGOTTEN_AFTER = timedelta(seconds=30)
"""The caller kills us within a second of closing; after 30 s we assume it died, and resume."""


@dataclass(frozen=True, slots=True)
class Engines:
    """The engines by name: what an actor of each asks for, and how many stand by."""

    demands: Mapping[str, Demand]
    standby: Mapping[str, int]

    @classmethod
    def of_settings(cls, settings: Settings) -> "Engines":
        """The engines of a bot."""
        demands = settings.demands()
        return cls(demands, {name: settings.standby_of(name) for name in demands})

    def of(self, game: GameRecord) -> str:
        """The engine that plays a game."""
        return game.engine if game.engine in self.demands else DEFAULT_ENGINE

    def unplaced(self, nodes: Collection[ClusterNode]) -> dict[str, Demand]:
        """The engines that fit none of the nodes."""
        return {
            name: demand
            for name, demand in self.demands.items()
            if not any(node.seen_by(demand).slots for node in nodes)
        }

    def is_only(self, engine: str) -> bool:
        """Whether the settings name only this engine."""
        return len(self.demands) == 1 and engine in self.demands


class Shutdown:
    """The progress of a WorkerSet's shutdown; moments are monotonic.

    Attributes:
        begun_at: when a caller asked for the shutdown; until `closed_at`, games without an actor
            still get one.
        closed_at: when the WorkerSet stopped acting.
        is_well: set as soon as every game has an actor that keeps it.
    """

    def __init__(self) -> None:
        self.begun_at: timedelta | None = None
        self.closed_at: timedelta | None = None
        self.is_well = asyncio.Event()

    def may_move(self, now: timedelta) -> bool:
        """Whether a hand-over that begins now can still finish."""
        return self.begun_at is None or now - self.begun_at < HAND_OVERS_WITHIN

    async def wait_well(self) -> None:
        """Returns when `is_well` is set, or after `SHUTDOWN_PATIENCE`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SHUTDOWN_PATIENCE.total_seconds()):
                await self.is_well.wait()

    def is_forgotten(self, now: timedelta) -> bool:
        """Whether the WorkerSet was closed long ago and still lives."""
        return self.closed_at is not None and now - self.closed_at >= FORGOTTEN_AFTER


class Reconciler:
    """Runs the ticks; moments are monotonic.

    `resign` begins to resign a game on Lichess.

    Attributes:
        nodes: the Ray nodes as they were read last.
        shutdown: how far a shutdown has come.
    """

    def __init__(
        self,
        pool: EnginePool,
        elasticity: Elasticity,
        stall: StallDetector,
        engines: Engines,
        resign: Callable[[GameId], object],
    ) -> None:
        self._engines = engines
        self._pool = pool
        self._elasticity = elasticity
        self._stall = stall
        self._resign = resign
        self._log = get_logger()
        self.nodes = Nodes()
        self.shutdown = Shutdown()

    def tick(self, now: timedelta) -> None:
        """Compares the wanted games with the cluster, and starts the actions of the plan."""
        if self.shutdown.is_forgotten(now):
            self._log.warning(log_events.LEFT_ALONE)
            self.shutdown = Shutdown()
        if self.shutdown.closed_at is not None:
            return
        self._suspect(now)
        self._drop_finished(now)
        for engine in self._engines.demands:
            wanted, observed = self.view(engine, now)
            if self.shutdown.begun_at is None and self._engines.is_only(engine):
                observed = self._elasticity.adjust(wanted, observed, now)
            for action in plan(wanted, observed, self._capacity(engine, now), now):
                self._carry_out(action, engine, now)
        if self.shutdown.begun_at is not None and not self._is_anything_open(now):
            self.shutdown.is_well.set()

    def view(self, engine: str, now: timedelta) -> tuple[list[GameRecord], Observed]:
        """The games of one engine, and what concerns them: each engine has its own actors."""
        registry, demands = self._pool.registry, self._engines.demands
        wanted = [game for game in registry.running() if self._engines.of(game) == engine]
        observed = observe(registry, self.nodes, now, demands)
        if not self._engines.is_only(engine):
            observed = observed.of(engine, demands[engine])
        return wanted, observed

    def room(self, engine: str, now: timedelta) -> int:
        """How many more games of an engine could be played now."""
        wanted, observed = self.view(engine, now)
        return room(wanted, observed, can_actors_start=engine not in self._pool.problems)

    def may_grow(self, now: timedelta) -> bool:
        """Whether a node would come for another game."""
        elasticity, registry = self._elasticity, self._pool.registry
        can_grow = elasticity.is_elastic and not elasticity.is_exhausted
        return can_grow and not has_waited_too_long(registry, now)

    def _is_anything_open(self, now: timedelta) -> bool:
        """Whether a game has no actor or must move, or an adopted actor has not reported."""
        draining = self.nodes.draining if self.shutdown.may_move(now) else ()
        registry = self._pool.registry
        return bool(
            registry.waiting() or moving(registry, draining) or registry.is_any_unreported()
        )

    def _capacity(self, engine: str, now: timedelta) -> Capacity:
        """While actors cannot start, one standby is wanted: its start shows that they can again."""
        capacity = self._elasticity.capacity(now)
        if engine != DEFAULT_ENGINE:
            capacity = replace(capacity, standby=self._engines.standby[engine])
        if self.shutdown.begun_at is not None:
            return replace(capacity, standby=0)
        is_failing = engine in self._pool.problems
        return replace(capacity, standby=max(capacity.standby, int(is_failing)))

    def _carry_out(self, action: Action, engine: str, now: timedelta) -> None:
        match action:
            case Spawn(node=node):
                if not self._pool.is_paused(engine):
                    self._pool.spawn(node, engine)
            case Assign(game=game, actor=actor):
                self._pool.assign(game, actor)
            case RequestHandOver(actor=actor, within=within):
                self._hand_over(actor, within, now)
            case Kill(actor=actor):
                self._pool.kill(actor)
            case Forfeit(game=game):
                self._forfeit(game)

    def _hand_over(self, actor: ActorName, within: timedelta, now: timedelta) -> None:
        if self.shutdown.begun_at is None:
            self._pool.hand_over(actor, within)
        elif self.shutdown.may_move(now):
            self._pool.hand_over(actor, min(within, LEAVES_WHILE_CLOSING))

    def _suspect(self, now: timedelta) -> None:
        self._stall.check()
        stalled_s = self._stall.last_stall_s
        own_stall = None if stalled_s is None else timedelta(seconds=stalled_s)
        engines = self._pool.registry.engines
        for name in suspects(engines.values(), self.nodes.staying, now=now, own_stall=own_stall):
            engine = engines[name]
            if not engine.is_suspect:
                self._pool.registry = self._pool.registry.suspected(engine, now)
                self._log.warning(log_events.ACTOR_SUSPECTED, actor=name, game_id=engine.game)

    def _drop_finished(self, now: timedelta) -> None:
        for game in self._pool.registry.games.values():
            if game.finished_at is None:
                continue
            owner = self._pool.registry.owner_of(game.id)
            if owner is not None and now - game.finished_at > FINISHED_GRACE:
                self._pool.kill(owner.name)
                owner = None
            if owner is None:
                self._pool.take(self._pool.registry.ended(game.id))

    def _forfeit(self, game_id: GameId) -> None:
        """Resigns a game that has killed too many actors."""
        game = self._pool.take(self._pool.registry.ended(game_id))
        if game is not None:
            self._log.error(log_events.GAME_FORFEITED, game_id=game_id, takeovers=game.takeovers)
            self._resign(game_id)
