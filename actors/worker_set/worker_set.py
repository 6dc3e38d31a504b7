"""The WorkerSet: knows all games and EngineActors, and sees that every game has exactly one.

A detached actor with a reconcile loop: observe, `placement.plan`, act. Events (a game starts, an
actor dies) only wake the loop early. It holds nothing that cannot be asked for again: after a
restart it adopts the actors that live, and its first tick is like any other.

A Ray async actor is no mailbox: calls interleave at each `await`, so the registry is read and
written without one in between.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from actors.cluster import RayRuntime, Runtime, this_node, without_task_events
from actors.engine_actor.engine_actor import EngineActor
from actors.memory import freeze_gc
from actors.messages import (
    PROTOCOL,
    ActorConfig,
    Claim,
    GameUpdate,
    LoadAnswer,
    Ownership,
    Packed,
    Report,
)
from actors.names import EVENT_LISTENER
from actors.watchdog import RayWatchedActor, Watchdog, WatchedActor
from actors.worker_set.elasticity import Elasticity
from actors.worker_set.engine_pool import EnginePool
from actors.worker_set.gauges import Gauges
from actors.worker_set.lichess_calls import LichessCalls
from actors.worker_set.listener_health import ListenerHealth
from actors.worker_set.nodes import Nodes
from actors.worker_set.ray_metrics import RayMirror
from actors.worker_set.registry import Registry
from actors.worker_set.shutdown_state import ShutdownState
from actors.worker_set.statistics import statistics
from crabstick.errors import CrabstickError, InvariantBroken
from crabstick.game.background_tasks import BackgroundTasks
from crabstick.game.rate_limits import RateLimits
from crabstick.game.stall import StallDetector
from crabstick.lichess.interface import GamesPort, LichessPort
from crabstick.rules.cluster_view import ActorPhase, Capacity
from crabstick.rules.failure_detector import suspects
from crabstick.rules.model import ActorName, GameId
from crabstick.rules.placement import Action, Assign, Forfeit, HandOver, Kill, Spawn, plan, room
from crabstick.settings import Settings
from crabstick.telemetry import names
from crabstick.telemetry.logs import bind_process, configure_logging, get_logger
from crabstick.telemetry.metrics import Ledger

__all__ = ["WorkerSet"]

TICK = timedelta(milliseconds=500)
LOOK_AT_NODES_EVERY = timedelta(seconds=1)
ASK_LICHESS_EVERY = timedelta(seconds=20)
FINISHED_GRACE = timedelta(seconds=30)
"""An actor whose game Lichess calls finished reads that from its own stream; if not, it ends."""
LEAVES_WHILE_CLOSING = timedelta(seconds=5)
"""Who was told to leave its game does so while there is somebody who gives it to another one."""


class WorkerSet:
    """The one place that knows which actor plays which game.

    Args:
        config: a packed `ActorConfig`.
        runtime: the cluster; None is Ray's.
        lichess: None is the server in the settings.
        games: where games are forfeited; None is the same server.
        listener: the EventListener, which is watched; None is Ray's.
    """

    def __init__(
        self,
        config: Packed,
        runtime: Runtime | None = None,
        lichess: LichessPort | None = None,
        games: GamesPort | None = None,
        listener: WatchedActor | None = None,
    ) -> None:
        configure_logging()
        self._config = ActorConfig.read(config)
        bind_process(actor=self._config.name, node=this_node())
        settings = Settings.from_message(self._config.settings)
        self._elasticity = Elasticity(settings)
        self._runtime = runtime or RayRuntime(EngineActor, self._config.namespace, settings.cluster)
        self._loop = asyncio.get_running_loop()
        self._board = RateLimits(self._loop.time)
        self._registry = Registry(board=self._board)
        self._ledger = Ledger()
        self._gauges = Gauges(self._ledger, self._loop.time)
        self._lichess_calls = LichessCalls(
            self._config, self._board, self._ledger, lichess=lichess, games=games
        )
        self._listener_health = ListenerHealth(self._loop.time)
        self._mirror = RayMirror()
        self._nodes = Nodes()
        self._wake = asyncio.Event()
        self._adopted = asyncio.Event()
        self._shutdown = ShutdownState()
        self._stall = StallDetector(self._loop.time)
        self._pool = EnginePool(
            self._runtime, self._registry, self._ledger, now=self._now, wake=self._wake.set
        )
        self._log = get_logger(actor=self._config.name)
        self._tasks = BackgroundTasks(
            lambda error: self._log.error(names.TASK_FAILED, exc_info=error)
        )
        self._tasks.start(self._run())
        self._tasks.start(self._stall.run())
        watched = listener or RayWatchedActor(EVENT_LISTENER, self._config.namespace)
        self._tasks.start(Watchdog(EVENT_LISTENER, watched, self._stall).run())
        self._tasks.start(self._every(LOOK_AT_NODES_EVERY, self._look_at_nodes))
        self._tasks.start(self._every(ASK_LICHESS_EVERY, self._ask_lichess))

    # What others ask.

    @without_task_events
    async def describe(self, _message: Packed) -> Packed:
        """Who runs here: the fingerprint tells `up` whether anything has to change.

        Raises:
            CrabstickError: it was shut down, and waits to be ended.
        """
        if self._shutdown.is_closed:
            raise CrabstickError("this WorkerSet was shut down")
        return {
            "v": PROTOCOL,
            "fingerprint": self._config.fingerprint,
            "bot": self._config.bot,
            "pid": os.getpid(),
        }

    async def game_started(self, message: Packed) -> None:
        """EventListener: a game runs. Idempotent; told again whenever the event stream opens."""
        self._registry.hear_of(GameUpdate.read(message))
        self._wake.set()

    async def game_finished(self, message: Packed) -> None:
        """EventListener: Lichess says that the game is over. Idempotent."""
        game_id = GameId(GameUpdate.read(message).game)
        game = self._registry.games.get(game_id)
        if game is None:
            self._registry.end(game_id)  # an older list must not bring it up
        elif game.finished_at is None:
            game.finished_at = self._now()
            self._wake.set()

    async def load(self, _message: Packed) -> Packed:
        """EventListener: may another challenge be accepted? Nobody knows before the adoption."""
        await self._adopted.wait()
        wanted = self._registry.wanted()
        can_start = not self._pool.problem
        return LoadAnswer(
            games=tuple(game.id for game in wanted),
            room=room(
                wanted,
                self._nodes.observed(self._registry, self._now()),
                can_actors_start=can_start,
            ),
            may_grow=can_start and self._may_grow(),
            limits=self._board.pack(),
        ).pack()

    async def room_wanted(self, _message: Packed) -> None:
        """EventListener: a challenge was declined that one more node would have had room for."""
        self._elasticity.ask_for_room(self._now())
        self._wake.set()

    async def owns(self, message: Packed) -> Packed:
        """EngineActor: is this game still mine? `owner` is None when we cannot know."""
        claim = Claim.read(message)
        await self._adopted.wait()
        return Ownership(owner=self._registry.owns(claim), limits=self._board.pack()).pack()

    @without_task_events
    async def report(self, message: Packed) -> None:
        """Anyone: what happened since the last report, and which limits of Lichess hold."""
        report = Report.read(message)
        self._board.hear(report.limits)
        if report.hearing is not None:
            self._listener_health.hear(report.hearing)
        for metric, label, by in report.counts:
            with suppress(InvariantBroken):  # a newer actor may count what we do not know
                self._ledger.inc(metric, label, by)
        for metric, seconds in report.samples:
            with suppress(InvariantBroken):
                self._ledger.observe(metric, seconds)
                self._mirror.observe(metric, seconds)

    @without_task_events
    async def statistics(self, _message: Packed) -> Packed:
        """Everything that `/metrics`, `/games`, `status` and the live table show."""
        self._ledger.set("crabstick_event_stream_age_seconds", self._listener_health.age_s)
        problem = self._pool.problem or self._elasticity.problem or self._listener_health.problem
        return statistics(
            self._config, self._registry, self._nodes.views, self._gauges, problem=problem
        )

    async def shut_down(self, _message: Packed) -> Packed:
        """Ends the standbys; the games stay with their actors, and those without get one first.

        The caller kills this actor afterwards. Idempotent.
        """
        self._shutdown.begin(self._now())
        for member in self._registry.moving(()):
            self._pool.hand_over(member.name, LEAVES_WHILE_CLOSING)
        self._wake.set()
        await self._shutdown.wait_well()
        self._shutdown.close(self._now())
        for member in list(self._registry.members.values()):
            if member.phase is not ActorPhase.PLAYING and not member.is_unheard:
                self._pool.kill(member.name)
        await self._pool.settle()
        return {"v": PROTOCOL, "games": len(self._registry.games)}

    # The loop.

    async def _run(self) -> None:
        await self._adopt()
        freeze_gc()
        while True:
            self._wake.clear()
            try:
                self._tick()
            except Exception:  # noqa: BLE001 -- the loop's step: the next one looks afresh
                self._log.exception(names.TASK_FAILED)
            try:
                async with asyncio.timeout(TICK.total_seconds()):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _adopt(self) -> None:
        while True:
            try:
                await self._pool.adopt()
                looked_at = self._now()  # who knows of no free slot asks for a node
                self._nodes.take(await self._runtime.nodes(), looked_at)
            except Exception as error:  # noqa: BLE001 -- who gives up here lives on and does nothing
                self._log.warning(names.RAY_SILENT, why=str(error))
                await asyncio.sleep(TICK.total_seconds())
            else:
                self._adopted.set()
                return

    def _tick(self) -> None:
        """Compares what is wanted with what is, and starts whatever the plan says."""
        now = self._now()
        if self._shutdown.is_forgotten(now):
            self._log.warning(names.LEFT_ALONE)
            self._shutdown = ShutdownState()
        if self._shutdown.is_closed:
            return
        self._suspect(now)
        self._drop_finished(now)
        wanted, shown = self._registry.wanted(), self._nodes.observed(self._registry, self._now())
        if not self._shutdown.has_begun:  # else nobody is moved for the sake of a node
            shown = self._elasticity.shown(wanted, shown, now)
        for action in plan(wanted, shown, self._capacity(now), now):
            self._carry_out(action)
        if self._shutdown.has_begun and not self._is_anything_open(now):
            self._shutdown.all_is_well()

    def _is_anything_open(self, now: timedelta) -> bool:
        """Whether a game has no actor or is to get another, or an actor plays we know not what."""
        draining = self._nodes.draining if self._shutdown.may_move(now) else ()
        registry = self._registry
        return bool(registry.waiting() or registry.moving(draining) or registry.is_anyone_unheard())

    def _may_grow(self) -> bool:
        return self._elasticity.may_grow and not self._registry.waits_in_vain(self._now())

    def _capacity(self, now: timedelta) -> Capacity:
        """Where actors cannot start one is wanted in any case: it tells when they can again."""
        capacity = self._elasticity.capacity(now)
        if self._shutdown.has_begun:
            return replace(capacity, standby=0)
        return replace(capacity, standby=max(capacity.standby, int(bool(self._pool.problem))))

    def _carry_out(self, action: Action) -> None:
        match action:
            case Spawn(node=node):
                if not self._pool.is_held:
                    self._pool.spawn(self._config, node)
            case Assign(game=game, actor=actor):
                self._pool.assign(game, actor)
            case HandOver(actor=actor, within=within):
                self._hand_over(actor, within)
            case Kill(actor=actor):
                self._pool.kill(actor)
            case Forfeit(game=game):
                self._forfeit(game)

    def _hand_over(self, actor: ActorName, within: timedelta) -> None:
        if not self._shutdown.has_begun:
            self._pool.hand_over(actor, within)
        elif self._shutdown.may_move(self._now()):
            self._pool.hand_over(actor, min(within, LEAVES_WHILE_CLOSING))

    def _suspect(self, now: timedelta) -> None:
        self._stall.take()
        stalled_s = self._stall.last_stall_s
        own_stall = None if stalled_s is None else timedelta(seconds=stalled_s)
        heartbeats = self._registry.heartbeats(self._nodes.healthy)
        for name in suspects(heartbeats, now=now, own_stall=own_stall):
            member = self._registry.members[name]
            if not member.is_suspect:
                member.is_suspect = True
                self._registry.doubt(member, now)
                self._log.warning(names.ACTOR_SUSPECTED, actor=name, game_id=member.game)

    def _drop_finished(self, now: timedelta) -> None:
        for game in list(self._registry.games.values()):
            if game.finished_at is None:
                continue
            owner = self._registry.owner_of(game.id)
            if owner is not None and now - game.finished_at > FINISHED_GRACE:
                self._pool.kill(owner.name)
                owner = None
            if owner is None:
                self._registry.end(game.id)

    def _forfeit(self, game: GameId) -> None:
        """Resigns a game that has killed too many actors; its last line comes as news."""
        entry = self._registry.end(game)
        if entry is not None:
            self._log.error(names.GAME_FORFEITED, game_id=game, takeovers=entry.takeovers)
            self._tasks.start(self._lichess_calls.resign(game))

    # What is looked at now and then.

    async def _every(self, pause: timedelta, look: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await look()
            except Exception as error:  # noqa: BLE001 -- Ray and Lichess fail in many ways
                self._log.warning(names.LOOK_FAILED, what=str(look), why=str(error))
            await asyncio.sleep(pause.total_seconds())

    async def _look_at_nodes(self) -> None:
        looked_at = self._now()
        self._nodes.take(await self._runtime.nodes(), looked_at)
        self._elasticity.has_nodes = bool(self._nodes.views)
        if self._elasticity.is_elastic:
            self._elasticity.is_exhausted = await self._runtime.is_exhausted()
        await self.statistics({})  # brings the gauges up to date
        self._mirror.show(self._ledger.snapshot())

    async def _ask_lichess(self) -> None:
        """Games that no event told of, moves that no line did; what is missing ends nothing."""
        for game in await self._lichess_calls.playing():
            await self.game_started(GameUpdate.of(game).pack())
            self._pool.look(game.id, is_our_turn=game.is_my_turn)

    def _now(self) -> timedelta:
        """The moment on the loop's monotonic clock."""
        return timedelta(seconds=self._loop.time())
