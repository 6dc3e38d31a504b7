"""The WorkerSet: knows all games and EngineActors, and sees that every game has exactly one.

A detached actor with a reconcile loop: observe, `placement.plan`, act. Events (a game starts, an
actor dies) only wake the loop early. It holds nothing that cannot be asked for again: after a
restart it adopts the actors that live, and its first tick is like any other.

A Ray async actor is no mailbox: calls interleave at each `await`, so the roster is read and
written without one in between.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from actors.chores import Chores
from actors.closing import Closing
from actors.crew import Crew
from actors.desk import Desk
from actors.ear import Ear
from actors.elasticity import Elasticity
from actors.engine_actor import EngineActor
from actors.garbage import spare_what_stays
from actors.gauges import Gauges
from actors.limit_board import LimitBoard
from actors.messages import PROTOCOL, Birth, Claim, GameNews, LoadAnswer, Ownership, Packed, Report
from actors.names import EVENT_LISTENER
from actors.nodes import Nodes
from actors.ray_metrics import RayMirror
from actors.roster import Roster
from actors.runtime import RayRuntime, Runtime, this_node, unlisted
from actors.stall import StallWatch
from actors.statistics import statistics
from actors.watchdog import RayWard, Ward, Watchdog
from crabstick.errors import CrabstickError, InvariantBroken
from crabstick.lichess.port import GamesPort, LichessPort
from crabstick.rules.cluster_view import ActorPhase, Capacity
from crabstick.rules.model import ActorName, GameId
from crabstick.rules.placement import Action, Assign, Forfeit, HandOver, Kill, Spawn, plan, room
from crabstick.rules.suspicion import suspects
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
        birth: a packed `Birth`.
        runtime: the cluster; None is Ray's.
        lichess: None is the server in the settings.
        games: where games are forfeited; None is the same server.
        listener: the EventListener, which is watched; None is Ray's.
    """

    def __init__(
        self,
        birth: Packed,
        runtime: Runtime | None = None,
        lichess: LichessPort | None = None,
        games: GamesPort | None = None,
        listener: Ward | None = None,
    ) -> None:
        configure_logging()
        self._birth = Birth.read(birth)
        bind_process(actor=self._birth.name, node=this_node())
        settings = Settings.from_message(self._birth.settings)
        self._elasticity = Elasticity(settings)
        self._runtime = runtime or RayRuntime(EngineActor, self._birth.namespace, settings.cluster)
        self._loop = asyncio.get_running_loop()
        self._board = LimitBoard(self._loop.time)
        self._roster = Roster(board=self._board)
        self._ledger = Ledger()
        self._gauges = Gauges(self._ledger, self._loop.time)
        self._desk = Desk(self._birth, self._board, self._ledger, lichess=lichess, games=games)
        self._ear = Ear(self._loop.time)
        self._mirror = RayMirror()
        self._nodes = Nodes()
        self._wake = asyncio.Event()
        self._adopted = asyncio.Event()
        self._closing = Closing()
        self._stall = StallWatch(self._loop.time)
        self._crew = Crew(
            self._runtime, self._roster, self._ledger, now=self._now, wake=self._wake.set
        )
        self._log = get_logger(actor=self._birth.name)
        self._chores = Chores(lambda error: self._log.error(names.TASK_FAILED, exc_info=error))
        self._chores.start(self._run())
        self._chores.start(self._stall.run())
        ward = listener or RayWard(EVENT_LISTENER, self._birth.namespace)
        self._chores.start(Watchdog(EVENT_LISTENER, ward, self._stall).run())
        self._chores.start(self._every(LOOK_AT_NODES_EVERY, self._look_at_nodes))
        self._chores.start(self._every(ASK_LICHESS_EVERY, self._ask_lichess))

    # What others ask.

    @unlisted
    async def describe(self, _message: Packed) -> Packed:
        """Who runs here: the fingerprint tells `up` whether anything has to change.

        Raises:
            CrabstickError: it was shut down, and waits to be ended.
        """
        if self._closing.is_closed:
            raise CrabstickError("this WorkerSet was shut down")
        return {
            "v": PROTOCOL,
            "fingerprint": self._birth.fingerprint,
            "bot": self._birth.bot,
            "pid": os.getpid(),
        }

    async def game_started(self, message: Packed) -> None:
        """EventListener: a game runs. Idempotent; told again whenever the event stream opens."""
        self._roster.hear_of(GameNews.read(message))
        self._wake.set()

    async def game_finished(self, message: Packed) -> None:
        """EventListener: Lichess says that the game is over. Idempotent."""
        game_id = GameId(GameNews.read(message).game)
        game = self._roster.games.get(game_id)
        if game is None:
            self._roster.end(game_id)  # an older list must not bring it up
        elif game.finished_at is None:
            game.finished_at = self._now()
            self._wake.set()

    async def load(self, _message: Packed) -> Packed:
        """EventListener: may another challenge be accepted? Nobody knows before the adoption."""
        await self._adopted.wait()
        wanted = self._roster.wanted()
        can_start = not self._crew.problem
        return LoadAnswer(
            games=tuple(game.id for game in wanted),
            room=room(
                wanted, self._nodes.observed(self._roster, self._now()), can_actors_start=can_start
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
        return Ownership(owner=self._roster.owns(claim), limits=self._board.pack()).pack()

    @unlisted
    async def report(self, message: Packed) -> None:
        """Anyone: what happened since the last report, and which limits of Lichess hold."""
        report = Report.read(message)
        self._board.hear(report.limits)
        if report.hearing is not None:
            self._ear.hear(report.hearing)
        for metric, label, by in report.counts:
            with suppress(InvariantBroken):  # a newer actor may count what we do not know
                self._ledger.inc(metric, label, by)
        for metric, seconds in report.samples:
            with suppress(InvariantBroken):
                self._ledger.observe(metric, seconds)
                self._mirror.observe(metric, seconds)

    @unlisted
    async def statistics(self, _message: Packed) -> Packed:
        """Everything that `/metrics`, `/games`, `status` and the live table show."""
        self._ledger.set("crabstick_event_stream_age_seconds", self._ear.age_s)
        problem = self._crew.problem or self._elasticity.problem or self._ear.problem
        return statistics(
            self._birth, self._roster, self._nodes.views, self._gauges, problem=problem
        )

    async def shut_down(self, _message: Packed) -> Packed:
        """Ends the standbys; the games stay with their actors, and those without get one first.

        The caller kills this actor afterwards. Idempotent.
        """
        self._closing.begin(self._now())
        for member in self._roster.moving(()):
            self._crew.hand_over(member.name, LEAVES_WHILE_CLOSING)
        self._wake.set()
        await self._closing.wait_well()
        self._closing.close(self._now())
        for member in list(self._roster.members.values()):
            if member.phase is not ActorPhase.PLAYING and not member.is_unheard:
                self._crew.kill(member.name)
        await self._crew.settle()
        return {"v": PROTOCOL, "games": len(self._roster.games)}

    # The loop.

    async def _run(self) -> None:
        await self._adopt()
        spare_what_stays()
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
                await self._crew.adopt()
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
        if self._closing.is_forgotten(now):
            self._log.warning(names.LEFT_ALONE)
            self._closing = Closing()
        if self._closing.is_closed:
            return
        self._suspect(now)
        self._drop_finished(now)
        wanted, shown = self._roster.wanted(), self._nodes.observed(self._roster, self._now())
        if not self._closing.has_begun:  # else nobody is moved for the sake of a node
            shown = self._elasticity.shown(wanted, shown, now)
        for action in plan(wanted, shown, self._capacity(now), now):
            self._carry_out(action)
        if self._closing.has_begun and not self._is_anything_open(now):
            self._closing.all_is_well()

    def _is_anything_open(self, now: timedelta) -> bool:
        """Whether a game has no actor or is to get another, or an actor plays we know not what."""
        draining = self._nodes.draining if self._closing.may_move(now) else ()
        roster = self._roster
        return bool(roster.waiting() or roster.moving(draining) or roster.is_anyone_unheard())

    def _may_grow(self) -> bool:
        return self._elasticity.may_grow and not self._roster.waits_in_vain(self._now())

    def _capacity(self, now: timedelta) -> Capacity:
        """Where actors cannot start one is wanted in any case: it tells when they can again."""
        capacity = self._elasticity.capacity(now)
        if self._closing.has_begun:
            return replace(capacity, standby=0)
        return replace(capacity, standby=max(capacity.standby, int(bool(self._crew.problem))))

    def _carry_out(self, action: Action) -> None:
        match action:
            case Spawn(node=node):
                if not self._crew.is_held:
                    self._crew.spawn(self._birth, node)
            case Assign(game=game, actor=actor):
                self._crew.assign(game, actor)
            case HandOver(actor=actor, within=within):
                self._hand_over(actor, within)
            case Kill(actor=actor):
                self._crew.kill(actor)
            case Forfeit(game=game):
                self._forfeit(game)

    def _hand_over(self, actor: ActorName, within: timedelta) -> None:
        if not self._closing.has_begun:
            self._crew.hand_over(actor, within)
        elif self._closing.may_move(self._now()):
            self._crew.hand_over(actor, min(within, LEAVES_WHILE_CLOSING))

    def _suspect(self, now: timedelta) -> None:
        self._stall.take()
        stalled_s = self._stall.last_stall_s
        own_stall = None if stalled_s is None else timedelta(seconds=stalled_s)
        pulses = self._roster.pulses(self._nodes.healthy)
        for name in suspects(pulses, now=now, own_stall=own_stall):
            member = self._roster.members[name]
            if not member.is_suspect:
                member.is_suspect = True
                self._roster.doubt(member, now)
                self._log.warning(names.ACTOR_SUSPECTED, actor=name, game_id=member.game)

    def _drop_finished(self, now: timedelta) -> None:
        for game in list(self._roster.games.values()):
            if game.finished_at is None:
                continue
            owner = self._roster.owner_of(game.id)
            if owner is not None and now - game.finished_at > FINISHED_GRACE:
                self._crew.kill(owner.name)
                owner = None
            if owner is None:
                self._roster.end(game.id)

    def _forfeit(self, game: GameId) -> None:
        """Resigns a game that has killed too many actors; its last line comes as news."""
        entry = self._roster.end(game)
        if entry is not None:
            self._log.error(names.GAME_FORFEITED, game_id=game, takeovers=entry.takeovers)
            self._chores.start(self._desk.resign(game))

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
        for game in await self._desk.playing():
            await self.game_started(GameNews.of(game).pack())
            self._crew.look(game.id, is_our_turn=game.is_my_turn)

    def _now(self) -> timedelta:
        """The moment on the loop's monotonic clock."""
        return timedelta(seconds=self._loop.time())
