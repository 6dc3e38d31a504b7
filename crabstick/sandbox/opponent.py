"""A small sparring opponent for demos, tests and benchmarks: it speaks Lichess's API by itself.

It challenges a player and plays every game it is given, many at once in one process, each by a
policy and after a think time. It never resigns, and opens its streams anew when they end early.
"""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypeAlias

import aiohttp

from crabstick.errors import EnvironmentProblem
from crabstick.sandbox.follower import Result, ScoreSheet, result_of
from crabstick.sandbox.policies import Policy

__all__ = ["Declined", "Delay", "Opponent", "Player", "Result", "no_delay", "play", "think_time"]

Delay: TypeAlias = Callable[[], timedelta]
"""Draws the next think time."""

_RETRY_DELAY = timedelta(milliseconds=300)
_SILENCE_LIMIT = timedelta(seconds=15)
_MOVE_TRIES = 20
_START_LIMIT = timedelta(seconds=10)
_OK = 200
_TOO_MANY = 429


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """Who an opponent is, and how it plays."""

    name: str
    token: str
    policy: Policy
    delay: Delay
    accepts: bool = False
    """Whether it accepts every challenge that it gets."""


class Declined(EnvironmentProblem):
    """The challenged player said no.

    Args:
        message: who declined, and why.
    """


def no_delay() -> timedelta:
    """Think no time at all."""
    return timedelta()


def think_time(mean: timedelta, spread: float, rng: random.Random) -> Delay:
    """Draw think times evenly from mean ± spread.

    Args:
        mean: the average.
        spread: a fraction of the mean: 0.4 is ± 40 %.
        rng: seeded by the caller.
    """
    return lambda: mean * rng.uniform(1 - spread, 1 + spread)


class Opponent:
    """Plays under one account; use it with `async with`, and one of them for each account.

    Args:
        url: the server.
        player: who, and how.
    """

    def __init__(self, url: str, player: Player) -> None:
        self._url = url
        self._player = player
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._results: dict[str, asyncio.Future[Result]] = {}
        self._listening = asyncio.Event()
        self._begun: set[str] = set()

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            self._url,
            headers={
                "Authorization": f"Bearer {self._player.token}",
                "User-Agent": f"crabstick-sparring user:{self._player.name}",
            },
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_read=_SILENCE_LIMIT.total_seconds()),
        )
        self._spawn(self._listen())
        try:
            async with asyncio.timeout(_START_LIMIT.total_seconds()):
                await self._listening.wait()
        except TimeoutError:
            await self.__aexit__(None, None, None)
            raise EnvironmentProblem(
                f"{self._player.name} gets no event stream from {self._url}: "
                "is the sandbox up, and the token right?"
            ) from None
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._http.close()

    async def challenge(self, target: str, clock: tuple[timedelta, timedelta], color: str) -> str:
        """Challenge a player and return the id of challenge and game.

        While the same player has not answered an earlier challenge, Lichess drops that one
        without a word, and nobody hears of it again.

        Args:
            target: the player's name.
            clock: limit and increment.
            color: white, black or random.

        Raises:
            EnvironmentProblem: the server refused the challenge.
        """
        limit, increment = clock
        form = {
            "clock.limit": str(round(limit.total_seconds())),
            "clock.increment": str(round(increment.total_seconds())),
            "color": color,
            "rated": "false",
        }
        try:
            async with self._http.post(f"/api/challenge/{target}", data=form) as response:
                answer = await response.json()
        except aiohttp.ClientError as error:
            raise EnvironmentProblem(f"no challenge to {target}: {error}") from None
        if response.status != _OK:
            raise EnvironmentProblem(f"no challenge to {target}: {answer['error']}")
        return str(answer["id"])

    async def wait_result(self, game_id: str) -> Result:
        """Wait until a game is over.

        Raises:
            Declined: its challenge was declined or canceled.
        """
        return await asyncio.shield(self._result(game_id))

    def has_begun(self, game_id: str) -> bool:
        """Tell whether a challenge became a game."""
        return game_id in self._begun

    async def play(self, target: str, clock: tuple[timedelta, timedelta], color: str) -> Result:
        """Challenge a player and wait for the end of the game."""
        return await self.wait_result(await self.challenge(target, clock, color))

    async def resign(self, game_id: str) -> None:
        """Give a game up.

        Raises:
            EnvironmentProblem: the server refused, for one that is over.
        """
        async with self._http.post(f"/api/bot/game/{game_id}/resign") as response:
            if response.status != _OK:
                raise EnvironmentProblem(f"the game {game_id} was not resigned: {response.status}")

    @property
    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise EnvironmentProblem("an opponent is used within 'async with'")
        return self._session

    def _result(self, game_id: str) -> asyncio.Future[Result]:
        if game_id not in self._results:
            self._results[game_id] = asyncio.get_running_loop().create_future()
        return self._results[game_id]

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen(self) -> None:
        """Read events for ever; each game that starts, also again, gets one player."""
        while True:
            async for event in self._lines("/api/stream/event"):
                match event:
                    case {"type": "gameStart", "game": {"gameId": str(game_id)} as start}:
                        if game_id not in self._begun:
                            self._begun.add(game_id)
                            self._spawn(self._play_game(start))
                    case {"type": "challenge", "challenge": challenge}:
                        self._spawn(self._consider(challenge))
                    case {"type": "challengeDeclined" | "challengeCanceled", "challenge": ended}:
                        self._fail(ended)
                    case {"type": "gameFinish", "game": finished}:
                        self._finish(result_of(finished))
                    case _:
                        pass
            await asyncio.sleep(_RETRY_DELAY.total_seconds())

    async def _consider(self, challenge: Mapping[str, Any]) -> None:
        """Accept a challenge for us, if we accept any."""
        mine = challenge["destUser"]["id"] == self._player.name.lower()
        if mine and self._player.accepts:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with self._http.post(f"/api/challenge/{challenge['id']}/accept"):
                    pass

    def _fail(self, challenge: Mapping[str, Any]) -> None:
        result = self._result(challenge["id"])
        if not result.done():
            reason = challenge.get("declineReason", "it was canceled")
            result.set_exception(Declined(f"challenge {challenge['id']}: {reason}"))
            result.exception()  # whoever waits still gets it; nobody has to

    def _finish(self, over: Result) -> None:
        result = self._result(over.game_id)
        if not result.done():
            result.set_result(over)

    async def _play_game(self, start: Mapping[str, Any]) -> None:
        """Play one game to its end, over as many streams as it takes."""
        game = ScoreSheet(start["gameId"], mine=start["color"] == "white")
        path = f"/api/bot/game/stream/{game.id}"
        while True:
            async with aclosing(self._lines(path)) as lines:
                async for line in lines:
                    over = game.read(line)
                    if over is not None:
                        self._finish(over)
                        return
                    if game.is_my_turn:
                        await self._move(game)
            await asyncio.sleep(_RETRY_DELAY.total_seconds())

    async def _move(self, game: ScoreSheet) -> None:
        """Think, and send one move until the server has answered."""
        move = self._player.policy(game.board)
        game.mark_answered()
        delay = self._player.delay()
        if delay > timedelta():
            await asyncio.sleep(delay.total_seconds())
        path = f"/api/bot/game/{game.id}/move/{move.uci()}"
        for _ in range(_MOVE_TRIES):
            with suppress(aiohttp.ClientError, TimeoutError):
                async with self._http.post(path) as response:
                    if response.status < _TOO_MANY:  # played, or refused for good
                        return
            await asyncio.sleep(_RETRY_DELAY.total_seconds())

    async def _lines(self, path: str) -> AsyncGenerator[dict[str, Any], None]:
        """Read one stream until it ends, in whatever way."""
        with suppress(aiohttp.ClientError, TimeoutError):
            async with self._http.get(path) as response:
                if response.status != _OK:
                    return
                self._listening.set()
                async for text in response.content:
                    if text.strip():
                        yield json.loads(text)


async def play(
    url: str,
    player: Player,
    target: str,
    clock: tuple[timedelta, timedelta],
    color: str = "random",
) -> Result:
    """Challenge a player, play the game, and tell how it ended.

    Args:
        url: the server.
        player: name, token, policy and delay of the opponent.
        target: the player that is challenged.
        clock: limit and increment.
        color: the opponent's colour: white, black or random.

    Raises:
        EnvironmentProblem: the challenge was refused or declined.
    """
    async with Opponent(url, player) as opponent:
        return await opponent.play(target, clock, color)
