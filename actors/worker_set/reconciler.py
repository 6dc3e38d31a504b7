"""One tick of the reconcile loop: compares wanted games with the cluster, and acts."""

from dataclasses import replace
from datetime import timedelta

from actors.messages import ActorConfig
from actors.worker_set.elasticity import Elasticity
from actors.worker_set.engine_pool import EnginePool
from actors.worker_set.lichess_calls import LichessCalls
from actors.worker_set.registry_store import RegistryStore
from actors.worker_set.shutdown_state import ShutdownState
from crabstick.game.event_loop import BackgroundTasks, StallDetector
from crabstick.rules.cluster_view import Capacity
from crabstick.rules.failure_detector import suspects
from crabstick.rules.lichess_types import ActorName, GameId
from crabstick.rules.observation import (
    Nodes,
    has_waited_too_long,
    moving,
    observe,
    wanted_games,
)
from crabstick.rules.placement import Action, Assign, Forfeit, Kill, RequestHandOver, Spawn, plan
from crabstick.telemetry import log_events
from crabstick.telemetry.logs import get_logger

FINISHED_GRACE = timedelta(seconds=30)
"""An actor reads the end of its game from its own stream; after this time it is killed instead."""
LEAVES_WHILE_CLOSING = timedelta(seconds=5)
"""A hand-over during a shutdown has to end while we can still assign the game."""


class Reconciler:
    """Runs the ticks; moments are monotonic.

    Attributes:
        nodes: the Ray nodes as they were read last.
        shutdown: how far a shutdown has come.
    """

    def __init__(  # noqa: PLR0913 -- its collaborators, each once
        self,
        *,
        config: ActorConfig,
        store: RegistryStore,
        pool: EnginePool,
        elasticity: Elasticity,
        lichess_calls: LichessCalls,
        stall: StallDetector,
        tasks: BackgroundTasks,
    ) -> None:
        self._config = config
        self._store = store
        self._pool = pool
        self._elasticity = elasticity
        self._lichess_calls = lichess_calls
        self._stall = stall
        self._tasks = tasks
        self._log = get_logger(actor=config.name)
        self.nodes = Nodes()
        self.shutdown = ShutdownState()

    def tick(self, now: timedelta) -> None:
        """Compares what is wanted with what is there, and starts the actions of the plan."""
        if self.shutdown.is_forgotten(now):
            self._log.warning(log_events.LEFT_ALONE)
            self.shutdown = ShutdownState()
        if self.shutdown.is_closed:
            return
        self._suspect(now)
        self._drop_finished(now)
        wanted = wanted_games(self._store.registry)
        observed = observe(self._store.registry, self.nodes, now)
        if not self.shutdown.has_begun:  # a shutdown empties no node
            observed = self._elasticity.adjust(wanted, observed, now)
        for action in plan(wanted, observed, self._capacity(now), now):
            self._carry_out(action, now)
        if self.shutdown.has_begun and not self._is_anything_open(now):
            self.shutdown.all_is_well()

    def may_grow(self, now: timedelta) -> bool:
        """Whether a node would come for another game."""
        return self._elasticity.may_grow and not has_waited_too_long(self._store.registry, now)

    def _is_anything_open(self, now: timedelta) -> bool:
        """Whether a game has no actor or must change it, or an adopted actor has not reported."""
        draining = self.nodes.draining if self.shutdown.may_move(now) else ()
        registry = self._store.registry
        return bool(
            registry.waiting() or moving(registry, draining) or registry.is_any_unreported()
        )

    def _capacity(self, now: timedelta) -> Capacity:
        """While actors cannot start, one standby is wanted: its start shows that they can again."""
        capacity = self._elasticity.capacity(now)
        if self.shutdown.has_begun:
            return replace(capacity, standby=0)
        return replace(capacity, standby=max(capacity.standby, int(bool(self._pool.problem))))

    def _carry_out(self, action: Action, now: timedelta) -> None:
        match action:
            case Spawn(node=node):
                if not self._pool.is_paused:
                    self._pool.spawn(self._config, node)
            case Assign(game=game, actor=actor):
                self._pool.assign(game, actor)
            case RequestHandOver(actor=actor, within=within):
                self._hand_over(actor, within, now)
            case Kill(actor=actor):
                self._pool.kill(actor)
            case Forfeit(game=game):
                self._forfeit(game)

    def _hand_over(self, actor: ActorName, within: timedelta, now: timedelta) -> None:
        if not self.shutdown.has_begun:
            self._pool.hand_over(actor, within)
        elif self.shutdown.may_move(now):
            self._pool.hand_over(actor, min(within, LEAVES_WHILE_CLOSING))

    def _suspect(self, now: timedelta) -> None:
        self._stall.check()
        stalled_s = self._stall.last_stall_s
        own_stall = None if stalled_s is None else timedelta(seconds=stalled_s)
        engines = self._store.registry.engines
        for name in suspects(engines.values(), self.nodes.staying, now=now, own_stall=own_stall):
            engine = engines[name]
            if not engine.is_suspect:
                self._store.registry = self._store.registry.suspected(engine, now)
                self._log.warning(log_events.ACTOR_SUSPECTED, actor=name, game_id=engine.game)

    def _drop_finished(self, now: timedelta) -> None:
        for game in self._store.registry.games.values():
            if game.finished_at is None:
                continue
            owner = self._store.registry.owner_of(game.id)
            if owner is not None and now - game.finished_at > FINISHED_GRACE:
                self._pool.kill(owner.name)
                owner = None
            if owner is None:
                self._store.take(self._store.registry.ended(game.id))

    def _forfeit(self, game_id: GameId) -> None:
        """Resigns a game that has killed too many actors."""
        game = self._store.take(self._store.registry.ended(game_id))
        if game is not None:
            self._log.error(log_events.GAME_FORFEITED, game_id=game_id, takeovers=game.takeovers)
            self._tasks.start(self._lichess_calls.resign(game_id))
