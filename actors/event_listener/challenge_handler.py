"""Answers challenges: by `crabstick.rules.challenges`, now, or when a game has ended.

Stores nothing that the next event stream does not repeat: ongoing games and open challenges.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import count
from random import SystemRandom
from typing import Final

from actors.event_listener.outbox import Outbox
from crabstick.asyncio_tools import BackgroundTasks
from crabstick.errors import LichessError, RateLimited, Refused
from crabstick.lichess.interface import LichessPort
from crabstick.rules.challenges import (
    Accept,
    Decline,
    Load,
    Running,
    Standing,
    decide,
    objection,
)
from crabstick.rules.cluster_view import DEFAULT_ENGINE
from crabstick.rules.engine_choice import Traits
from crabstick.rules.lichess_types import (
    BOT_GAMES_KEY,
    Challenge,
    Endpoint,
    GameId,
    GameSummary,
)
from crabstick.rules.retry import cool_down, next_delay
from crabstick.rules.waiting_line import in_order, outdated_by
from crabstick.settings import Settings
from crabstick.telemetry import log_events
from crabstick.telemetry.logs import get_logger

LOAD_PATIENCE = timedelta(milliseconds=400)
"""Even without the WorkerSet a challenge is answered within a second."""
RESERVED_FOR = timedelta(seconds=20)
"""A game that has not begun this long after its challenge was accepted will not begin."""
RECHECK_LINE = timedelta(seconds=1)
"""A place may also be freed by a node that comes."""
REMEMBERED: Final = 500
ANSWERS_KEPT: Final = 50
CLOSING_POLL = timedelta(milliseconds=20)

draw = SystemRandom().random


class ChallengeHandler:
    """All challenges to the bot; needs a running event loop.

    Args:
        settings: of the bot.
        lacks: the variants that an engine does not play, by its name.
        outbox: the way to the WorkerSet.
        port: opens Lichess when it is first needed.
        standing: what the lists say of a player.
    """

    def __init__(
        self,
        settings: Settings,
        lacks: Mapping[str, Collection[str]],
        outbox: Outbox,
        port: Callable[[], LichessPort],
        standing: Callable[[str], Standing],
    ) -> None:
        self.settings = settings
        self._policies = settings.policies(lacks)
        self._limits = settings.challenges.limits()
        self.outbox = outbox
        self._rate_limits = outbox.rate_limits
        self._port = port
        self._standing = standing
        self._log = get_logger()
        self._loop = asyncio.get_running_loop()
        self._games: frozenset[str] = frozenset()
        self._rooms = dict.fromkeys(settings.demands(), settings.challenges.max_games)
        self._growing: frozenset[str] = frozenset()
        self._reserved: OrderedDict[GameId, float] = OrderedDict()
        self._known: OrderedDict[GameId, Running] = OrderedDict()
        self._offers: OrderedDict[GameId, Challenge] = OrderedDict()
        self._waiting: dict[GameId, Challenge] = {}
        self._accepted: deque[tuple[float, str]] = deque(maxlen=REMEMBERED)
        self._moved_up = asyncio.Event()
        self._asking: asyncio.Future[None] | None = None
        self._answering = 0
        self.tasks = BackgroundTasks(self._failed)
        self._answers: deque[str] = deque(maxlen=ANSWERS_KEPT)
        self.is_closing = False
        self.places_kept: Callable[[], int] = int
        """How many places the next games of tournaments need."""
        self.make_way: Callable[[], Awaitable[bool]] = _nothing_to_withdraw

    def reserve(self, game_id: GameId, opponent: str, speed: str) -> None:
        """Keeps a place for the game that may come of our own challenge."""
        self._remember(game_id, opponent, speed)
        self._reserved[game_id] = self._loop.time() + RESERVED_FOR.total_seconds()

    def made(self, challenge: Challenge) -> None:
        """Answers a challenge in the background, once."""
        if challenge.id in self._known or self.is_closing:
            return
        self._remember(challenge.id, challenge.challenger_id, challenge.speed)
        self._offers[challenge.id] = challenge  # gameStart does not carry all of it
        for older in outdated_by(challenge, self._waiting.values()):
            self._leave_line(older.id)
        self.tasks.start(self._answer(challenge))

    def unreadable(self, challenge_id: GameId | None) -> None:
        """Declines a challenge that we cannot read, once: the challenger would wait in vain."""
        if challenge_id is not None and challenge_id not in self._known:
            self._remember(challenge_id, "", "")
            self.tasks.start(self._port().decline(challenge_id, "generic"))

    def ended(self, challenge_id: GameId) -> None:
        """The challenge was withdrawn, or declined."""
        self._reserved.pop(challenge_id, None)
        self._leave_line(challenge_id)

    def game_started(self, game: GameSummary) -> str:
        """Takes note of a game; returns the engine that plays it."""
        self._remember(game.id, game.opponent.name.lower(), game.speed)
        return self.settings.engine_for(Traits.of_game(game, self._offers.get(game.id)))

    def game_finished(self, game_id: GameId) -> None:
        """A place is free; the first challenge in line may get it."""
        self._reserved.pop(game_id, None)
        self._games -= {game_id}
        self._moved_up.set()

    async def settle(self) -> None:
        """Returns when every challenge is answered and the WorkerSet knows the accepted games."""
        self.is_closing = True
        for challenge_id in list(self._waiting):
            self._leave_line(challenge_id)
        while self._answering or self._reserved:
            await asyncio.sleep(CLOSING_POLL.total_seconds())
            await self.ask_load(LOAD_PATIENCE)

    async def why(self, words: Mapping[str, object]) -> list[str]:
        """What became of the last challenges, or of one by its id or its player's name."""
        wanted = str(words.get("wanted") or "").lower()
        found = [line for line in self._answers if wanted in line.lower()]
        return found or ["no such challenge was answered lately"]

    def running(self) -> list[Running]:
        """The running games and the accepted challenges, as last known."""
        ids = self._games | self._reserved.keys()
        return [self._known.get(GameId(each), Running()) for each in ids]

    def has_room(self) -> bool:
        """Whether a node has room for one more game with the default engine."""
        return self._rooms[DEFAULT_ENGINE] > len(self._reserved.keys() - self._games)

    def line(self) -> list[Challenge]:
        """The waiting challenges, first in line first."""
        return in_order(self._waiting.values(), self.settings.challenges.prefer)

    async def _answer(self, challenge: Challenge) -> None:
        self._answering += 1
        try:
            await self._try_to_answer(challenge)
        finally:
            self._answering -= 1
            self._waiting.pop(challenge.id, None)

    async def _try_to_answer(self, challenge: Challenge) -> None:
        queue_s = self.settings.challenges.queue_s
        late_s = self._loop.time() + queue_s + RESERVED_FOR.total_seconds()
        for attempt in count():
            await asyncio.sleep(self._rate_limits.wait("challenge").total_seconds())
            try:
                verdict: Accept | Decline | None = await self._verdict_on(challenge)
                if isinstance(verdict, Decline) and verdict.is_full and queue_s and not attempt:
                    verdict = await self._wait_in_line(challenge, verdict)
                if self._loop.time() > late_s:
                    verdict = Decline(reason="later", why="the answer took too long")
                if verdict is not None:  # else it was withdrawn
                    await self._send(challenge, verdict)
            except LichessError as error:
                is_late = self._loop.time() > late_s
                if is_late or not await self._may_try_again(challenge.id, error, attempt):
                    break
            else:
                return
        self._reserved.pop(challenge.id, None)
        self._known.pop(challenge.id, None)  # the next stream repeats an open challenge
        self.outbox.count("crabstick_challenges_total", "failed")

    async def _verdict_on(self, challenge: Challenge) -> Accept | Decline:
        """Decides by the current load, which may change during a long pause between tries."""
        engine = self.settings.engine_for(Traits.of_challenge(challenge))
        policy = self._policies[engine, challenge.is_from_bot]
        objects = objection(challenge, policy, self._standing(challenge.challenger_id))
        if objects is not None:
            return objects
        line = self.line()
        if challenge.id not in self._waiting:
            line = in_order([*line, challenge], self.settings.challenges.prefer)
        if line[0].id != challenge.id:
            return Decline(reason="later", why="others wait for a place", is_full=True)
        await self.ask_load(LOAD_PATIENCE)
        self._reserved.pop(challenge.id, None)
        verdict = decide(challenge, policy, self._limits, self._load(engine, challenge))
        is_full = isinstance(verdict, Decline) and verdict.is_full
        if is_full and not challenge.is_from_bot and await self.make_way():
            verdict = decide(challenge, policy, self._limits, self._load(engine, challenge))
        if isinstance(verdict, Accept):
            self._reserved[challenge.id] = self._loop.time() + RESERVED_FOR.total_seconds()
        return verdict

    async def _wait_in_line(
        self, challenge: Challenge, verdict: Decline
    ) -> Accept | Decline | None:
        """Waits until the challenge can be accepted; None when it is withdrawn."""
        until_s = self._loop.time() + self.settings.challenges.queue_s
        self._waiting[challenge.id] = challenge
        self._log.info(log_events.CHALLENGE_WAITS, game_id=challenge.id, why=verdict.why)
        self.outbox.report_soon()
        while True:
            self._moved_up.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(RECHECK_LINE.total_seconds()):
                    await self._moved_up.wait()
            now = await self._verdict_on(challenge) if challenge.id in self._waiting else None
            if now is None or challenge.id not in self._waiting:
                return None
            if isinstance(now, Accept) or not now.is_full or self._loop.time() > until_s:
                return now

    def _leave_line(self, challenge_id: GameId) -> None:
        if self._waiting.pop(challenge_id, None) is not None:
            self._moved_up.set()

    async def _may_try_again(self, challenge_id: GameId, error: LichessError, attempt: int) -> bool:
        """Waits before the next try; returns False when there is none."""
        self._log.warning(log_events.CHALLENGE_UNANSWERED, game_id=challenge_id, why=str(error))
        if isinstance(error, RateLimited):
            endpoint: Endpoint = "bot_game" if error.key == BOT_GAMES_KEY else "challenge"
            self.outbox.limited(endpoint, cool_down(error.retry_after))
        if isinstance(error, Refused):
            return False  # cancelled meanwhile, or accepted and only the answer was lost
        if not isinstance(error, RateLimited):
            await asyncio.sleep(next_delay(attempt, draw()).total_seconds())
        return True

    async def _send(self, challenge: Challenge, verdict: Accept | Decline) -> None:
        answer = "accepted" if isinstance(verdict, Accept) else verdict.reason
        why = "" if isinstance(verdict, Accept) else verdict.why
        if isinstance(verdict, Accept):
            await self._port().accept(challenge.id)
            self._accepted.append((self._loop.time(), challenge.challenger_id))
            self._log.info(log_events.CHALLENGE_ACCEPTED, game_id=challenge.id)
        else:
            if verdict.wants_room:
                engine = self.settings.engine_for(Traits.of_challenge(challenge))
                self.outbox.ask_for_room(engine)
            await self._port().decline(challenge.id, verdict.reason)
            self._log.info(
                log_events.CHALLENGE_DECLINED, game_id=challenge.id, reason=answer, why=why
            )
        self.outbox.count("crabstick_challenges_total", answer)
        opponent = challenge.challenger or "Anonymous"
        time = f"{datetime.now().astimezone():%H:%M:%S}"
        words = f"{time} {challenge.id} {opponent}: {answer}{f' ({why})' if why else ''}"
        self._answers.append(words)

    def _load(self, engine: str, challenge: Challenge) -> Load:
        """The load for one engine as last known, with the challenges accepted since."""
        to_come = self._reserved.keys() - self._games
        since_s = self._loop.time() - self.settings.challenges.recent_challenge_age_s
        accepted = [name for at_s, name in self._accepted if at_s > since_s]
        return Load(
            games=[*self.running(), *[Running()] * self.places_kept()],
            has_room=self._rooms[engine] > len(to_come),
            may_grow=engine in self._growing,
            may_play_bots=not self._rate_limits.wait("bot_game"),
            recent=accepted.count(challenge.challenger_id),
        )

    async def ask_load(self, patience: timedelta) -> None:
        """Asks the WorkerSet for its load; without an answer the last load stands.

        Challenges that come at once share one answer.
        """
        if self._asking is None:
            self._asking = asyncio.ensure_future(self._load_now(patience))
        await asyncio.shield(self._asking)

    async def _load_now(self, patience: timedelta) -> None:
        self._asking = None  # a later challenge may come from a game that ends only now
        load = await self.outbox.load(patience)
        if load is None:
            return
        self._games = frozenset(load.games)
        self._growing = frozenset([*load.growing, *[DEFAULT_ENGINE] * load.may_grow])
        self._rooms |= {DEFAULT_ENGINE: load.room, **load.rooms}
        now_s = self._loop.time()
        for challenge_id, until_s in list(self._reserved.items()):
            if until_s < now_s or challenge_id in self._games:
                del self._reserved[challenge_id]

    def _remember(self, game_id: GameId, opponent: str, speed: str) -> None:
        self._known[game_id] = Running(opponent=opponent, speed=speed)
        for remembered in (self._known, self._offers):
            if len(remembered) > REMEMBERED:
                remembered.popitem(last=False)

    def _failed(self, error: Exception) -> None:
        self._log.error(log_events.TASK_FAILED, exc_info=error)


async def _nothing_to_withdraw() -> bool:
    return False
