"""An EngineActor plays one game: it stands by, warm, gets a game, and ends with that game.

The actor is detached and keeps its name. Ray never restarts it: the WorkerSet gives its game to a
standby sooner than Ray could. While the actor plays it does not call Ray's GCS, and between a
stream line and the move it waits for no other actor.

This module imports nothing heavy (no ray.serve, no fastapi, no numpy), which each idle actor would
hold in memory.
"""

import asyncio
import os
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from random import SystemRandom
from typing import Literal

from actors.class_path import sent_by_path
from actors.clients import CALL_ERRORS, WorkerSetClient
from actors.cluster import (
    ActorGone,
    call_own_actor,
    freeze_gc,
    kill_own_actor,
    this_node,
    without_task_events,
)
from actors.engine_actor.dashboard_title import DashboardTitle
from actors.messages import (
    EMPTY,
    ActorConfig,
    Assigned,
    Assignment,
    Claim,
    DashboardCall,
    Description,
    GaveUp,
    HandOverRequest,
    Outcome,
    Packed,
    Progress,
    Report,
    ResyncRequest,
)
from crabstick.errors import CrabstickError
from crabstick.game.context import GameContext, PlaySettings
from crabstick.game.game_telemetry import GameTelemetry
from crabstick.game.lease import Lease, Replaced
from crabstick.game.player import Player
from crabstick.game.rate_limits import RateLimits
from crabstick.game.stream import Unplayable
from crabstick.lichess.game_client import open_games
from crabstick.lichess.interface import GamesPort
from crabstick.rules.cluster_view import ActorPhase, LifeEvent, next_phase
from crabstick.rules.game_events import Finish, HandOver
from crabstick.rules.lichess_types import GameId, Posted
from crabstick.settings import Settings, read_token
from crabstick.telemetry import log_events
from crabstick.telemetry.logs import bind_process, configure_logging, get_logger
from engine.errors import EngineError
from engine.interface import Engine, EngineSpec, embedded_spec
from engine.resilient import ResilientEngine
from engine.uci_engine import UciEngine

LEASE_PATIENCE = timedelta(seconds=1)
REPORT_EVERY = timedelta(seconds=10)
KILL_GRACE = timedelta(seconds=3)
"""After its game an actor waits this long for the WorkerSet to kill it, then ends itself."""


@sent_by_path("actors.engine_actor")
class EngineActor:
    """One game, one stream, one engine process.

    Args:
        config: a packed `ActorConfig`.
        games: None means the server in the settings.
        build: makes an engine without starting it.
    """

    def __init__(
        self,
        config: Packed,
        games: GamesPort | None = None,
        build: Callable[[EngineSpec], Engine] = UciEngine,
    ) -> None:
        configure_logging()
        self._config = ActorConfig.read(config)
        bind_process(actor=self._config.name, node=this_node())
        self._settings = Settings.from_message(self._config.settings)
        self._play_settings = PlaySettings(
            bot=self._config.bot,
            limits=self._settings.engine.bounds(),
            overhead=self._settings.engine.move_overhead,
            abort_after=self._settings.game.abort_after,
            draw=SystemRandom().random,
        )
        self._loop = asyncio.get_running_loop()
        self._log = get_logger(actor=self._config.name)
        self._phase = ActorPhase.STARTING
        self._problem = ""
        self._lacks_engine = False
        self._assignment: Assignment | None = None
        self._rate_limits = RateLimits(self._loop.time, on_hit=self._report)
        self._telemetry = GameTelemetry()
        self._title = DashboardTitle(_show_title)
        self._player: Player | None = None
        self._leave_within: timedelta | None = None
        self._worker_set: WorkerSetClient | None = None
        self._games = games
        self._build = build
        self._engine = self._resilient(self._settings.engine_spec())
        self._outcome: asyncio.Future[Outcome] = self._loop.create_future()
        self._assigned: asyncio.Future[Assignment] = self._loop.create_future()
        self._warm: asyncio.Future[None] = self._loop.create_future()
        self._main = self._loop.create_task(self._live())

    # Remote methods; see `actors.clients`.

    @without_task_events
    async def describe(self, message: Packed) -> Packed:
        """Returns what this actor does, as soon as it is warm. Also the ping."""
        self._remember_sender(message)
        await asyncio.shield(self._warm)
        mine = self._assignment
        return Description(
            name=self._config.name,
            node=this_node(),
            pid=os.getpid(),
            fingerprint=self._config.fingerprint,
            phase=self._phase.value,
            game=mine.game if mine else None,
            epoch=mine.epoch if mine else 0,
            takeovers=mine.takeovers if mine else 0,
            deaths=mine.deaths if mine else 0,
            problem=self._problem,
            lacks_engine=self._lacks_engine,
            progress=Progress(**asdict(self._telemetry.progress)),
            limits=self._rate_limits.export(),
        ).pack()

    async def assign(self, message: Packed) -> Packed:
        """Takes a game and returns at once. Idempotent; refuses a second game."""
        self._remember_sender(message)
        assignment = Assignment.read(message)
        self._rate_limits.merge(assignment.limits)
        if self._assignment is None:
            self._assignment = assignment
            self._enter(LifeEvent.ASSIGNED)
            bind_process(game_id=assignment.game, epoch=assignment.epoch)
            self._assigned.set_result(assignment)
        return Assigned(taken=self._assignment.game == assignment.game).pack()

    async def leave(self, message: Packed) -> Packed:
        """Hands the game over between two moves and ends; the end makes `outcome` return.

        Idempotent; of several requests the most urgent one holds.
        """
        self._remember_sender(message)
        within = timedelta(seconds=HandOverRequest.read(message).within_s)
        if self._player is None:
            before = self._leave_within  # `_play` has not begun yet
            self._leave_within = within if before is None else min(before, within)
        else:
            self._player.hand_over(within)
        return EMPTY

    async def look(self, message: Packed) -> Packed:
        """Reopens the game stream if this actor still waits at the given ply."""
        self._remember_sender(message)
        if self._player is not None:
            self._player.resync(ResyncRequest.read(message).ply)
        return EMPTY

    async def outcome(self, _message: Packed) -> Packed:
        """Returns when the actor's work is done: the supervising call."""
        return (await asyncio.shield(self._outcome)).pack()

    async def shown(self, message: Packed) -> Packed:
        """Stays pending while the dashboard shows its title; this actor itself is the caller."""
        await self._title.hold(DashboardCall.read(message).title)
        return EMPTY

    async def give_up(self, _message: Packed) -> Packed:
        """Resigns the game, if any; Lichess aborts the game instead while that is possible."""
        mine = self._assignment
        if mine is None or self._games is None or self._phase is not ActorPhase.PLAYING:
            return GaveUp().pack()
        outcome = await self._games.game(GameId(mine.game)).resign()
        return GaveUp(gave_up=isinstance(outcome, Posted)).pack()

    def _enter(self, event: LifeEvent) -> None:
        before, self._phase = self._phase, next_phase(self._phase, event)
        if self._phase is ActorPhase.STANDBY:
            self._title.set("standby")
        elif (
            self._phase is ActorPhase.PLAYING
            and before is not self._phase
            and self._assignment is not None
        ):
            self._title.set(f"game {self._assignment.game}")

    async def _live(self) -> None:
        try:
            await self._get_ready()
            outcome = await self._play(await self._assigned)
            if outcome.reason == "finished":  # no successor waits; the kill may come at once
                await self._engine.close()
            self._outcome.set_result(outcome)
        except Exception as error:  # noqa: BLE001 -- the supervisor gets every error
            self._log.exception(log_events.ACTOR_FAILED)
            self._outcome.set_exception(CrabstickError(f"{type(error).__name__}: {error}"))
        self._enter(LifeEvent.DONE)
        await self._engine.close()
        await asyncio.sleep(KILL_GRACE.total_seconds())
        await asyncio.to_thread(kill_own_actor)

    async def _get_ready(self) -> None:
        """Starts the engine and opens a connection; failures become `problem`."""
        try:
            if self._games is None:
                token = read_token(self._settings)
                self._games = open_games(self._settings.lichess.url, token, self._config.bot)
            await self._engine.open()
            await self._games.warm()
        except (CrabstickError, EngineError) as error:
            self._problem = f"node {this_node()[:8]}: {error}"
            self._lacks_engine = isinstance(error, EngineError)
        self._enter(LifeEvent.WARM)
        freeze_gc()
        self._warm.set_result(None)

    async def _play(self, assignment: Assignment) -> Outcome:
        if self._games is None:
            raise CrabstickError(self._problem)
        self._telemetry = GameTelemetry(game=assignment.game, show_title=self._title.set)
        if assignment.engine == "embedded":
            await self._engine.close()
            self._engine = self._resilient(embedded_spec())
        context = GameContext(
            self._games.game(GameId(assignment.game)),
            Lease(lambda: self._ask_owner(assignment), self._loop.time),
            self._play_settings,
            self._rate_limits,
            self._telemetry,
        )
        self._player = Player(context, self._engine)
        if self._leave_within is not None:
            self._player.hand_over(self._leave_within)
        reports = self._loop.create_task(self._report_now_and_then())
        try:
            end = await self._player.play()
        except Replaced:
            return self._outcome_of(assignment, "replaced")
        except Unplayable as error:
            self._log.warning(log_events.GAME_UNPLAYABLE, game_id=assignment.game, why=str(error))
            return self._outcome_of(assignment, "unplayable")
        finally:
            reports.cancel()
            self._report()
        if isinstance(end, HandOver):
            return self._outcome_of(assignment, "handed_over")
        return self._outcome_of(assignment, "finished", end)

    def _resilient(self, primary: EngineSpec) -> ResilientEngine:
        return ResilientEngine(primary, fallback=embedded_spec(), build=self._build)

    def _outcome_of(
        self,
        assignment: Assignment,
        reason: Literal["finished", "replaced", "handed_over", "unplayable"],
        finish: Finish | None = None,
    ) -> Outcome:
        return Outcome(
            name=self._config.name,
            game=assignment.game,
            epoch=assignment.epoch,
            reason=reason,
            status=finish.status if finish else "",
            result=self._telemetry.result_of(finish) if finish else "",
        )

    def _remember_sender(self, message: Packed) -> None:
        """Keeps the handle of the WorkerSet; a new WorkerSet sends its own until we answer."""
        self._worker_set = WorkerSetClient.of_sender(message) or self._worker_set

    async def _ask_owner(self, assignment: Assignment) -> bool | None:
        """Whether the game is still ours; None when the WorkerSet does not answer.

        Without a WorkerSet no other actor gets the game, so it stays ours. Ray has to report twice
        that the WorkerSet is gone, because Ray restarts one that has just died.
        """
        if self._worker_set is None:
            return None
        claim = Claim(game=assignment.game, actor=self._config.name, epoch=assignment.epoch)
        for _ in range(2):
            try:
                answer = await self._worker_set.owns(claim, LEASE_PATIENCE)
            except ActorGone:
                continue
            except CALL_ERRORS:
                return None
            self._rate_limits.merge(answer.limits)
            return answer.owner
        return True

    async def _report_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(REPORT_EVERY.total_seconds())
            self._report()

    def _report(self) -> None:
        """Sends the counts since the last report, without waiting for an answer."""
        if self._worker_set is not None:
            engine, telemetry = self._engine, self._telemetry
            telemetry.count_engine(engine.restart_count, is_fallback=engine.is_fallback)
            drained = telemetry.drain()
            report = Report(
                sender=self._config.name,
                counts=drained.counts,
                samples=drained.samples,
                limits=self._rate_limits.export(),
            )
            self._worker_set.report_unawaited(report)


def _show_title(title: str) -> None:
    call_own_actor("shown", title, DashboardCall(title=title).pack())
