"""An EngineActor plays one game after another; between games it stands by, warm.

It ends when it has played `cluster.games_per_actor` games, when its engine failed, when its process
has grown, or when the WorkerSet kills it because its slot or its code are no longer wanted.

The actor is detached and keeps its name. Ray never restarts it: the WorkerSet gives its game to a
standby sooner than Ray could. While the actor plays it does not call Ray's GCS, and between a
stream line and the move it waits for no other actor.

This module imports nothing heavy (no ray.serve, no fastapi, no numpy), which each idle actor would
hold in memory.
"""

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import timedelta
from random import SystemRandom
from typing import Literal

from actors.class_path import sent_by_path
from actors.cluster import (
    ActorError,
    call_own_actor,
    freeze_gc,
    in_gcs_thread,
    kill_own_actor,
    read_nodes,
    this_node,
    without_task_events,
)
from actors.engine_actor.self_report import DashboardTitle, ManagerLink, ProcessSize
from actors.messages import (
    EMPTY,
    ActorConfig,
    Assigned,
    Assignment,
    DashboardCall,
    Description,
    GaveUp,
    HandOverRequest,
    Outcome,
    Packed,
    Progress,
    ResyncRequest,
)
from crabstick.errors import CrabstickError
from crabstick.game.context import GameContext, Lease, PlaySettings, Replaced
from crabstick.game.game_telemetry import GameTelemetry
from crabstick.game.move_sources import MoveSources
from crabstick.game.player import Player
from crabstick.game.stream import Unplayable
from crabstick.lichess.game_client import open_games
from crabstick.lichess.interface import GamesPort
from crabstick.rules.cluster_view import ActorPhase, LifeEvent, next_phase
from crabstick.rules.engine_choice import about
from crabstick.rules.game_events import Finish, HandOver
from crabstick.rules.lichess_types import GameId, Posted
from crabstick.settings import Settings, read_token
from crabstick.telemetry import log_events
from crabstick.telemetry.logs import (
    bind_process,
    configure_logging,
    get_logger,
    unbind_process,
)
from engine.errors import EngineError
from engine.interface import EngineProcess, EngineSpec, bundled_spec
from engine.resilient import ResilientEngine
from engine.uci_engine import UciEngine

ALONE_FOR = timedelta(seconds=10)
"""After its game an actor ends unless a WorkerSet supervises it again within this time."""
KILL_GRACE = timedelta(seconds=3)
"""After its game an actor waits this long for the WorkerSet to kill it, then ends itself."""


@sent_by_path("actors.engine_actor")
class EngineActor:
    """One game at a time, one stream, one engine process.

    Args:
        config: a packed `ActorConfig`.
        games: None means the server in the settings.
        build: makes an engine without starting it.
    """

    def __init__(
        self,
        config: Packed,
        games: GamesPort | None = None,
        build: Callable[[EngineSpec], EngineProcess] = UciEngine,
    ) -> None:
        configure_logging()
        self._config = ActorConfig.read(config)
        bind_process(actor=self._config.name, node=this_node(), engine=self._config.engine)
        self._settings = Settings.from_message(self._config.settings)
        mine = self._settings.engine_of(self._config.engine)
        self._play_settings = PlaySettings(
            bot=self._config.bot,
            limits=mine.limits.bounds(),
            overhead=mine.move_overhead,
            abort_after=self._settings.game.abort_after,
            draw=SystemRandom().random,
            min_move_time=timedelta(milliseconds=self._settings.game.min_move_time_ms),
            adjudication=self._settings.adjudication(),
            position_of=lambda game: self._settings.position_of(game, self._config.engine),
        )
        self._loop = asyncio.get_running_loop()
        self._log = get_logger(actor=self._config.name)
        self._phase = ActorPhase.STARTING
        self._problem = ""
        self._lacks_engine = False
        self._assignment: Assignment | None = None
        self._title = DashboardTitle(_show_title)
        self._player: Player | None = None
        self._leave_within: timedelta | None = None
        self._played: set[tuple[str, int]] = set()
        self._games = games
        self._build = build
        self._sources: MoveSources | None = None
        engine = self._resilient(self._settings.engine_spec(self._config.engine))
        self._link = ManagerLink(self._config.name, self._loop.time, engine)
        self._outcome: asyncio.Future[Outcome] = self._loop.create_future()
        self._assigned: asyncio.Future[Assignment] = self._loop.create_future()
        self._size = ProcessSize.now()
        self._warm: asyncio.Future[None] = self._loop.create_future()
        self._supervised = asyncio.Event()
        self._main = self._loop.create_task(self._live())

    # Remote methods; see `actors.clients`.

    @without_task_events
    async def describe(self, message: Packed) -> Packed:
        """Returns what this actor does, as soon as it is warm. Also the ping."""
        self._link.remember_sender(message)
        await asyncio.shield(self._warm)
        mine = self._assignment
        return Description(
            name=self._config.name,
            node=this_node(),
            pid=os.getpid(),
            fingerprint=self._config.fingerprint,
            phase=self._phase.value,
            engine=self._config.engine,
            game=mine.game if mine else None,
            epoch=mine.epoch if mine else 0,
            takeovers=mine.takeovers if mine else 0,
            deaths=mine.deaths if mine else 0,
            problem=self._problem,
            lacks_engine=self._lacks_engine,
            progress=Progress(**asdict(self._link.telemetry.progress)),
            limits=self._link.rate_limits.export(),
        ).pack()

    async def assign(self, message: Packed) -> Packed:
        """Takes a game and returns at once. Idempotent; refuses a second game, and an old one."""
        self._link.remember_sender(message)
        assignment = Assignment.read(message)
        self._link.rate_limits.merge(assignment.limits)
        if (assignment.game, assignment.epoch) in self._played:
            return Assigned(taken=False).pack()
        if self._assignment is None:
            self._assignment = assignment
            self._enter(LifeEvent.ASSIGNED)
            bind_process(game_id=assignment.game, epoch=assignment.epoch)
            self._assigned.set_result(assignment)
            self._supervised.set()
        return Assigned(taken=self._assignment.game == assignment.game).pack()

    async def leave(self, message: Packed) -> Packed:
        """Hands the game over between two moves and ends; the end makes `outcome` return.

        Idempotent; of several requests the most urgent one holds.
        """
        self._link.remember_sender(message)
        request = HandOverRequest.read(message)
        within = timedelta(seconds=request.within_s)
        if not self._is_about_my_game(request.game):
            return EMPTY
        if self._player is None:
            before = self._leave_within  # `_play` has not begun yet
            self._leave_within = within if before is None else min(before, within)
        else:
            self._player.hand_over(within)
        return EMPTY

    async def look(self, message: Packed) -> Packed:
        """Reopens the game stream if this actor still waits at the given ply."""
        self._link.remember_sender(message)
        request = ResyncRequest.read(message)
        if self._player is not None and self._is_about_my_game(request.game):
            self._player.resync(request.ply)
        return EMPTY

    async def outcome(self, _message: Packed) -> Packed:
        """Returns when the next game ends for this actor: the supervising call."""
        self._supervised.set()
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
            while self._may_stay(outcome):
                self._release(outcome)
                await self._link.engine.new_game()
                if not await self._is_supervised():
                    self._log.info(log_events.ACTOR_ALONE)
                    break
                outcome = await self._play(await self._assigned)
            else:
                if outcome.reason == "finished":  # no successor waits; the kill may come at once
                    await self._link.engine.close()
                self._outcome.set_result(outcome)
        except Exception as error:  # noqa: BLE001 -- the supervisor gets every error
            self._log.exception(log_events.ACTOR_FAILED)
            self._outcome.set_exception(CrabstickError(f"{type(error).__name__}: {error}"))
        self._enter(LifeEvent.DONE)
        await self._link.engine.close()
        await asyncio.sleep(KILL_GRACE.total_seconds())
        await asyncio.to_thread(kill_own_actor)

    async def _get_ready(self) -> None:
        """Starts the engine and opens a connection; failures become `problem`."""
        try:
            if self._games is None:
                token = read_token(self._settings)
                self._games = open_games(self._settings.lichess.url, token, self._config.bot)
            await self._link.engine.open()
            self._sources = await asyncio.to_thread(
                MoveSources.open, self._settings, self._config.engine, self._config.bot
            )
            if self._settings.engine_of(self._config.engine).ponder:
                self._play_settings = replace(self._play_settings, ponder=await self._may_ponder())
            await self._games.warm()
        except (CrabstickError, EngineError) as error:
            words = about(self._config.engine, str(error))
            self._problem = f"node {this_node()[:8]}: {words}"
            self._lacks_engine = isinstance(error, EngineError)
        self._enter(LifeEvent.WARM)
        freeze_gc()
        self._size = ProcessSize.now()
        self._warm.set_result(None)

    async def _may_ponder(self) -> bool:
        name, settings = self._config.engine, self._settings
        with suppress(ActorError):
            nodes = await in_gcs_thread(read_nodes)
            here = next((node for node in nodes if node.id == this_node()), None)
            return here is not None and settings.may_ponder(name, here.cpus, here.cores)
        return False

    async def _is_supervised(self) -> bool:
        """Whether a WorkerSet asks for the next outcome or gives a game, within `ALONE_FOR`."""
        with suppress(TimeoutError):
            async with asyncio.timeout(ALONE_FOR.total_seconds()):
                return await self._supervised.wait()
        return False

    def _may_stay(self, outcome: Outcome) -> bool:
        """Whether this actor can play another game; the WorkerSet may still end it."""
        return (
            outcome.reason in {"finished", "unplayable"}
            and self._assignment is not None
            and self._assignment.engine == "own"
            and self._link.engine.is_well
            and len(self._played) + 1 < self._settings.cluster.games_per_actor
            and not ProcessSize.now().has_outgrown(self._size)
        )

    def _release(self, outcome: Outcome) -> None:
        """Makes this actor a standby again, and tells the outcome of its game."""
        told, self._outcome = self._outcome, self._loop.create_future()
        self._supervised.clear()
        self._assigned = self._loop.create_future()
        self._assignment = self._player = self._leave_within = None
        self._played.add((outcome.game or "", outcome.epoch))
        self._link.telemetry = GameTelemetry()
        unbind_process("game_id", "epoch")
        self._enter(LifeEvent.RELEASED)
        told.set_result(outcome.model_copy(update={"stays": True}))

    async def _play(self, assignment: Assignment) -> Outcome:
        if self._games is None:
            raise CrabstickError(self._problem)
        self._link.telemetry = GameTelemetry(game=assignment.game, show_title=self._title.set)
        settings = self._play_settings
        if assignment.engine == "embedded":
            await self._link.engine.close()
            self._link.engine = self._resilient(bundled_spec())
            settings = replace(settings, position_of=lambda _: None)
        context = GameContext(
            self._games.game(GameId(assignment.game)),
            Lease(lambda: self._link.ask_owner(assignment), self._loop.time),
            settings,
            self._link.rate_limits,
            self._link.telemetry,
        )
        self._player = Player(context, self._link.engine, self._sources)
        if self._leave_within is not None:
            self._player.hand_over(self._leave_within)
        reports = self._loop.create_task(self._link.report_now_and_then())
        try:
            end = await self._player.play()
        except Replaced:
            return self._outcome_of(assignment, "replaced")
        except Unplayable as error:
            self._log.warning(log_events.GAME_UNPLAYABLE, game_id=assignment.game, why=str(error))
            return self._outcome_of(assignment, "unplayable")
        finally:
            reports.cancel()
            self._link.report()
        if isinstance(end, HandOver):
            return self._outcome_of(assignment, "handed_over")
        return self._outcome_of(assignment, "finished", end)

    def _resilient(self, primary: EngineSpec) -> ResilientEngine:
        return ResilientEngine(primary, fallback=bundled_spec(), build=self._build)

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
            result=self._link.telemetry.result_of(finish) if finish else "",
        )

    def _is_about_my_game(self, game: str | None) -> bool:
        """Whether a message is about the present game; one without a game always is."""
        return game is None or (self._assignment is not None and self._assignment.game == game)


def _show_title(title: str) -> None:
    call_own_actor("shown", title, DashboardCall(title=title).pack())
