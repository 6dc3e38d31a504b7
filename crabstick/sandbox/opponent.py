"""A small sparring opponent for demos, tests and benchmarks, with its own API client.

An opponent challenges a player and plays all its games at once in one process, each by a policy and
with a think time. It never resigns by itself, and reopens a stream that ends early.
"""

import asyncio
import json
import random
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Literal, Self, TypeAlias

import aiohttp
import chess

from crabstick.errors import EnvironmentProblem
from crabstick.sandbox.errors import JsonObject
from crabstick.sandbox.move_policies import MovePolicy
from crabstick.sandbox.vocabulary import VARIANTS

Clock: TypeAlias = tuple[timedelta, timedelta]
"""Limit and increment."""
Delay: TypeAlias = Callable[[], timedelta]
"""Draws the next think time."""

RETRY_DELAY = timedelta(milliseconds=300)
_ITALIAN = "r1bqkbnr/pppp1ppp/2n5/4p3/2B1P3/5N2/PPPP1PPP/RNBQK2R b KQkq - 3 3"
"""The start of our `fromPosition` challenges: Black is to move."""
_SILENCE_LIMIT = timedelta(seconds=15)
_START_LIMIT = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpponentSpec:
    """The account of an opponent, and how it plays."""

    name: str
    token: str
    policy: MovePolicy
    delay: Delay
    accepts: bool = False
    """Whether the opponent accepts all challenges."""


class ChallengeDeclined(EnvironmentProblem):
    """The player declined the challenge, or the challenge was canceled."""


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a game."""

    game_id: str
    status: str
    winner: Literal["white", "black"] | None


def no_delay() -> timedelta:
    """A think time of zero."""
    return timedelta()


def think_time(mean: timedelta, spread: float, rng: random.Random) -> Delay:
    """Think times distributed evenly over mean ± spread, a fraction: 0.4 is ± 40 %."""
    return lambda: mean * rng.uniform(1 - spread, 1 + spread)


class GameFollower:
    """Follows a game by the lines of its stream; `mine` is our colour."""

    def __init__(self, game_id: str, *, mine: chess.Color) -> None:
        self.id = game_id
        self.board = chess.Board()
        self._answered_ply = -1
        """The ply of our last move; another line at this ply asks for no second move."""
        self._mine = mine
        self._played: list[str] = []

    @property
    def is_my_turn(self) -> bool:
        """Whether we are to move."""
        mine = self.board.turn is self._mine and self._answered_ply != len(self._played)
        return mine and any(self.board.generate_legal_moves())

    def mark_answered(self) -> None:
        """Records that our move is on its way."""
        self._answered_ply = len(self._played)

    def read(self, line: JsonObject) -> Result | None:
        """Reads a line; returns the result when the game is over."""
        if line["type"] == "gameFull":
            fen = line["initialFen"]
            variant = VARIANTS[line["variant"]["key"]]
            self.board = variant.board(None if fen == "startpos" else fen)
            self._played = []
            self._answered_ply = -1
            line = line["state"]
        if line["type"] != "gameState":
            return None
        moves = line["moves"].split()
        for uci in moves[len(self._played) :]:
            self.board.push_uci(uci)
        self._played = moves
        if line["status"] in {"created", "started"}:
            return None
        return Result(self.id, line["status"], line.get("winner"))


class Opponent:
    """Plays under one account; use `async with`, and one `Opponent` for each account."""

    def __init__(self, url: str, spec: OpponentSpec) -> None:
        self._url = url
        self._spec = spec
        self._http: aiohttp.ClientSession
        self._tasks: set[asyncio.Task[object]] = set()
        self._results: dict[str, asyncio.Future[Result]] = {}
        """Of our challenges and games."""
        self._listening = asyncio.Event()
        self._begun: set[str] = set()

    async def __aenter__(self) -> Self:
        self._http = aiohttp.ClientSession(
            self._url,
            headers={
                "Authorization": f"Bearer {self._spec.token}",
                "User-Agent": f"crabstick-sparring user:{self._spec.name}",
            },
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_read=_SILENCE_LIMIT.total_seconds()),
        )
        self._spawn(self._listen())
        try:
            async with asyncio.timeout(_START_LIMIT.total_seconds()):
                await self._listening.wait()
        except (TimeoutError, asyncio.CancelledError) as error:
            await self.__aexit__()
            if isinstance(error, asyncio.CancelledError):
                raise
            raise EnvironmentProblem(
                f"{self._spec.name} gets no event stream from {self._url}: "
                "is the sandbox up, and the token right?"
            ) from None
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        try:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        finally:  # also if a task group cancels us once more
            await self._http.close()

    async def challenge(
        self, target: str, clock: Clock, color: str, variant: str = "standard"
    ) -> str:
        """Challenges a player; returns the id of the challenge, which becomes the game's.

        Lichess silently drops an earlier challenge to the same player that is still unanswered.
        `color` is white, black or random.

        Raises:
            EnvironmentProblem: the server refused the challenge.
        """
        limit, increment = clock
        form = {
            "clock.limit": str(round(limit.total_seconds())),
            "clock.increment": str(round(increment.total_seconds())),
            "color": color,
            "rated": "false",
            "variant": variant,
        }
        if variant == "fromPosition":
            form["fen"] = _ITALIAN
        try:
            async with self._http.post(f"/api/challenge/{target}", data=form) as response:
                answer = await response.json()
        except aiohttp.ClientError as error:
            raise EnvironmentProblem(f"the challenge to {target} failed: {error}") from None
        if not response.ok:
            raise EnvironmentProblem(f"the challenge to {target} failed: {answer['error']}")
        self._result(answer["id"])
        return str(answer["id"])

    async def wait_result(self, game_id: str) -> Result:
        """Waits until a game is over.

        Raises:
            ChallengeDeclined: the challenge was declined or canceled.
        """
        return await asyncio.shield(self._result(game_id))

    def has_begun(self, game_id: str) -> bool:
        """Whether a challenge became a game."""
        return game_id in self._begun

    async def play(
        self, target: str, clock: Clock, color: str, variant: str = "standard"
    ) -> Result:
        """Challenges a player and waits for the end of the game."""
        return await self.wait_result(await self.challenge(target, clock, color, variant))

    async def resign(self, game_id: str) -> None:
        """Resigns a game.

        Raises:
            EnvironmentProblem: the server refused, because the game is over.
        """
        status = await self._insist(f"/api/bot/game/{game_id}/resign")
        if status >= HTTPStatus.BAD_REQUEST:
            raise EnvironmentProblem(f"the game {game_id} was not resigned: {status}")

    def _result(self, game_id: str) -> asyncio.Future[Result]:
        if game_id not in self._results:
            self._results[game_id] = asyncio.get_running_loop().create_future()
        return self._results[game_id]

    def _spawn(self, work: Coroutine[None, None, object]) -> None:
        task: asyncio.Task[object] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _listen(self) -> None:
        """Reads events for ever; starts one task for each game."""
        while True:
            async for event in self._lines("/api/stream/event"):
                match event:
                    case {"type": "gameStart", "game": start}:
                        self._begin(start)
                    case {"type": "challenge", "challenge": challenge}:
                        if challenge["destUser"]["id"] == self._spec.name.lower():
                            self._spawn(self._consider(challenge["id"]))
                        else:
                            self._result(challenge["id"])
                    case {"type": "challengeDeclined" | "challengeCanceled", "challenge": ended}:
                        self._fail(ended)
                    case {"type": "gameFinish", "game": over}:
                        status, winner = over["status"]["name"], over.get("winner")
                        self._finish(Result(over["gameId"], status, winner))
                    case _:
                        pass
            await asyncio.sleep(RETRY_DELAY.total_seconds())

    async def _consider(self, challenge_id: str) -> None:
        """Accepts a challenge to us, if the spec says so."""
        if self._spec.accepts:
            await self._insist(f"/api/challenge/{challenge_id}/accept", until=500)

    def _begin(self, start: JsonObject) -> None:
        game_id = start["gameId"]
        if game_id not in self._begun:
            self._begun.add(game_id)
            self._result(game_id)
            self._spawn(self._play_game(start))

    def _fail(self, challenge: JsonObject) -> None:
        result = self._result(challenge["id"])
        if not result.done():
            reason = challenge.get("declineReason", "it was canceled")
            result.set_exception(ChallengeDeclined(f"challenge {challenge['id']}: {reason}"))
            result.exception()  # mark as retrieved: it is fine if no one waits for it

    def _finish(self, over: Result) -> None:
        result = self._result(over.game_id)
        if not result.done():
            result.set_result(over)

    async def _play_game(self, start: JsonObject) -> Result:
        """Plays a game to its end, over as many streams as needed."""
        game = GameFollower(start["gameId"], mine=start["color"] == "white")
        path = f"/api/bot/game/stream/{game.id}"
        while True:
            async with aclosing(self._lines(path)) as lines:
                async for line in lines:
                    over = game.read(line)
                    if over is not None:
                        self._finish(over)
                        return over
                    if game.is_my_turn:
                        await self._move(game)
            await asyncio.sleep(RETRY_DELAY.total_seconds())

    async def _move(self, game: GameFollower) -> None:
        """Thinks, then sends the move until the server has answered."""
        move = self._spec.policy(game.board)
        game.mark_answered()
        delay = self._spec.delay()
        if delay > timedelta():
            await asyncio.sleep(delay.total_seconds())
        await self._insist(f"/api/bot/game/{game.id}/move/{move.uci()}")

    async def _insist(self, path: str, until: int = 429, **form: str) -> int:
        """Posts again and again until the status is below `until`; returns the status."""
        while True:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with self._http.post(path, data=form or None) as response:
                    if response.status < until:
                        return response.status
            await asyncio.sleep(RETRY_DELAY.total_seconds())

    async def _lines(self, path: str) -> AsyncGenerator[JsonObject, None]:
        """Reads a stream until it ends or breaks."""
        with suppress(aiohttp.ClientError, TimeoutError):
            async with self._http.get(path) as response:
                if not response.ok:
                    return
                self._listening.set()
                async for text in response.content:
                    if text.strip():
                        yield json.loads(text)
