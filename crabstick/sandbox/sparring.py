"""Sparring partners that challenge one player again and again.

They run on the sandbox's own event loop and are weak on purpose; benchmarks should run them in
another process.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import cycle

import aiohttp

from crabstick.errors import ConfigError, EnvironmentProblem
from crabstick.sandbox.accounts import Accounts, SandboxAccount
from crabstick.sandbox.move_policies import greedy, random_mover
from crabstick.sandbox.opponent import ChallengeDeclined, Opponent, OpponentSpec, think_time

_THINK = timedelta(milliseconds=500)
_NEEDED_SCOPES = frozenset({"bot:play", "challenge:write"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sparring:
    """Who challenges whom, and with which clock."""

    target: str
    specs: Sequence[OpponentSpec]
    clock: tuple[timedelta, timedelta]
    """Limit and increment."""
    pause: timedelta = timedelta(seconds=3)
    """Between two games, and between two checks whether the target is online."""
    answer_limit: timedelta = timedelta(seconds=20)
    """How long to wait for an answer: as long as a challenge stays open."""
    patience: timedelta = timedelta(seconds=15)
    """The pause after a challenge that led to no game; Lichess allows 200 challenges a day."""

    async def run(self, url: str, report: Callable[[str], None]) -> None:
        """Challenges for ever; `report` gets a line for each game, or why there is none."""
        async with asyncio.TaskGroup() as partners:
            for spec in self.specs:
                report_changes = partial(_report_changes, f"{spec.name}: ", report, [])
                partners.create_task(self._spar(url, spec, report_changes))

    async def _spar(self, url: str, spec: OpponentSpec, report: Callable[[str], None]) -> None:
        """Plays White and Black in turn."""
        async with aiohttp.ClientSession(url) as session, Opponent(url, spec) as opponent:
            for color, rival in cycle((("white", "black"), ("black", "white"))):
                await self._wait_online(session)
                names = {color: spec.name, rival: self.target}
                try:
                    report(await self._play(opponent, color, names))
                except EnvironmentProblem as problem:
                    report(str(problem))
                    await asyncio.sleep(self.patience.total_seconds())
                await asyncio.sleep(self.pause.total_seconds())

    async def _wait_online(self, session: aiohttp.ClientSession) -> None:
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with session.get("/api/users/status", params={"ids": self.target}) as status:
                    if any(user.get("online") for user in await status.json()):
                        return
            await asyncio.sleep(self.pause.total_seconds())

    async def _play(self, opponent: Opponent, color: str, names: Mapping[str, str]) -> str:
        """Plays one game; returns a line about its end.

        Raises:
            EnvironmentProblem: the challenge led to no game.
        """
        game_id = await opponent.challenge(self.target, self.clock, color)
        ending = asyncio.ensure_future(opponent.wait_result(game_id))
        await asyncio.wait({ending}, timeout=self.answer_limit.total_seconds())
        if not ending.done() and not opponent.has_begun(game_id):
            ending.cancel()
            raise EnvironmentProblem(f"{self.target} does not answer a challenge")
        try:
            result = await ending
        except ChallengeDeclined as declined:
            reason = str(declined).partition(": ")[2]
            raise EnvironmentProblem(f"{self.target} declines: {reason}") from None
        winner = names[result.winner] if result.winner else "nobody"
        return f"game {game_id} is over: {result.status}, {winner} won"


def sparring_for(accounts: Accounts, count: int, clock: tuple[timedelta, timedelta]) -> Sparring:
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
    specs = [_spec(bot, number) for number, bot in enumerate(partners[:count])]
    return Sparring(target=bots[0].name, specs=specs, clock=clock)


def _spec(bot: SandboxAccount, number: int) -> OpponentSpec:
    rng = random.Random(number)  # noqa: S311  (chess, not secrets)
    policy = random_mover(rng) if number % 2 else greedy
    return OpponentSpec(
        name=bot.name, token=_token(bot), policy=policy, delay=think_time(_THINK, 0.5, rng)
    )


def _token(bot: SandboxAccount) -> str:
    """A token that may challenge and play, or an empty string."""
    fitting = (token for token, scopes in bot.tokens.items() if scopes >= _NEEDED_SCOPES)
    return next(fitting, "")


def _report_changes(prefix: str, report: Callable[[str], None], last: list[str], line: str) -> None:
    """Reports a line unless it repeats the last one."""
    if last != [line]:
        last[:] = [line]
        report(prefix + line)
