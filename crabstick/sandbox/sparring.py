"""Sparring partners that challenge one player again and again, and accept challenges meanwhile.

They run on the sandbox's own event loop and are weak on purpose; benchmarks should run them in
another process.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from itertools import cycle, product

import aiohttp

from crabstick.errors import ConfigError, EnvironmentProblem
from crabstick.sandbox.accounts import Accounts, SandboxAccount
from crabstick.sandbox.errors import JsonObject
from crabstick.sandbox.move_policies import greedy, random_mover
from crabstick.sandbox.opponent import (
    RETRY_DELAY,
    ChallengeDeclined,
    Clock,
    Opponent,
    OpponentSpec,
    Result,
    think_time,
)

_THINK = timedelta(milliseconds=500)
_FIRST_MOVES_LIMIT = timedelta(minutes=1)
_NEEDED_SCOPES = frozenset({"bot:play", "challenge:write"})


class Partner(Opponent):
    """Plays one game at a time, and declines challenges meanwhile; reports each game's end."""

    def __init__(self, url: str, spec: OpponentSpec, report: Callable[[str], None]) -> None:
        super().__init__(url, spec)
        self._report_line = report
        self._last_line = ""
        self.seat = asyncio.Lock()
        """Held from a challenge, or from accepting one, to the end of the game."""

    def report(self, line: str) -> None:
        """Reports a line unless it repeats the last one."""
        if line != self._last_line:
            self._last_line = line
            self._report_line(f"{self._spec.name}: {line}")

    async def sees(self, name: str) -> bool:
        """Whether a player is online."""
        with suppress(aiohttp.ClientError, TimeoutError):
            async with self._http.get("/api/users/status", params={"ids": name}) as response:
                return any(user.get("online") for user in await response.json())
        return False

    async def settle(self) -> None:
        """Cancels our open challenges, and waits for the end of our games.

        A game without two moves after a minute is aborted: its clock might never start. On Lichess
        the cancellation of a challenge also aborts the game that the challenge has become.
        """
        while game_id := self._unsettled():
            if self.has_begun(game_id) and await self._is_over_soon(game_id):
                continue
            status = await self._insist(f"/api/challenge/{game_id}/cancel", until=600)
            if status == HTTPStatus.BAD_REQUEST or status >= HTTPStatus.TOO_MANY_REQUESTS:
                await asyncio.sleep(RETRY_DELAY.total_seconds())  # in play, or not processed
            else:
                self._fail({"id": game_id})

    async def _consider(self, challenge_id: str) -> None:
        path = f"/api/challenge/{challenge_id}"
        if self.seat.locked() or self._unsettled():
            await self._insist(f"{path}/decline", reason="later")
            return
        async with self.seat:
            if await self._insist(f"{path}/accept", until=500) == HTTPStatus.OK:
                await self._is_over_soon(challenge_id)
                await self.settle()
            else:
                await self._insist(f"{path}/decline", reason="later")

    async def _play_game(self, start: JsonObject) -> Result:
        result = await super()._play_game(start)
        players = {None: "nobody", start["color"]: self._spec.name}
        rival = start["opponent"]["username"].split()[-1]  # without the title
        winner = players.get(result.winner, rival)
        self.report(f"game {result.game_id} is over: {result.status}, {winner} won")
        return result

    def _unsettled(self) -> str | None:
        """A challenge of ours that may still be accepted, or a running game."""
        return next((key for key, result in self._results.items() if not result.done()), None)

    async def _is_over_soon(self, game_id: str) -> bool:
        limit_s = _FIRST_MOVES_LIMIT.total_seconds()
        done, _ = await asyncio.wait({self._result(game_id)}, timeout=limit_s)
        return bool(done)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sparring:
    """Who challenges whom, with which clock, and to which variants."""

    target: str
    specs: Sequence[OpponentSpec]
    clock: Clock
    variants: Sequence[str] = ("standard",)
    """Their keys; each partner plays them in turn."""
    pause: timedelta = timedelta(seconds=3)
    """Between two games, and between two checks whether the target is online."""
    answer_limit: timedelta = timedelta(seconds=20)
    """How long to wait for an answer before cancelling: Lichess lists a challenge for as long."""
    patience: timedelta = timedelta(seconds=15)
    """The pause after a challenge that led to no game; Lichess allows 200 challenges a day."""

    async def run(self, url: str, report: Callable[[str], None]) -> None:
        """Challenges for ever; `report` gets a line for each game, or why there is none."""
        async with asyncio.TaskGroup() as partners:
            for spec in self.specs:
                partners.create_task(self._spar(Partner(url, spec, report)))

    async def _spar(self, partner: Partner) -> None:
        """Plays each variant with White, then with Black."""
        wishes = cycle(product(self.variants, ("white", "black")))
        async with partner:
            while True:
                try:
                    if await partner.sees(self.target) and not partner.seat.locked():
                        await self._challenge(partner, *next(wishes))
                except EnvironmentProblem as problem:
                    partner.report(str(problem))
                    await asyncio.sleep(self.patience.total_seconds())
                await asyncio.sleep(self.pause.total_seconds())

    async def _challenge(self, partner: Partner, variant: str, color: str) -> None:
        """Plays one game.

        Raises:
            EnvironmentProblem: the challenge led to no game.
        """
        async with partner.seat:
            await partner.settle()
            game_id = await partner.challenge(self.target, self.clock, color, variant)
            try:
                async with asyncio.timeout(self.answer_limit.total_seconds()):
                    await partner.wait_result(game_id)
            except ChallengeDeclined as declined:
                reason = str(declined).partition(": ")[2]
                raise EnvironmentProblem(f"{self.target} declines: {reason}") from None
            except TimeoutError:
                await partner.settle()
                if not partner.has_begun(game_id):
                    problem = f"{self.target} does not answer a challenge"
                    raise EnvironmentProblem(problem) from None


def sparring_for(
    accounts: Accounts, count: int, clock: Clock, variants: Sequence[str] = ("standard",)
) -> Sparring:
    """Lets the next `count` bots challenge the first bot.

    Raises:
        ConfigError: too few bots have tokens that may challenge and play.
    """
    bots = [account for account in accounts if account.is_bot]
    partners = [bot for bot in bots[1:] if _token(bot)]
    if len(partners) < count:
        raise ConfigError(
            f"--opponents {count}: besides the challenged bot the accounts have "
            f"{len(partners)} with the title BOT and a token for bot:play and challenge:write"
        )
    specs = [weak_player(bot, number, _THINK) for number, bot in enumerate(partners[:count])]
    return Sparring(target=bots[0].name, specs=specs, clock=clock, variants=variants)


def weak_player(bot: SandboxAccount, number: int, think: timedelta) -> OpponentSpec:
    """Alternates two kinds of opponents, each with its own seed, so that no two games are alike."""
    rng = random.Random(number)  # noqa: S311  (chess, not secrets)
    policy = random_mover(rng) if number % 2 else greedy
    delay = think_time(think, 0.5, rng)
    return OpponentSpec(name=bot.name, token=_token(bot), policy=policy, delay=delay)


def _token(bot: SandboxAccount) -> str:
    """A token that may challenge and play, or an empty string."""
    rights = ((token, set(scopes.split())) for token, scopes in bot.tokens.items())
    return next((token for token, scopes in rights if scopes >= _NEEDED_SCOPES), "")
