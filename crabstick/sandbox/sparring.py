"""Sparring partners that challenge one player again and again, so that its author sees it play.

They run on the event loop of the sandbox itself and are weak on purpose; a benchmark wants them in
a process of their own.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import cycle

import aiohttp

from crabstick.errors import ConfigError, EnvironmentProblem
from crabstick.sandbox.accounts import Account, Accounts
from crabstick.sandbox.opponent import Declined, Opponent, Player, think_time
from crabstick.sandbox.policies import greedy, random_mover

__all__ = ["Sparring", "sparring_for"]

_THINK = timedelta(milliseconds=500)
_NEEDED_SCOPES = frozenset({"bot:play", "challenge:write"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Sparring:
    """Who challenges whom, and with which clock."""

    target: str
    players: Sequence[Player]
    clock: tuple[timedelta, timedelta]
    """Limit and increment."""
    pause: timedelta = timedelta(seconds=3)
    """Between two games, and between two looks whether the target is there."""
    answer_limit: timedelta = timedelta(seconds=20)
    """How long a challenge waits: as long as it stays open."""
    patience: timedelta = timedelta(seconds=15)
    """After a challenge that led to no game; Lichess allows 200 challenges a day."""

    async def run(self, url: str, tell: Callable[[str], None]) -> None:
        """Challenge for ever; `tell` gets a line for each game, and why there is none."""
        async with asyncio.TaskGroup() as partners:
            for player in self.players:
                told = partial(_tell_news, f"{player.name}: ", tell, [])
                partners.create_task(self._spar(url, player, told))

    async def _spar(self, url: str, player: Player, tell: Callable[[str], None]) -> None:
        """Take White and Black in turn."""
        async with aiohttp.ClientSession(url) as session, Opponent(url, player) as opponent:
            for color, rival in cycle((("white", "black"), ("black", "white"))):
                await self._wait_online(session)
                names = {color: player.name, rival: self.target}
                try:
                    tell(await self._play(opponent, color, names))
                except EnvironmentProblem as problem:
                    tell(str(problem))
                    await asyncio.sleep(self.patience.total_seconds())
                await asyncio.sleep(self.pause.total_seconds())

    async def _wait_online(self, session: aiohttp.ClientSession) -> None:
        while True:
            if await _is_online(session, self.target):
                return
            await asyncio.sleep(self.pause.total_seconds())

    async def _play(self, opponent: Opponent, color: str, names: Mapping[str, str]) -> str:
        """Play one game; tells how it ended.

        Raises:
            EnvironmentProblem: there is no game.
        """
        game_id = await opponent.challenge(self.target, self.clock, color)
        ending = asyncio.ensure_future(opponent.wait_result(game_id))
        await asyncio.wait({ending}, timeout=self.answer_limit.total_seconds())
        if not ending.done() and not opponent.has_begun(game_id):
            ending.cancel()
            raise EnvironmentProblem(f"{self.target} does not answer a challenge")
        try:
            result = await ending
        except Declined as declined:
            reason = str(declined).partition(": ")[2]
            raise EnvironmentProblem(f"{self.target} declines: {reason}") from None
        winner = names[result.winner] if result.winner else "nobody"
        return f"game {game_id} is over: {result.status}, {winner} won"


def sparring_for(accounts: Accounts, count: int, clock: tuple[timedelta, timedelta]) -> Sparring:
    """Let the first bot be challenged by the next `count` ones.

    Raises:
        ConfigError: there are not so many bots whose tokens may challenge and play.
    """
    bots = [account for account in accounts if account.is_bot]
    partners = [bot for bot in bots[1:] if _token(bot)]
    if len(partners) < count:
        raise ConfigError(
            f"--opponents {count}: beside the bot to be challenged the accounts have "
            f"{len(partners)} with the title BOT and a token for bot:play and challenge:write"
        )
    players = [_player(bot, number) for number, bot in enumerate(partners[:count])]
    return Sparring(target=bots[0].name, players=players, clock=clock)


def _player(bot: Account, number: int) -> Player:
    rng = random.Random(number)  # noqa: S311  (chess, not secrets)
    policy = random_mover(rng) if number % 2 else greedy
    return Player(
        name=bot.name, token=_token(bot), policy=policy, delay=think_time(_THINK, 0.5, rng)
    )


def _token(bot: Account) -> str:
    """The token that can challenge and play, or nothing."""
    fitting = (token for token, scopes in bot.tokens.items() if scopes >= _NEEDED_SCOPES)
    return next(fitting, "")


def _tell_news(prefix: str, tell: Callable[[str], None], told: list[str], line: str) -> None:
    """Tell a line unless it is the last one again."""
    if told != [line]:
        told[:] = [line]
        tell(prefix + line)


async def _is_online(session: aiohttp.ClientSession, name: str) -> bool:
    try:
        async with session.get("/api/users/status", params={"ids": name}) as response:
            return any(user.get("online") for user in await response.json())
    except (aiohttp.ClientError, TimeoutError):
        return False
