"""Carries out the decisions of `placement.plan` about EngineActors, and supervises the actors.

The pool holds the current registry: all that the WorkerSet knows about games and actors.

Each actor has one task that supervises it: the task awaits the `outcome` call, which fails within
milliseconds when the actor's process dies. While the actor plays, a second task pings it. A method
that carries out a decision changes the registry at once. The task that the method starts wakes the
WorkerSet's loop when there is something new to plan.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import TypeVar

from actors.clients import CALL_ERRORS, engine_actor_name, number_of
from actors.cluster import ActorError, ActorFailed
from actors.messages import ActorConfig, Assignment, HandOverRequest, Outcome, ResyncRequest
from actors.worker_set.runtime import Runtime
from actors.worker_set.telemetry import EventLog
from crabstick.asyncio_tools import BackgroundTasks
from crabstick.game.rate_limits import RateLimits
from crabstick.rules.cluster_view import DEFAULT_ENGINE, ActorPhase, EngineRecord, GameRecord
from crabstick.rules.lichess_types import ActorName, GameId, NodeId
from crabstick.rules.registry import Event, Registry
from crabstick.rules.starts import READY, Starts
from crabstick.telemetry import log_events
from crabstick.telemetry.logs import get_logger

T = TypeVar("T")

START_PATIENCE = timedelta(minutes=15)
"""A cloud may have to start a node first."""
ASSIGN_PATIENCE = timedelta(seconds=3)
ADOPT_PATIENCE = timedelta(seconds=5)
"""The first tick waits this long for the reports of adopted actors; later reports still count."""
PING_EVERY = timedelta(seconds=1)
PING_PATIENCE = timedelta(seconds=10)
DEATHS_FOR_BUNDLED = 2
"""If this many actors died over one game, the engine may be the cause."""
SILENCES_FOR_BUNDLED = 5
"""If this many actors fell silent over one game, a busy machine alone does not explain it."""


class EnginePool:
    """The EngineActors of one bot.

    An actor gets the current `rate_limits` with its game, and its answers update them. `wake` makes
    the WorkerSet plan again.

    Attributes:
        registry: the games and the actors as they are known now.
        starts: how the actors of each engine started so far.
    """

    def __init__(
        self,
        config: ActorConfig,
        runtime: Runtime,
        event_log: EventLog,
        rate_limits: RateLimits,
        wake: Callable[[], None],
    ) -> None:
        self._config = config
        self._runtime = runtime
        self._event_log = event_log
        self._rate_limits = rate_limits
        self._loop = asyncio.get_running_loop()
        self._wake = wake
        self._tasks = BackgroundTasks(self._failed)
        self._unsettled: set[asyncio.Task[None]] = set()
        self._last_number = 0
        self._log = get_logger()
        self.registry = Registry()
        self.starts: defaultdict[str, Starts] = defaultdict(Starts)

    @property
    def problem(self) -> str:
        """Why actors cannot play; empty when they can."""
        found = ((engine, starts.problem) for engine, starts in self.starts.items())
        return "; ".join(
            words if engine == DEFAULT_ENGINE else f"engines.{engine}: {words}"
            for engine, words in found
            if words
        )

    def take(self, result: tuple[Registry, T]) -> T:
        """Keeps the new registry of an operation, and returns the other part of the result."""
        self.registry, other = result
        return other

    def spawn(self, node: NodeId | None, plays: str = DEFAULT_ENGINE) -> None:
        """Starts an actor of an engine, which becomes a standby with its first report."""
        self._last_number = 1 + max([self._last_number, *map(number_of, self.registry.engines)])
        name = engine_actor_name(self._last_number)
        engine = self.take(self.registry.entered(name, self._now(), node, plays=plays))
        config = self._config.model_copy(update={"name": name, "engine": plays})
        self._settle_soon(self._spawn(engine, config, node))

    def assign(self, game: GameId, name: ActorName) -> None:
        """Gives the game to a standby."""
        self._record(self.registry.assigned(game, name, self._now()))
        self._settle_soon(self._assign(self.registry.engines[name]))

    def hand_over(self, name: ActorName, within: timedelta) -> None:
        """Asks an actor to leave its game between two moves, or in mid-thought after `within`."""
        engine = self.registry.engines[name]
        self.registry = self.registry.leaving(engine, self._now() + within)
        within_s = within.total_seconds()
        self._log.info(log_events.GAME_LEAVING, actor=name, game_id=engine.game, within_s=within_s)
        request = HandOverRequest(within_s=within_s, game=engine.game)
        self._tasks.start(self._hand_over(engine, request))

    def resync(self, game: GameId, *, is_our_turn: bool) -> None:
        """Has the owner of a game that Lichess lists reopen its stream if a line was missed."""
        ply = self.take(self.registry.listed(game, is_our_turn=is_our_turn))
        owner = self.registry.owner_of(game)
        if ply is not None and owner is not None:
            self._tasks.start(self._resync(owner, ResyncRequest(ply=ply, game=game)))

    def kill(self, name: ActorName) -> None:
        """Ends an actor and forgets it; idempotent."""
        engine = self.registry.engines.get(name)
        if engine is not None:
            self.registry = self.registry.removed(engine)
        self._settle_soon(self._kill(name))

    async def adopt(self) -> None:
        """Takes over every living EngineActor of an earlier WorkerSet."""
        adoptions = []
        for name in await self._runtime.living():
            if name not in self.registry.engines:
                entered = self.registry.entered(name, self._now(), is_adopted=True)
                adoptions.append(self._tasks.start(self._adopt(self.take(entered))))
        if adoptions:
            await asyncio.wait(adoptions, timeout=ADOPT_PATIENCE.total_seconds())

    async def settle(self) -> None:
        """Returns when no actor is being made, killed or given a game."""
        while self._unsettled:
            await asyncio.gather(*self._unsettled, return_exceptions=True)

    def _now(self) -> timedelta:
        return timedelta(seconds=self._loop.time())

    async def _spawn(self, engine: EngineRecord, config: ActorConfig, node: NodeId | None) -> None:
        try:
            await self._runtime.spawn(config, node)
        except ActorError as error:
            self._lost(engine, str(error))
            return
        if self.registry.current(engine) is None:  # killed before Ray had made it
            await self._kill(engine.name)
            return
        self._log.info(log_events.ACTOR_SPAWNED, actor=engine.name, on_node=node)
        self._tasks.start(self._supervise(engine))
        self._tasks.start(self._introduce(engine, START_PATIENCE))

    async def _adopt(self, engine: EngineRecord) -> None:
        self._tasks.start(self._supervise(engine))
        await self._introduce(engine, PING_PATIENCE)
        current = self.registry.current(engine)
        if current is not None and current.phase is ActorPhase.PLAYING:
            self._log.info(log_events.ACTOR_ADOPTED, actor=current.name, game_id=current.game)
            self._tasks.start(self._ping_while_playing(current))

    async def _introduce(self, engine: EngineRecord, patience: timedelta) -> None:
        """Gets an actor's first report."""
        why_not = await self._describe(engine, patience)
        current = self.registry.current(engine)
        if current is None:
            return
        if why_not:
            self._never_started(current, why_not, patience)
            return
        if current.phase is ActorPhase.ENDING or self._is_outdated_standby(current):
            self.kill(current.name)
        elif current.problem:
            self._cannot_play(current)
        else:
            self.starts[current.engine] = READY
        self._wake()

    def _is_outdated_standby(self, engine: EngineRecord) -> bool:
        is_ours = engine.fingerprint == self._config.fingerprint
        return engine.phase is ActorPhase.STANDBY and not is_ours

    def _never_started(self, engine: EngineRecord, why: str, patience: timedelta) -> None:
        if engine.node is None and self._now() - engine.since >= patience:
            self.kill(engine.name)  # no node came; the plan spawns another actor if needed
            self._wake()
        else:
            self._lost(engine, why)

    def _cannot_play(self, engine: EngineRecord) -> None:
        self._start_failed(engine, engine.problem)
        is_needed = engine.lacks_engine and self.registry.is_any_abandoned()
        self._event_log.useless(engine, is_kept=is_needed)
        if not is_needed:
            self.kill(engine.name)

    def _start_failed(self, engine: EngineRecord, why: str) -> None:
        self.starts[engine.engine] = self.starts[engine.engine].failed(why, self._now())

    async def _describe(self, engine: EngineRecord, patience: timedelta) -> str:
        """Pings an actor; returns why it did not answer. `observation.suspects` judges silence."""
        try:
            description = await self._runtime.engine(engine.name).describe(patience)
        except CALL_ERRORS as error:
            self._log.warning(log_events.ACTOR_SILENT, actor=engine.name, why=str(error))
            return str(error)
        self._rate_limits.merge(description.limits)
        self.registry = self.registry.described(engine, description.report(), self._now())
        return ""

    async def _assign(self, engine: EngineRecord) -> None:
        game = self.registry.game_of(engine)
        if game is None:  # the game has ended meanwhile
            self.kill(engine.name)
            self._wake()
            return
        try:
            client = self._runtime.engine(engine.name)
            answer = await client.assign(self._assignment(engine, game), ASSIGN_PATIENCE)
            why = "" if answer.taken else "it plays another game"
        except CALL_ERRORS as error:
            why = str(error)
        if not why:
            self._log.info(
                log_events.GAME_ASSIGNED, game_id=game.id, actor=engine.name, epoch=engine.epoch
            )
            self._tasks.start(self._ping_while_playing(engine))
            return
        current = self.registry.current(engine)
        if current is not None:
            self._event_log.engine_lost(current, why)
            self.kill(current.name)
        self._wake()

    def _assignment(self, engine: EngineRecord, game: GameRecord) -> Assignment:
        is_bundled = (
            engine.lacks_engine
            or game.deaths >= DEATHS_FOR_BUNDLED
            or game.takeovers - game.deaths >= SILENCES_FOR_BUNDLED
        )
        return Assignment(
            game=game.id,
            epoch=engine.epoch,
            takeovers=game.takeovers,
            deaths=game.deaths,
            engine="embedded" if is_bundled else "own",
            limits=self._rate_limits.export(),
        )

    async def _hand_over(self, engine: EngineRecord, request: HandOverRequest) -> None:
        """The plan repeats a lost request, and replaces an actor whose code has no hand-over."""
        try:
            await self._runtime.engine(engine.name).hand_over(request, ASSIGN_PATIENCE)
        except ActorError as error:
            self._log.warning(log_events.ACTOR_SILENT, actor=engine.name, why=str(error))
            if isinstance(error, ActorFailed):
                self.registry = self.registry.cannot_leave(engine)
                self._wake()
            else:
                self.registry = self.registry.leaving(engine, None)

    async def _resync(self, engine: EngineRecord, request: ResyncRequest) -> None:
        try:
            await self._runtime.engine(engine.name).resync(request, ASSIGN_PATIENCE)
        except ActorError as error:
            self._log.warning(log_events.ACTOR_SILENT, actor=engine.name, why=str(error))

    async def _ping_while_playing(self, engine: EngineRecord) -> None:
        while (current := self.registry.current(engine)) is not None:
            if current.phase is not ActorPhase.PLAYING:
                return
            await self._describe(engine, PING_PATIENCE)
            await asyncio.sleep(PING_EVERY.total_seconds())

    async def _supervise(self, engine: EngineRecord) -> None:
        """Awaits the end of each game of an actor, until the actor has gone or is to go."""
        supervised: EngineRecord | None = engine
        while supervised is not None:
            try:
                outcome = await self._runtime.engine(engine.name).outcome()
            except CALL_ERRORS as error:
                self._lost(supervised, str(error))
                return
            supervised = self._done(supervised, outcome)

    def _done(self, engine: EngineRecord, outcome: Outcome) -> EngineRecord | None:
        """Acts on an actor's own word that its game is over for it.

        Returns the actor on standby, or None when the actor is not to play another game.
        """
        current = self.registry.current(engine)
        if current is None:
            return None
        game = self.registry.game_of(current)
        if game is not None and outcome.reason in {"finished", "unplayable"}:
            self.take(self.registry.ended(game.id))
            self._event_log.game_ended(current, game, outcome)
        if outcome.reason == "handed_over":
            self._event_log.handed_over(current)
        self._wake()
        if outcome.stays and current.fingerprint == self._config.fingerprint:
            return self.take(self.registry.released(current, self._now()))
        self.kill(current.name)
        return None

    def _lost(self, engine: EngineRecord, why: str) -> None:
        current = self.registry.current(engine)
        if current is None:
            return
        self._record(self.registry.lost(current, why, self._now()))
        if current.phase is ActorPhase.STARTING:
            self._start_failed(current, f"actors do not start: {why}")
        self._settle_soon(self._kill(current.name))
        self._wake()

    async def _kill(self, name: ActorName) -> None:
        try:
            await self._runtime.kill(name)
        except ActorError as error:
            self._log.warning(log_events.ACTOR_SILENT, actor=name, why=str(error))

    def _settle_soon(self, work: Coroutine[object, None, None]) -> None:
        task = self._tasks.start(work)
        self._unsettled.add(task)
        task.add_done_callback(self._unsettled.discard)

    def _record(self, result: tuple[Registry, tuple[Event, ...]]) -> None:
        for event in self.take(result):
            self._event_log.event(event)

    def _failed(self, error: Exception) -> None:
        self._log.error(log_events.TASK_FAILED, exc_info=error)
        self._wake()
