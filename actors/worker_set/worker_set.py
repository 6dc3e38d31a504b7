"""The WorkerSet knows all games and EngineActors, and gives every game exactly one actor.

A detached actor with a reconcile loop: observe, `placement.plan`, act. Events (a game starts, an
actor dies) only wake the loop early. The WorkerSet keeps no state of its own: after a restart it
adopts the living actors, and its first tick is like any other.

Calls of a Ray async actor interleave at each `await`. The registry is one value, which is read and
replaced without an `await` in between.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta

from actors.class_path import sent_by_path
from actors.clients import EVENT_LISTENER
from actors.cluster import freeze_gc, this_node, without_task_events
from actors.machine_memory import describe_shortage
from actors.messages import (
    ActorConfig,
    Claim,
    GamesLeft,
    GameUpdate,
    LoadAnswer,
    Ownership,
    Packed,
    Report,
    WorkerSetDescription,
)
from actors.watchdog import Watchdog, WatchedActor
from actors.worker_set.elasticity import Elasticity
from actors.worker_set.engine_pool import EnginePool
from actors.worker_set.lichess_calls import LichessCalls
from actors.worker_set.reconciler import LEAVES_WHILE_CLOSING, Reconciler
from actors.worker_set.runtime import RayRuntime, Runtime
from actors.worker_set.telemetry import (
    EventLog,
    Gauges,
    ListenerHealth,
    MemoryHealth,
    RayMirror,
    statistics,
)
from crabstick.asyncio_tools import BackgroundTasks, StallDetector, repeat
from crabstick.errors import CrabstickError, InvariantBroken
from crabstick.game.rate_limits import RateLimits
from crabstick.lichess.interface import GamesPort, LichessPort
from crabstick.rules.cluster_view import DEFAULT_ENGINE, ActorPhase, unplaced
from crabstick.rules.engine_choice import Traits
from crabstick.rules.lichess_types import GameId
from crabstick.rules.observation import Nodes, moving
from crabstick.rules.registry import Registry
from crabstick.settings import Settings
from crabstick.telemetry import log_events
from crabstick.telemetry.bot_metrics import BotMetrics
from crabstick.telemetry.logs import bind_process, configure_logging, get_logger

TICK = timedelta(milliseconds=500)
READ_NODES_EVERY = timedelta(seconds=1)
LOOK_AT_MEMORY_EVERY = timedelta(seconds=10)
MIRROR_EVERY = timedelta(seconds=5)
"""Ray exports its metrics every ten seconds."""
ASK_LICHESS_EVERY = timedelta(seconds=20)


@sent_by_path("actors.worker_set")
class WorkerSet:
    """The authority on which actor plays which game.

    Args:
        config: a packed `ActorConfig`.
        runtime: the cluster; None means Ray's.
        lichess: None means the server in the settings.
        games: for resignations; None means the same server.
        listener: the EventListener for the watchdog; None means Ray's.
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
        self._log = get_logger(actor=self._config.name)
        settings = Settings.from_message(self._config.settings)
        self._loop = asyncio.get_running_loop()
        self._runtime = runtime or RayRuntime(self._config.namespace, settings)
        self._demands = settings.demands()
        self._settings = settings
        self._rate_limits = RateLimits(self._loop.time)
        self._metrics = BotMetrics()
        self._gauges = Gauges(self._metrics, self._loop.time)
        self._mirror = RayMirror()
        self._elasticity = Elasticity(settings)
        self._lichess_calls = LichessCalls(
            self._config, self._rate_limits, self._metrics, lichess=lichess, games=games
        )
        self._listener_health = ListenerHealth(self._loop.time)
        self._memory_health = MemoryHealth(self._loop.time, self._log)
        self._stall = StallDetector(self._loop.time)
        self._wake = asyncio.Event()
        self._adopted = asyncio.Event()
        self._pool = EnginePool(
            self._config,
            self._runtime,
            EventLog(get_logger(), self._metrics),
            self._rate_limits,
            self._wake.set,
        )
        self._tasks = BackgroundTasks(
            lambda error: self._log.error(log_events.TASK_FAILED, exc_info=error)
        )
        self._reconciler = Reconciler(
            self._pool,
            self._elasticity,
            self._stall,
            self._demands,
            resign=lambda game: self._tasks.start(self._lichess_calls.resign(game)),
        )
        self._start_tasks(listener or WatchedActor(EVENT_LISTENER, self._config.namespace))

    def _start_tasks(self, listener: WatchedActor) -> None:
        self._tasks.start(self._run())
        self._tasks.start(self._stall.run())
        self._tasks.start(Watchdog(EVENT_LISTENER, listener, self._stall).run())
        self._tasks.start(self._every(READ_NODES_EVERY, self._read_nodes))
        self._tasks.start(self._every(MIRROR_EVERY, self._mirror_metrics))
        self._tasks.start(self._every(LOOK_AT_MEMORY_EVERY, self._look_at_memory))
        self._tasks.start(self._every(ASK_LICHESS_EVERY, self._ask_lichess))

    # Remote methods; see `actors.clients`.

    @without_task_events
    async def describe(self, _message: Packed) -> Packed:
        """Returns which bot runs; `up` compares the fingerprint.

        Raises:
            CrabstickError: this WorkerSet was shut down, and waits to be killed.
        """
        if self._reconciler.shutdown.closed_at is not None:
            raise CrabstickError("this WorkerSet was shut down")
        return WorkerSetDescription(
            fingerprint=self._config.fingerprint,
            bot=self._config.bot,
            pid=os.getpid(),
            settings=self._config.settings,
        ).pack()

    async def game_started(self, message: Packed) -> None:
        """From the EventListener: a game runs. Idempotent; repeated when the event stream opens."""
        self._game_runs(GameUpdate.read(message))

    def _game_runs(self, update: GameUpdate) -> None:
        self._pool.take(self._registry.with_game(update.record()))
        self._wake.set()

    async def game_finished(self, message: Packed) -> None:
        """From the EventListener: Lichess calls the game over. Idempotent."""
        game_id = GameId(GameUpdate.read(message).game)
        self._pool.registry = self._registry.finished(game_id, self._now())
        self._wake.set()

    async def load(self, _message: Packed) -> Packed:
        """Returns the games, the room for more and the limits. Waits for the adoption."""
        await self._adopted.wait()
        engines, now = self._demands, self._now()
        rooms = {name: self._reconciler.room(name, now) for name in engines}
        growing = {name for name in engines if self._reconciler.may_grow(name, now)}
        return LoadAnswer(
            games=tuple(game.id for game in self._registry.running()),
            room=rooms.pop(DEFAULT_ENGINE),
            rooms=rooms,
            may_grow=DEFAULT_ENGINE in growing,
            growing=tuple(growing - {DEFAULT_ENGINE}),
            limits=self._rate_limits.export(),
        ).pack()

    async def room_wanted(self, message: Packed) -> None:
        """From the EventListener: one more node would have had room for a declined challenge."""
        engine = GameUpdate.read(message).engine or DEFAULT_ENGINE
        self._elasticity.ask_for_room(engine, self._now())
        self._wake.set()

    async def owns(self, message: Packed) -> Packed:
        """Returns whether an EngineActor still owns its game; None when we cannot know."""
        claim = Claim.read(message)
        await self._adopted.wait()
        owner = self._registry.is_owner(GameId(claim.game), claim.actor, claim.epoch)
        return Ownership(owner=owner, limits=self._rate_limits.export()).pack()

    @without_task_events
    async def report(self, message: Packed) -> None:
        """From any actor: its counts since the last report, and the rate limits that it knows."""
        report = Report.read(message)
        self._rate_limits.merge(report.limits)
        self._memory_health.report(report.memory)
        if report.hearing is not None:
            self._listener_health.report(report.hearing)
        for metric, label, by in report.counts:
            with suppress(InvariantBroken):  # a newer actor may have other metrics
                self._metrics.inc(metric, label, by)
        for metric, seconds in report.samples:
            with suppress(InvariantBroken):
                self._metrics.observe(metric, seconds)
                self._mirror.observe(metric, seconds)

    @without_task_events
    async def statistics(self, _message: Packed) -> Packed:
        """Returns what `/metrics`, `/games`, `status` and the live table show."""
        self._update_metrics()
        shown = statistics(
            self._config, self._registry, self._rate_limits, self._metrics, self._problem()
        )
        return shown.model_copy(update={"line": self._listener_health.line}).pack()

    async def shut_down(self, _message: Packed) -> Packed:
        """Finds actors for all games, and ends the standbys; the caller then kills this actor.

        Idempotent.
        """
        self._reconciler.shutdown.begun_at = self._now()
        for engine in moving(self._registry, ()):
            self._pool.hand_over(engine.name, LEAVES_WHILE_CLOSING)
        self._wake.set()
        await self._reconciler.shutdown.wait_well()
        self._reconciler.shutdown.closed_at = self._now()
        for engine in self._registry.engines.values():
            if engine.phase is not ActorPhase.PLAYING and not engine.is_unreported:
                self._pool.kill(engine.name)
        await self._pool.settle()
        return GamesLeft(games=len(self._registry.games)).pack()

    async def _run(self) -> None:
        await self._adopt()
        freeze_gc()
        while True:
            self._wake.clear()
            try:
                self._reconciler.tick(self._now())
            except Exception:  # noqa: BLE001 -- the next tick starts afresh
                self._log.exception(log_events.TASK_FAILED)
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK.total_seconds()):
                    await self._wake.wait()

    async def _adopt(self) -> None:
        while True:
            try:
                await self._pool.adopt()
                began = self._now()
                self._reconciler.nodes = Nodes(views=await self._runtime.nodes(), read_at=began)
            except Exception as error:  # noqa: BLE001 -- giving up would leave an idle bot
                self._log.warning(log_events.RAY_SILENT, why=str(error))
                await asyncio.sleep(TICK.total_seconds())
            else:
                self._adopted.set()
                return

    async def _every(self, pause: timedelta, read: Callable[[], Awaitable[None]]) -> None:
        def failed(error: Exception) -> None:
            self._log.warning(log_events.READ_FAILED, what=read.__name__, why=str(error))

        await repeat(read, pause, failed)

    async def _read_nodes(self) -> None:
        began = self._now()
        self._reconciler.nodes = Nodes(views=await self._runtime.nodes(), read_at=began)
        self._elasticity.unplaced = unplaced(self._demands, self._reconciler.nodes.views)
        if self._elasticity.is_elastic:
            self._elasticity.exhausted = await self._runtime.exhausted()
        self._update_metrics()

    async def _mirror_metrics(self) -> None:
        self._mirror.show(self._metrics.snapshot())

    async def _look_at_memory(self) -> None:
        self._memory_health.report(await asyncio.to_thread(describe_shortage, this_node()))

    async def _ask_lichess(self) -> None:
        """Finds games that no event reported, and lost lines; a game that is not listed goes on."""
        for game in await self._lichess_calls.playing():
            plays = self._settings.engine_for(Traits.of_game(game))
            self._game_runs(GameUpdate.of(game, plays))
            self._pool.resync(game.id, is_our_turn=game.is_my_turn)

    def _update_metrics(self) -> None:
        self._metrics.set("crabstick_event_stream_age_seconds", self._listener_health.age_s)
        self._metrics.set("crabstick_problem", int(bool(self._problem())))
        self._gauges.update(self._registry, self._reconciler.nodes.views, self._rate_limits)

    def _problem(self) -> str:
        """Why the bot cannot play as it should; empty when it can."""
        return (
            self._pool.problem
            or self._elasticity.problem
            or self._listener_health.problem
            or self._memory_health.problem
        )

    @property
    def _registry(self) -> Registry:
        return self._pool.registry

    def _now(self) -> timedelta:
        """The moment on the loop's monotonic clock."""
        return timedelta(seconds=self._loop.time())
