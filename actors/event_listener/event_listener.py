"""The EventListener holds the account's only event stream and answers challenges.

A detached actor beside the WorkerSet. It passes games on, and decides on challenges by
`crabstick.rules.challenges`. It stores nothing: each new stream repeats all ongoing games and open
challenges, and the WorkerSet knows the rate limits and the stream budget. Listener and WorkerSet
watch each other.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from datetime import timedelta
from random import SystemRandom
from typing import Final

from actors.class_path import sent_by_path
from actors.clients import WORKER_SET, WorkerSetClient
from actors.cluster import Handle, freeze_gc, this_node, without_task_events
from actors.event_listener.arenas import Arenas
from actors.event_listener.challenge_handler import ChallengeHandler
from actors.event_listener.list_keeper import ListKeeper
from actors.event_listener.matchmaker import Matchmaker
from actors.event_listener.outbox import Outbox
from actors.messages import (
    EMPTY,
    ActorConfig,
    GameUpdate,
    ListenerDescription,
    ListenerStatus,
    Order,
    OrderReply,
    Packed,
)
from actors.watchdog import Watchdog, WatchedActor
from crabstick.asyncio_tools import BackgroundTasks, StallDetector
from crabstick.errors import CrabstickError, RateLimited, StreamEnded
from crabstick.lichess.account_client import open_lichess
from crabstick.lichess.interface import LichessPort
from crabstick.rules.lichess_types import (
    Challenge,
    ChallengeEnded,
    ChallengeMade,
    GameFinished,
    GameStarted,
    LichessEvent,
    Unexpected,
)
from crabstick.rules.retry import cool_down
from crabstick.rules.stream_opening_budget import ENTRY, StreamBudget
from crabstick.settings import Settings, read_token
from crabstick.state_file import StateFile
from crabstick.telemetry import log_events
from crabstick.telemetry.logs import bind_process, configure_logging, get_logger

FIRST_LOAD_PATIENCE = timedelta(seconds=8)
"""A WorkerSet that restarts at the same time adopts its actors first, for up to five seconds."""
CLOSING_PATIENCE = timedelta(seconds=3)
CONTESTED: Final = (
    "Lichess ended the event stream soon after each of the last {} openings: somebody else seems "
    "to use this token; let only one bot run with it"
)

draw = SystemRandom().random

Words = Mapping[str, str | int | bool | None]
DoOrder = Callable[[Words], Awaitable[Sequence[str]]]


@sent_by_path("actors.event_listener")
class EventListener:
    """The only reader of the account's event stream.

    Args:
        config: a packed `ActorConfig`.
        manager: the WorkerSet's handle, which stays valid when Ray restarts the WorkerSet.
        lichess: None means the server in the settings.
        worker_set: the WorkerSet for the watchdog; None means Ray's.
    """

    def __init__(
        self,
        config: Packed,
        manager: Handle,
        lichess: LichessPort | None = None,
        worker_set: WatchedActor | None = None,
    ) -> None:
        configure_logging()
        self._config = ActorConfig.read(config)
        bind_process(actor=self._config.name, node=this_node())
        self._settings = Settings.from_message(self._config.settings)
        self._lichess = lichess
        self._log = get_logger(actor=self._config.name)
        self._loop = asyncio.get_running_loop()
        self._started_s = self._loop.time()
        self._last_line_s: float | None = None
        self._stream_budget = StreamBudget()
        self._problem = ""
        self._tasks = BackgroundTasks(self._failed)
        self._outbox = Outbox(
            self._config.name, WorkerSetClient(manager), self._tasks, self._status
        )
        self._rate_limits = self._outbox.rate_limits
        state = StateFile.of(self._settings.lichess.url, self._config.bot)
        self._lists = ListKeeper(self._settings, state)
        self._challenges = ChallengeHandler(
            self._settings, self._config.lacks, self._outbox, self._port, self._lists.standing
        )
        self._matchmaker = Matchmaker(self._challenges, self._lists, state, self._port)
        self._arenas = Arenas(state, self._port)
        self._challenges.make_way = self._matchmaker.make_way
        self._challenges.places_kept = self._arenas.places
        stall = StallDetector(self._loop.time)
        watched = worker_set or WatchedActor(WORKER_SET, self._config.namespace)
        watchdog = Watchdog(WORKER_SET, watched, stall)
        self._tasks.start(self._listen())
        for part in (stall, watchdog, self._outbox, self._lists, self._matchmaker, self._arenas):
            self._tasks.start(part.run())

    @without_task_events
    async def describe(self, _message: Packed) -> Packed:
        """Returns the age of the last line from Lichess (None: no line yet), and any trouble."""
        age_s = None if self._last_line_s is None else self._loop.time() - self._last_line_s
        return ListenerDescription(
            fingerprint=self._config.fingerprint,
            age_s=age_s,
            pid=os.getpid(),
            problem=self._problem,
        ).pack()

    async def order(self, message: Packed) -> Packed:
        """Does what a command of the owner says."""
        order = Order.read(message)
        do = self._orders().get(order.what)
        if do is None:
            return OrderReply(error=f"the running bot does not know {order.what!r}").pack()
        try:
            return OrderReply(lines=tuple(await do(order.words))).pack()
        except CrabstickError as error:
            return OrderReply(error=str(error)).pack()

    def _orders(self) -> Mapping[str, DoOrder]:
        return {
            "why": self._challenges.why,
            "block": self._lists.block,
            "allow": self._lists.allow,
            "unblock": self._lists.unblock,
            "challenge": self._matchmaker.challenge,
            "matchmaking": self._matchmaker.matchmaking,
            "tournament": self._arenas.tournament,
        }

    async def shut_down(self, _message: Packed) -> Packed:
        """Answers no more challenges; returns when the WorkerSet knows the accepted games.

        The caller then kills this actor. Idempotent.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_PATIENCE.total_seconds()):
                await self._challenges.settle()
        return EMPTY

    def _status(self) -> ListenerStatus:
        since_s = self._started_s if self._last_line_s is None else self._last_line_s
        return ListenerStatus(
            age_s=self._loop.time() - since_s,
            problem=self._problem,
            line=tuple(str(each.challenger or "Anonymous") for each in self._challenges.line()),
        )

    async def _listen(self) -> None:
        freeze_gc()
        await self._challenges.ask_load(FIRST_LOAD_PATIENCE)
        debt = self._rate_limits.wait(ENTRY)
        self._stream_budget = self._stream_budget.owing(debt, self._now())
        await self._pause(self._stream_budget.wait(self._now()))
        while True:
            self._count_opening()
            try:
                await self._read_stream()
            except Exception as error:  # noqa: BLE001 -- the listener outlives every stream
                await self._pause_after(error)

    def _count_opening(self) -> None:
        """Counts an opening, and reports it at once, so that the next listener knows of it."""
        self._stream_budget = self._stream_budget.opened(self._now())
        self._rate_limits.note_wait(ENTRY, self._stream_budget.debt(self._now()))
        self._outbox.report_soon()

    async def _read_stream(self) -> None:
        async with aclosing(self._port().events()) as events:
            async for event in events:
                self._last_line_s = self._loop.time()
                if not self._stream_budget.is_contested(self._now()):
                    self._problem = ""
                if event is not None:
                    self._handle(event)

    async def _pause_after(self, error: Exception) -> None:
        if not isinstance(error, CrabstickError):
            self._log.error(log_events.TASK_FAILED, exc_info=error)
        self._stream_budget, pause = self._stream_budget.ended(
            self._now(), draw(), by_lichess=isinstance(error, StreamEnded)
        )
        if isinstance(error, RateLimited):
            self._outbox.limited("event_stream", cool_down(error.retry_after))
        self._outbox.count("crabstick_stream_reconnects_total", "event")
        is_contested = self._stream_budget.is_contested(self._now())
        self._problem = CONTESTED.format(self._stream_budget.cut) if is_contested else str(error)
        failures = self._stream_budget.hasty
        self._log.warning(log_events.STREAM_LOST, why=self._problem, failures=failures, pause=pause)
        await self._pause(pause)

    async def _pause(self, pause: timedelta) -> None:
        """Waits for `pause` and for the rate limit; publishes the budget's wait as a limit."""
        self._rate_limits.note_wait("event_stream", self._stream_budget.wait(self._now()))
        pause = max(pause, self._rate_limits.wait("event_stream"))
        await asyncio.sleep(pause.total_seconds())

    def _handle(self, event: LichessEvent) -> None:
        match event:
            case ChallengeMade(challenge=challenge):
                if self._is_for_us(challenge):
                    self._challenges.made(challenge)
            case ChallengeEnded(id=challenge_id, reason=reason):
                self._challenges.ended(challenge_id)
                self._matchmaker.ended(challenge_id, reason)
            case GameStarted(game=game):
                self._log.info(
                    log_events.GAME_STARTED, game_id=game.id, opponent=str(game.opponent)
                )
                self._arenas.game_started(game)
                is_against_bot = game.opponent.title == "BOT"
                self._matchmaker.game_started(game.id, is_against_bot=is_against_bot)
                if game.bot_playable:
                    self._outbox.game_started(
                        GameUpdate.of(game, self._challenges.game_started(game))
                    )
                else:  # the list of ongoing games must not revive it
                    self._outbox.game_finished(GameUpdate(game=game.id))
            case GameFinished(id=game_id):
                self._challenges.game_finished(game_id)
                self._arenas.game_finished(game_id)
                self._outbox.game_finished(GameUpdate(game=game_id))
            case Unexpected():
                self._log.warning(log_events.LINE_UNEXPECTED, why=event.why)
                self._challenges.unreadable(event.challenge)

    def _is_for_us(self, challenge: Challenge) -> bool:
        """Whether another player challenges us; the stream has our own challenges, too."""
        to = challenge.dest_user
        return to is not None and to.name.lower() == self._config.bot.lower()

    def _port(self) -> LichessPort:
        if self._lichess is None:
            token, url = read_token(self._settings), self._settings.lichess.url
            self._lichess = open_lichess(url, token, self._config.bot)
        return self._lichess

    def _failed(self, error: Exception) -> None:
        self._log.error(log_events.TASK_FAILED, exc_info=error)

    def _now(self) -> timedelta:
        return timedelta(seconds=self._loop.time())
