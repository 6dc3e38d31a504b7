"""The EventListener holds the account's only event stream and answers challenges.

A detached actor beside the WorkerSet. It passes games on, and decides on challenges by
`crabstick.rules.challenges`. It stores nothing: each new stream repeats all ongoing games and open
challenges, and the WorkerSet knows the rate limits and the stream budget. Listener and WorkerSet
watch each other.
"""

import asyncio
import os
from collections import OrderedDict
from contextlib import aclosing, suppress
from datetime import timedelta
from itertools import count
from random import SystemRandom
from typing import Final

from actors.class_path import sent_by_path
from actors.clients import WORKER_SET, WorkerSetClient
from actors.cluster import Handle, freeze_gc, this_node, without_task_events
from actors.event_listener.outbox import Outbox
from actors.messages import (
    EMPTY,
    ActorConfig,
    GameUpdate,
    ListenerDescription,
    ListenerStatus,
    Packed,
)
from actors.watchdog import RayWatchedActor, Watchdog, WatchedActor
from crabstick.asyncio_tools import BackgroundTasks, StallDetector
from crabstick.errors import CrabstickError, LichessError, RateLimited, Refused, StreamEnded
from crabstick.lichess.account_client import open_lichess
from crabstick.lichess.interface import LichessPort
from crabstick.rules.challenges import Accept, Decline, Load, decide
from crabstick.rules.cluster_view import DEFAULT_ENGINE
from crabstick.rules.engine_choice import Traits
from crabstick.rules.lichess_types import (
    BOT_GAMES_KEY,
    Challenge,
    ChallengeEnded,
    ChallengeMade,
    Endpoint,
    GameFinished,
    GameId,
    GameStarted,
    LichessEvent,
    Unexpected,
)
from crabstick.rules.retry import cool_down, next_delay
from crabstick.rules.stream_opening_budget import ENTRY, StreamBudget
from crabstick.settings import Settings, read_token
from crabstick.telemetry import log_events
from crabstick.telemetry.logs import bind_process, configure_logging, get_logger

LOAD_PATIENCE = timedelta(milliseconds=400)
"""Even without the WorkerSet a challenge is answered within a second."""
FIRST_LOAD_PATIENCE = timedelta(seconds=8)
"""A WorkerSet that restarts at the same time adopts its actors first, for up to five seconds."""
CLOSING_PATIENCE = timedelta(seconds=3)
CLOSING_POLL = timedelta(milliseconds=20)
RESERVED_FOR = timedelta(seconds=20)
"""A game that has not begun this long after its challenge was accepted will not begin."""
CONTESTED: Final = (
    "Lichess ended the event stream soon after each of the last {} openings: somebody else seems "
    "to use this token; let only one bot run with it"
)
REMEMBERED: Final = 500

draw = SystemRandom().random


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
        self._policies = self._settings.policies(self._config.lacks)
        self._lichess = lichess
        self._log = get_logger(actor=self._config.name)
        self._loop = asyncio.get_running_loop()
        self._started_s = self._loop.time()
        self._last_line_s: float | None = None
        self._stream_budget = StreamBudget()
        self._problem = ""
        self._games: frozenset[str] = frozenset()
        self._rooms = dict.fromkeys(self._policies, self._settings.challenges.max_games)
        self._may_grow = False
        self._reserved: OrderedDict[GameId, float] = OrderedDict()
        self._challenges: OrderedDict[GameId, Challenge] = OrderedDict()
        self._answered: OrderedDict[GameId, None] = OrderedDict()
        self._answering = 0
        self._asking: asyncio.Future[None] | None = None
        self._is_closing = False
        self._tasks = BackgroundTasks(self._failed)
        self._outbox = Outbox(
            self._config.name, WorkerSetClient(manager), self._tasks, self._status
        )
        self._rate_limits = self._outbox.rate_limits
        stall = StallDetector(self._loop.time)
        watched = worker_set or RayWatchedActor(WORKER_SET, self._config.namespace)
        self._tasks.start(stall.run())
        self._tasks.start(Watchdog(WORKER_SET, watched, stall).run())
        self._tasks.start(self._listen())
        self._tasks.start(self._outbox.run())

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

    async def shut_down(self, _message: Packed) -> Packed:
        """Answers no more challenges; returns when the WorkerSet knows the accepted games.

        The caller then kills this actor. Idempotent.
        """
        self._is_closing = True
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSING_PATIENCE.total_seconds()):
                while self._answering or self._reserved:
                    await asyncio.sleep(CLOSING_POLL.total_seconds())
                    await self._ask_load(LOAD_PATIENCE)
        return EMPTY

    def _status(self) -> ListenerStatus:
        since_s = self._started_s if self._last_line_s is None else self._last_line_s
        return ListenerStatus(age_s=self._loop.time() - since_s, problem=self._problem)

    async def _listen(self) -> None:
        freeze_gc()
        await self._ask_load(FIRST_LOAD_PATIENCE)
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
                is_new = challenge.id not in self._answered
                if is_new and self._is_for_us(challenge) and not self._is_closing:
                    self._remember(challenge)
                    self._tasks.start(self._answer(challenge))
            case ChallengeEnded(id=challenge_id):
                self._reserved.pop(challenge_id, None)
            case GameStarted(game=game):
                self._log.info(
                    log_events.GAME_STARTED, game_id=game.id, opponent=str(game.opponent)
                )
                if not game.bot_playable:  # the list of ongoing games must not revive it
                    self._outbox.game_finished(GameUpdate(game=game.id))
                else:
                    traits = Traits.of_game(game, self._challenges.get(game.id))
                    engine = self._settings.engine_for(traits)
                    self._outbox.game_started(GameUpdate.of(game, engine))
            case GameFinished(id=game_id):
                self._reserved.pop(game_id, None)
                self._games -= {game_id}
                self._outbox.game_finished(GameUpdate(game=game_id))
            case Unexpected(why=why):
                self._log.warning(log_events.LINE_UNEXPECTED, why=why)

    def _is_for_us(self, challenge: Challenge) -> bool:
        """Whether another player challenges us; the stream has our own challenges, too."""
        to = challenge.dest_user
        return to is not None and to.name.lower() == self._config.bot.lower()

    async def _answer(self, challenge: Challenge) -> None:
        self._answering += 1
        try:
            await self._try_to_answer(challenge)
        finally:
            self._answering -= 1

    async def _try_to_answer(self, challenge: Challenge) -> None:
        late_s = self._loop.time() + RESERVED_FOR.total_seconds()
        for attempt in count():
            await asyncio.sleep(self._rate_limits.wait("challenge").total_seconds())
            try:
                verdict = await self._verdict_on(challenge)
                if self._loop.time() > late_s:
                    verdict = Decline(reason="later")  # by now the challenger may have left
                await self._send(challenge.id, verdict)
            except LichessError as error:
                is_late = self._loop.time() > late_s
                if is_late or not await self._may_try_again(challenge.id, error, attempt):
                    break
            else:
                return
        self._reserved.pop(challenge.id, None)
        self._answered.pop(challenge.id, None)  # the next stream repeats an open challenge
        self._outbox.count("crabstick_challenges_total", "failed")

    async def _verdict_on(self, challenge: Challenge) -> Accept | Decline:
        """Decides by the current load, which may change during a long pause between tries."""
        await self._ask_load(LOAD_PATIENCE)
        self._reserved.pop(challenge.id, None)
        engine = self._settings.engine_for(Traits.of_challenge(challenge))
        verdict = decide(challenge, self._policies[engine], self._load(engine))
        if isinstance(verdict, Accept):
            self._reserved[challenge.id] = self._loop.time() + RESERVED_FOR.total_seconds()
        return verdict

    async def _may_try_again(self, challenge_id: GameId, error: LichessError, attempt: int) -> bool:
        """Waits before the next try; returns False when there is none."""
        self._log.warning(log_events.CHALLENGE_UNANSWERED, game_id=challenge_id, why=str(error))
        if isinstance(error, RateLimited):
            endpoint: Endpoint = "bot_game" if error.key == BOT_GAMES_KEY else "challenge"
            self._outbox.limited(endpoint, cool_down(error.retry_after))
        if isinstance(error, Refused):
            return False  # cancelled meanwhile, or accepted and only the answer was lost
        if not isinstance(error, RateLimited):
            await asyncio.sleep(next_delay(attempt, draw()).total_seconds())
        return True

    async def _send(self, challenge_id: GameId, verdict: Accept | Decline) -> None:
        match verdict:
            case Accept():
                await self._port().accept(challenge_id)
                self._outbox.count("crabstick_challenges_total", "accepted")
                self._log.info(log_events.CHALLENGE_ACCEPTED, game_id=challenge_id)
            case Decline(reason=reason, wants_room=wants_room):
                if wants_room:
                    self._outbox.ask_for_room()
                await self._port().decline(challenge_id, reason)
                self._outbox.count("crabstick_challenges_total", reason)
                self._log.info(log_events.CHALLENGE_DECLINED, game_id=challenge_id, reason=reason)

    def _load(self, engine: str) -> Load:
        """The load for one engine as last known, with the challenges accepted since."""
        to_come = self._reserved.keys() - self._games
        return Load(
            games=len(self._games) + len(to_come),
            has_room=self._rooms[engine] > len(to_come),
            may_grow=self._may_grow,
            may_play_bots=not self._rate_limits.wait("bot_game"),
        )

    async def _ask_load(self, patience: timedelta) -> None:
        """Asks the WorkerSet for its load; without an answer the last load stands.

        Challenges that come at once share one answer.
        """
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._load_now(patience))
        await asyncio.shield(self._asking)

    async def _load_now(self, patience: timedelta) -> None:
        self._asking = None  # a later challenge may come from a game that ends only now
        load = await self._outbox.load(patience)
        if load is None:
            return
        self._games, self._may_grow = frozenset(load.games), load.may_grow
        self._rooms |= {DEFAULT_ENGINE: load.room, **load.rooms}
        now_s = self._loop.time()
        for challenge_id, until_s in list(self._reserved.items()):
            if until_s < now_s or challenge_id in self._games:
                del self._reserved[challenge_id]

    def _port(self) -> LichessPort:
        if self._lichess is None:
            token, url = read_token(self._settings), self._settings.lichess.url
            self._lichess = open_lichess(url, token, self._config.bot)
        return self._lichess

    def _remember(self, challenge: Challenge) -> None:
        self._answered[challenge.id] = None
        self._challenges[challenge.id] = challenge  # gameStart does not carry all of it
        for remembered in (self._answered, self._challenges):
            if len(remembered) > REMEMBERED:
                remembered.popitem(last=False)

    def _failed(self, error: Exception) -> None:
        self._log.error(log_events.TASK_FAILED, exc_info=error)

    def _now(self) -> timedelta:
        return timedelta(seconds=self._loop.time())
