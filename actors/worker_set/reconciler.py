"""One tick of the reconcile loop: compares wanted games with the cluster, and acts."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from actors.worker_set.elasticity import Elasticity
from actors.worker_set.engine_pool import EnginePool
from crabstick.asyncio_tools import StallDetector
from crabstick.rules.cluster_view import (
    DEFAULT_ENGINE,
    Capacity,
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

    `demands` are those of the engines; `resign` begins to resign a game on Lichess.

    Attributes:
        nodes: the Ray nodes as they were read last.
        shutdown: how far a shutdown has come.
    """

    def __init__(
        self,
        pool: EnginePool,
        elasticity: Elasticity,
        stall: StallDetector,
        demands: Mapping[str, Demand],
        resign: Callable[[GameId], object],
    ) -> None:
        self._demands = demands
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
        if self.shutdown.begun_at is None and self._elasticity.is_elastic:
            observed = observe(self._pool.registry, self.nodes, now, self._demands)
            self._elasticity.adjust(self._running(), observed, now)
        for engine in self._demands:
            wanted, observed = self.view(engine, now)
            if self.shutdown.begun_at is None:
                observed = self._elasticity.marked(observed)
            for action in plan(wanted, observed, self._capacity(engine, now), now):
                self._carry_out(action, engine, now)
        if self.shutdown.begun_at is not None and not self._is_anything_open(now):
            self.shutdown.is_well.set()

    def view(self, engine: str, now: timedelta) -> tuple[list[GameRecord], Observed]:
        """The games of one engine, and what concerns them: each engine has its own actors."""
        observed = observe(self._pool.registry, self.nodes, now, self._demands)
        wanted = [game for game in self._running() if game.engine == engine]
        return wanted, observed.of(engine, self._demands[engine])

    def _running(self) -> list[GameRecord]:
        """The running games; those of engines that the settings lack count as the default one's."""
        running = self._pool.registry.running()
        return [
            g if g.engine in self._demands else replace(g, engine=DEFAULT_ENGINE) for g in running
        ]

    def room(self, engine: str, now: timedelta) -> int:
        """How many more games of an engine could be played now."""
        wanted, observed = self.view(engine, now)
        return room(wanted, observed, can_actors_start=not self._pool.starts[engine].problem)

    def may_grow(self, engine: str, now: timedelta) -> bool:
        """Whether a node would come for another game of an engine."""
        elasticity = self._elasticity
        can_grow = elasticity.is_elastic and engine not in elasticity.exhausted
        can_start = not self._pool.starts[engine].problem
        return can_grow and can_start and not has_waited_too_long(self._pool.registry, engine, now)

    def _is_anything_open(self, now: timedelta) -> bool:
        """Whether a game has no actor or must move, or an adopted actor has not reported."""
        draining = self.nodes.draining if self.shutdown.may_move(now) else ()
        registry = self._pool.registry
        return bool(
            registry.waiting() or moving(registry, draining) or registry.is_any_unreported()
        )

    def _capacity(self, engine: str, now: timedelta) -> Capacity:
        """While actors cannot start, one standby is wanted: its start shows that they can again."""
        capacity = self._elasticity.capacity(engine, now)
        if self.shutdown.begun_at is not None:
            return replace(capacity, standby=0)
        is_failing = bool(self._pool.starts[engine].problem)
        return replace(capacity, standby=max(capacity.standby, int(is_failing)))

    def _carry_out(self, action: Action, engine: str, now: timedelta) -> None:
        match action:
            case Spawn(node=node):
                if now >= self._pool.starts[engine].paused_until:
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
