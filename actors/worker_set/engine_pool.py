"""Carries out what `placement.plan` decides about EngineActors, and watches over them.

Each actor has one supervising task (its pending `outcome` call: a death is told in milliseconds)
and one that pings it while it plays. What is decided is written into the registry at once; what
comes of it wakes the WorkerSet's loop.
"""

import asyncio
import secrets
from collections.abc import Callable, Coroutine
from datetime import timedelta

from actors.cluster import ActorFailed, ActorGone, ActorSilent, Runtime
from actors.messages import (
    EMPTY,
    ActorConfig,
    Assignment,
    Description,
    HandOverRequest,
    Outcome,
    Packed,
    ResyncRequest,
    WrongProtocol,
)
from actors.names import RING, engine_actor_name, next_serial
from actors.worker_set.registry import EngineRecord, Registry
from crabstick.game.background_tasks import BackgroundTasks
from crabstick.rules.cluster_view import ActorPhase
from crabstick.rules.model import ActorName, GameId, NodeId
from crabstick.rules.retry import next_delay
from crabstick.telemetry import names
from crabstick.telemetry.logs import get_logger
from crabstick.telemetry.metrics import Ledger

__all__ = ["EnginePool"]

START_PATIENCE = timedelta(minutes=15)
"""A new node may have to be bought first."""
ASSIGN_PATIENCE = timedelta(seconds=3)
ADOPT_PATIENCE = timedelta(seconds=5)
"""The first tick waits this long for actors to say what they play; later ones come in later."""
PING_EVERY = timedelta(seconds=1)
PING_PATIENCE = timedelta(seconds=10)
PAUSE_AFTER_PROBLEM = timedelta(seconds=5)
STEADY = 0.5
"""The draw for pauses in which nobody else has to be considered."""
EMBEDDED_FROM_DEATH = 2
"""Two actors that died over a game may have died of their engine."""
EMBEDDED_FROM_SILENCE = 5
"""So many that fell silent are no hiccups of a busy machine any more."""
LOST_ON_TIME = frozenset({"outoftime", "timeout"})
"""Source: Lichess's status names; `timeout` is a player who was away for too long."""
LOST_AS = {
    ActorPhase.STARTING: "starting",
    ActorPhase.STANDBY: "standby",
    ActorPhase.PLAYING: "busy",
}
"""How the metrics call what a lost actor did."""


class EnginePool:
    """The EngineActors of one bot.

    `now` is monotonic; `wake` makes the WorkerSet look at the world again.
    """

    def __init__(
        self,
        runtime: Runtime,
        registry: Registry,
        ledger: Ledger,
        *,
        now: Callable[[], timedelta],
        wake: Callable[[], None],
    ) -> None:
        self._runtime = runtime
        self._registry = registry
        self._ledger = ledger
        self._now = now
        self._wake = wake
        self._tasks = BackgroundTasks(self._surprised)
        self._unsettled: set[asyncio.Task[None]] = set()
        self._stillborn = 0
        self._serial = secrets.randbelow(RING)  # not the names of who has just died
        self._log = get_logger()
        self.problem = ""
        self.no_spawn_before: timedelta | None = None

    @property
    def is_held(self) -> bool:
        """Whether no actor shall be made just now: some did not start."""
        return self.no_spawn_before is not None and self._now() < self.no_spawn_before

    # What the plan asks for.

    def spawn(self, config: ActorConfig, node: NodeId | None) -> None:
        """Starts an actor; it is a standby as soon as it says so."""
        self._serial = next_serial(self._serial, self._registry.members)
        name = engine_actor_name(str(self._serial))
        member = self._registry.enter(name, self._now(), node)
        message = config.model_copy(update={"name": name}).pack()
        self._soon_settled(self._spawn(member, message, node))

    def assign(self, game: GameId, name: ActorName) -> None:
        """Hands the game to a standby."""
        before = self._registry.owner_of(game)
        member = self._registry.assign(game, name, self._now())
        if before is not None and before.is_suspect:
            self._count_takeover(member, why="the actor before is silent or cannot leave")
        self._soon_settled(self._assign(member))

    def hand_over(self, name: ActorName, within: timedelta) -> None:
        """Tells an actor to leave its game between two moves, `within` at the latest."""
        member = self._registry.members[name]
        member.leave_by = self._now() + within
        within_s = within.total_seconds()
        self._log.info(names.GAME_LEAVING, actor=name, game_id=member.game, within_s=within_s)
        self._tasks.start(self._tell_to_leave(member, HandOverRequest(within_s=within_s)))

    def look(self, game: GameId, *, is_our_turn: bool) -> None:
        """Lichess tells whose turn it is: an actor that has missed that shall look for itself."""
        member = self._registry.owner_of(game)
        if self._registry.is_behind(game, is_our_turn=is_our_turn) and member is not None:
            self._tasks.start(self._tell_to_look(member, ResyncRequest(ply=member.progress.ply)))

    def kill(self, name: ActorName) -> None:
        """Ends an actor and forgets it."""
        self._registry.members.pop(name, None)
        self._soon_settled(self._kill(name))

    async def adopt(self) -> None:
        """Takes over every EngineActor that lives, whoever made it."""
        living = await self._runtime.living()
        members = [
            self._registry.enter(name, self._now())
            for name in living
            if name not in self._registry.members
        ]
        adoptions = [self._tasks.start(self._adopt(member)) for member in members]
        if adoptions:
            await asyncio.wait(adoptions, timeout=ADOPT_PATIENCE.total_seconds())

    async def settle(self) -> None:
        """Returns when nothing is on its way: no actor made or killed, no game given."""
        while self._unsettled:
            await asyncio.gather(*self._unsettled, return_exceptions=True)

    # How it is done.

    async def _spawn(self, member: EngineRecord, config: Packed, node: NodeId | None) -> None:
        try:
            await self._runtime.spawn(member.name, config, node)
        except (ActorSilent, ActorFailed) as error:
            self._lost(member, str(error))
            return
        if not self._is_ours(member):  # killed before there was anything to kill
            await self._kill(member.name)
            return
        self._log.info(names.ACTOR_SPAWNED, actor=member.name, on_node=node)
        self._tasks.start(self._supervise(member))
        self._tasks.start(self._introduce(member, START_PATIENCE))

    async def _adopt(self, member: EngineRecord) -> None:
        member.is_adopted = True
        self._tasks.start(self._supervise(member))
        await self._introduce(member, PING_PATIENCE)
        if member.phase is ActorPhase.PLAYING:
            self._log.info(names.ACTOR_ADOPTED, actor=member.name, game_id=member.game)
            self._tasks.start(self._watch(member))

    async def _introduce(self, member: EngineRecord, patience: timedelta) -> None:
        if not await self._describe(member, patience):
            if member.node is None and self._now() - member.since >= patience:
                self.kill(member.name)  # no node came for it; whoever is still wanted is made anew
                self._wake()
            else:
                self._lost(member, "it never said who it is")
            return
        self._stillborn, self.no_spawn_before = 0, None
        if member.phase is ActorPhase.ENDING:
            self.kill(member.name)
        elif member.problem:
            self.problem = member.problem
            self.no_spawn_before = self._now() + PAUSE_AFTER_PROBLEM
            self._log.error(names.ACTOR_USELESS, actor=member.name, why=member.problem)
            if not (member.lacks_engine and self._registry.is_any_abandoned()):
                self._ledger.inc("crabstick_actors_lost_total", "useless")
                self.kill(member.name)
        else:
            self.problem = ""
        self._wake()

    async def _describe(self, member: EngineRecord, patience: timedelta) -> bool:
        """Whether the actor answered; only a living one that says nothing is an open question."""
        try:
            answer = await self._runtime.call(member.name, "describe", EMPTY, patience=patience)
            self._registry.hear_from(member, Description.read(answer), self._now())
        except (ActorGone, ActorFailed, ActorSilent, WrongProtocol) as error:
            self._log.warning(names.ACTOR_SILENT, actor=member.name, why=str(error))
            return False
        return True

    async def _assign(self, member: EngineRecord) -> None:
        game = self._registry.games.get(member.game) if member.game else None
        if game is None:  # over before anybody could say so
            self.kill(member.name)
            self._wake()
            return
        is_embedded = (
            member.lacks_engine
            or game.deaths >= EMBEDDED_FROM_DEATH
            or game.takeovers - game.deaths >= EMBEDDED_FROM_SILENCE
        )
        assignment = Assignment(
            game=game.id,
            epoch=member.epoch,
            takeovers=game.takeovers,
            deaths=game.deaths,
            engine="embedded" if is_embedded else "own",
            limits=self._registry.board.export(),
        )
        try:
            answer = await self._runtime.call(
                member.name, "assign", assignment.pack(), patience=ASSIGN_PATIENCE
            )
            is_taken = not (isinstance(answer, dict) and answer.get("taken") is False)
            why = "it plays another game"
        except (ActorGone, ActorFailed, ActorSilent) as error:
            is_taken, why = False, str(error)
        if not is_taken:
            self._log.warning(names.ACTOR_LOST, actor=member.name, why=why)
            self._ledger.inc("crabstick_actors_lost_total", "busy")
            self.kill(member.name)
            self._wake()
            return
        self._log.info(names.GAME_ASSIGNED, game_id=game.id, actor=member.name, epoch=member.epoch)
        self._tasks.start(self._watch(member))

    async def _tell_to_leave(self, member: EngineRecord, order: HandOverRequest) -> None:
        """A lost order is given again; who cannot obey, being of older code, is replaced."""
        try:
            await self._runtime.call(member.name, "leave", order.pack(), patience=ASSIGN_PATIENCE)
        except (ActorGone, ActorFailed, ActorSilent) as error:
            member.leave_by = None
            member.is_suspect = isinstance(error, ActorFailed)
            self._log.warning(names.ACTOR_SILENT, actor=member.name, why=str(error))
            if member.is_suspect:
                self._wake()

    async def _tell_to_look(self, member: EngineRecord, order: ResyncRequest) -> None:
        try:
            await self._runtime.call(member.name, "look", order.pack(), patience=ASSIGN_PATIENCE)
        except (ActorGone, ActorFailed, ActorSilent) as error:
            self._log.warning(names.ACTOR_SILENT, actor=member.name, why=str(error))

    async def _watch(self, member: EngineRecord) -> None:
        """Pings a busy actor; one that stays silent is for `suspicion` to judge."""
        while self._is_ours(member) and member.phase is ActorPhase.PLAYING:
            await self._describe(member, PING_PATIENCE)
            await asyncio.sleep(PING_EVERY.total_seconds())

    async def _supervise(self, member: EngineRecord) -> None:
        try:
            outcome = Outcome.read(await self._runtime.outcome(member.name))
        except (ActorGone, ActorFailed, WrongProtocol) as error:
            self._lost(member, str(error))
        else:
            self._ended(member, outcome)

    def _ended(self, member: EngineRecord, outcome: Outcome) -> None:
        """The actor is done with its game."""
        if not self._is_ours(member):
            return
        game = self._registry.games.get(member.game) if member.game else None
        if game is not None and outcome.reason in {"finished", "unplayable"}:
            self._registry.end(game.id)
            self._ledger.inc("crabstick_games_finished_total", outcome.result or "aborted")
            if outcome.result == "lost" and outcome.status in LOST_ON_TIME:
                self._ledger.inc("crabstick_games_lost_on_time_total")
            self._log.info(
                names.GAME_FINISHED,
                game_id=game.id,
                actor=member.name,
                status=outcome.status,
                result=outcome.result,
                takeovers=game.takeovers,
            )
        if outcome.reason == "handed_over":
            self._ledger.inc("crabstick_handovers_total")
            self._log.info(names.GAME_HANDED_OVER, game_id=member.game, actor=member.name)
        self.kill(member.name)
        self._wake()

    def _lost(self, member: EngineRecord, why: str) -> None:
        if not self._is_ours(member):
            return
        self._log.warning(names.ACTOR_LOST, actor=member.name, game_id=member.game, why=why)
        self._registry.doubt(member, self._now())
        if member.phase in LOST_AS:
            self._ledger.inc("crabstick_actors_lost_total", LOST_AS[member.phase])
        if member.game is not None and self._registry.owner_of(member.game) is member:
            self._count_takeover(member, why, is_death=not member.is_suspect)
        if member.phase is ActorPhase.STARTING and not self.is_held:
            self.no_spawn_before = self._now() + next_delay(self._stillborn, STEADY)
            self._stillborn += 1
        self.kill(member.name)
        self._wake()

    def _count_takeover(self, member: EngineRecord, why: str, *, is_death: bool = False) -> None:
        game = self._registry.games.get(member.game) if member.game else None
        if game is not None:
            game.takeovers += 1
            game.deaths += is_death
            self._ledger.inc("crabstick_takeovers_total")
            self._log.warning(
                names.GAME_TAKEN_OVER, game_id=game.id, takeovers=game.takeovers, why=why
            )

    def _is_ours(self, member: EngineRecord) -> bool:
        return self._registry.members.get(member.name) is member

    async def _kill(self, name: ActorName) -> None:
        try:
            await self._runtime.kill(name)
        except (ActorSilent, ActorFailed) as error:
            self._log.warning(names.ACTOR_SILENT, actor=name, why=str(error))

    def _soon_settled(self, work: Coroutine[object, None, None]) -> None:
        task = self._tasks.start(work)
        self._unsettled.add(task)
        task.add_done_callback(self._unsettled.discard)

    def _surprised(self, error: Exception) -> None:
        self._log.error(names.TASK_FAILED, exc_info=error)
        self._wake()
