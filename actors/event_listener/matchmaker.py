"""Challenges other bots while places are free: by `crabstick.rules.matchmaking`.

Lives in the EventListener, which hears the answers. The memory is in the bot's state file.
"""

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from random import SystemRandom
from typing import Final

from actors.event_listener.challenge_handler import LOAD_PATIENCE, ChallengeHandler
from actors.event_listener.list_keeper import ListKeeper
from crabstick.errors import ConfigError, CrabstickError, EnvironmentProblem, RateLimited, Refused
from crabstick.lichess.interface import LichessPort
from crabstick.rules.lichess_types import BOT_GAMES_KEY, Account, GameId
from crabstick.rules.matchmaking import DAY_S, Memory, Proposal, Wish, next_at_s, propose
from crabstick.settings.matchmaking import checked_clock, game_type
from crabstick.state_file import StateFile
from crabstick.telemetry import log_events
from crabstick.telemetry.logs import get_logger

LOOK_EVERY: Final = timedelta(seconds=2)
BOTS_ARE_FRESH_S: Final = 1800.0
"""Lichess itself keeps its list of bots for 10 s; who is idle is asked before each challenge."""
ASKED_AT_ONCE: Final = 50
"""Of the best opponents; Lichess tells the status of 100 names in one request."""
BLOCKED_S: Final = 4 * 3600.0
"""After a 429 that names no time. Seen on Lichess: no challenges for more than 85 minutes."""
LAST_MOMENT: Final = timedelta(seconds=2)
"""A challenge may be accepted while we withdraw it."""
SECTION: Final = "matchmaking"
WITHDRAWN: Final = "withdrawn"

draw = SystemRandom().random


class Matchmaker:
    """The bot's own challenges; needs a running event loop."""

    def __init__(
        self,
        challenges: ChallengeHandler,
        lists: ListKeeper,
        state: StateFile,
        port: Callable[[], LichessPort],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._settings = challenges.settings.matchmaking
        self._limits = challenges.settings.challenges.limits()
        self._state = state
        self._port = port
        self._challenges = challenges
        self._lists = lists
        self._outbox = challenges.outbox
        self._now = now
        self._log = get_logger()
        kept = state.read(SECTION)
        self._memory, is_on = Memory.unpack(kept), kept.get("is_on")
        self._is_on = is_on if isinstance(is_on, bool) else self._settings.enabled
        self._bots: tuple[Account, ...] = ()
        self._wish = Wish(types=self._settings.games(), band=self._settings.band())
        self._bots_at_s = 0.0
        self._open: dict[GameId, asyncio.Future[str]] = {}
        self._problem = ""

    async def run(self) -> None:
        """Challenges whenever that is due, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY.total_seconds())
            if self._is_on and not self._open and self._why_not() == "":
                try:
                    await self._challenge_somebody()
                except CrabstickError as error:
                    self._problem = str(error)
                    self._log.warning(log_events.MATCHMAKING_FAILED, why=self._problem)
                    self._remember(self._memory.asked(self._now()))

    # What the listener hears.

    def game_started(self, game_id: GameId, *, is_against_bot: bool) -> None:
        """A game runs; the event stream repeats running games."""
        self._answered(game_id, "accepted")
        if is_against_bot and game_id not in self._memory.games:
            self._remember(self._memory.began(game_id, self._now()))

    def ended(self, challenge_id: GameId, reason: str) -> None:
        """A challenge was declined or withdrawn."""
        self._answered(challenge_id, reason)

    def _answered(self, challenge_id: GameId, answer: str) -> None:
        waiting = self._open.get(challenge_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    # The owner's orders.

    async def matchmaking(self, words: Mapping[str, object]) -> list[str]:
        """Starts or stops it, or says how it goes."""
        if words.get("action") in {"start", "stop"}:
            self._is_on = words["action"] == "start"
            self._remember(self._memory)
        return self._status()

    async def challenge(self, words: Mapping[str, object]) -> list[str]:
        """Challenges one player now.

        Raises:
            CrabstickError: Lichess does not take the challenge.
        """
        try:
            clock = checked_clock(words["clock"])
        except ValueError as error:
            raise ConfigError(f"the clock {words['clock']} {error}") from None
        game = game_type(clock, str(words["variant"]), rated=bool(words["rated"]))
        name, color = str(words["name"]), words.get("color")
        is_white = draw() < 1 / 2 if color is None else color == "white"
        proposal = Proposal(opponent=name, game=game, color=is_white)
        answer = await self._ask(proposal)
        if answer == "accepted":
            return [f"{name} accepted: the game begins"]
        raise EnvironmentProblem(
            f"{name} declined ({answer})" if answer else f"{name} did not answer in time"
        )

    def _status(self) -> list[str]:
        recent = sum(at_s > self._now() - DAY_S for at_s in self._memory.games.values())
        games = f"{recent} of {self._memory.limit} games against bots in the last day"
        lines = [f"matchmaking is {'on' if self._is_on else 'off'}: {games}"]
        if self._is_on and (why := self._why_not()):
            lines.append(f"no challenge now: {why}")
        return [*lines, *([f"last problem: {self._problem}"] if self._problem else [])]

    # Our own challenges.

    def _why_not(self) -> str:
        """Why no challenge is due; empty when one is."""
        return next(self._obstacles(), "")

    def _obstacles(self) -> Iterator[str]:
        now_s, running = self._now(), self._challenges.running()
        due_s = next_at_s(self._memory, self._settings.delay_s, self._settings.kept_games, now_s)
        second, most = self._memory.second, self._limits.max_games
        if self._challenges.is_closing:
            yield "the bot is going down"
        if self._challenges.line():
            yield "a challenge waits for a place"
        if len(running) >= min(self._settings.max_games, most - self._limits.reserved_for_humans):
            yield "matchmaking.max_games or the places for it in challenges.max_games are taken"
        if not self._challenges.has_room():
            yield "no node has room"
        if self._outbox.rate_limits.wait("bot_game"):
            yield "Lichess allows no more games against bots today"
        if second and self._plays(second.opponent):
            yield f"the second game against {second.opponent} follows the first"
        if due_s > now_s:
            yield f"the next one is due at {time.strftime('%R', time.localtime(due_s))}"

    async def _challenge_somebody(self) -> None:
        proposals = [each for each in await self._proposals() if self._is_welcome(each.opponent)]
        best = proposals[:ASKED_AT_ONCE]
        idle = await self._port().idle([each.opponent for each in best]) if best else frozenset()
        proposal = next((each for each in best if each.opponent.lower() in idle), None)
        if proposal is None:
            self._problem = "no bot that fits is online and idle"
            self._remember(self._memory.asked(self._now()))
            return
        self._problem = ""
        await self._challenges.ask_load(LOAD_PATIENCE)
        if self._why_not() == "":  # somebody may have come meanwhile
            await self._ask(proposal)

    async def _proposals(self) -> list[Proposal]:
        now_s = self._now()
        if not self._bots or now_s - self._bots_at_s > BOTS_ARE_FRESH_S:
            me = await self._port().account()
            self._wish = Wish(types=self._wish.types, band=self._wish.band, ours=me.ratings)
            bots = await self._port().online_bots()
            self._bots = tuple(bot for bot in bots if bot.name != me.name)
            self._bots_at_s = now_s
        return propose(self._wish, self._bots, self._memory, now_s=now_s, draw=draw())

    def _is_welcome(self, name: str) -> bool:
        return not self._plays(name) and self._lists.standing(name) != "blocked"

    def _plays(self, name: str) -> bool:
        return any(game.opponent == name.lower() for game in self._challenges.running())

    async def _ask(self, proposal: Proposal) -> str:
        """Makes a challenge and waits for the answer; an empty one when none came in time."""
        try:
            challenge_id = await self._port().challenge(proposal)
        except RateLimited as error:
            self._limited(error)
            raise
        except Refused:
            self._remember(self._memory.declined(proposal, "generic", self._now()))
            raise
        game = proposal.game
        self._log.info(
            log_events.CHALLENGE_MADE,
            game_id=challenge_id,
            opponent=proposal.opponent,
            clock=str(game.clock),
            variant=game.variant,
        )
        self._challenges.reserve(challenge_id, proposal.opponent.lower(), game.speed)
        answer = await self._wait_for(challenge_id)
        if answer != "accepted":
            self._challenges.ended(challenge_id)
        now_s = self._now()
        if answer == "accepted":
            self._remember(self._memory.accepted(proposal, now_s))
        elif answer != WITHDRAWN:
            self._remember(self._memory.declined(proposal, answer, now_s))
        outcome = answer if answer == "accepted" else "declined" if answer else "unanswered"
        self._outbox.count("crabstick_own_challenges_total", outcome)
        return answer

    async def _wait_for(self, challenge_id: GameId) -> str:
        answer = self._open[challenge_id] = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait([answer], timeout=self._settings.timeout_s)
            if not answer.done():
                await self._withdraw(challenge_id)
                await asyncio.wait([answer], timeout=LAST_MOMENT.total_seconds())
            return answer.result() if answer.done() else ""
        finally:
            del self._open[challenge_id]

    async def make_way(self) -> bool:
        """Withdraws our open challenges for a person; returns whether there were any."""
        for challenge_id in list(self._open):
            await self._withdraw(challenge_id)
            self._answered(challenge_id, WITHDRAWN)
            self._challenges.ended(challenge_id)
        return bool(self._open)

    async def _withdraw(self, challenge_id: GameId) -> None:
        with suppress(CrabstickError):  # a game came of it, or it ends by itself
            await self._port().cancel(challenge_id)

    def _limited(self, error: RateLimited) -> None:
        seconds = BLOCKED_S if error.retry_after is None else error.retry_after.total_seconds()
        number = re.search(r"played (\d{1,4}) games", str(error))
        limit = int(number[1]) if number and error.key == BOT_GAMES_KEY else None
        self._remember(self._memory.blocked(self._now(), seconds, limit))

    def _remember(self, memory: Memory) -> None:
        self._memory = memory
        try:
            self._state.write(SECTION, {**memory.pack(), "is_on": self._is_on})
        except EnvironmentProblem as error:
            self._problem = str(error)
