"""The hot path: a game's stream and what is posted in it, over aiohttp, and moves by `KeepAlive`.

No berserk here: it would cost each EngineActor 4 MB and 84 ms for four plain posts, it has no
timeout, no `offeringDraw`, and no way to claim a win with a bot.
"""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

import aiohttp
from pydantic import SecretStr
from yarl import URL

from crabstick.errors import InvariantBroken, StreamEnded
from crabstick.lichess.events import parse_line
from crabstick.lichess.http import LOST, describe, open_session, proxy_for, read_answer
from crabstick.lichess.identity import Login
from crabstick.lichess.keep_alive import KeepAlive
from crabstick.lichess.ndjson import NdjsonStream, StreamSource
from crabstick.lichess.port import POST_LIMIT, SILENCE_LIMIT
from crabstick.lichess.responses import outcome
from crabstick.rules.model import GameId, GameLine, PostOutcome, Unanswered

__all__ = ["HttpGame", "HttpGames", "open_games"]

_SMALL_FILE = "/robots.txt"
_UCI = re.compile(r"(?:[a-h][1-8]){2}[a-z]?|[A-Z]@[a-h][1-8]", re.ASCII)


def open_games(
    url: str, token: SecretStr, user: str, *, silence_limit: timedelta = SILENCE_LIMIT
) -> "HttpGames":
    """What an actor opens on standby; needs a running event loop."""
    return HttpGames(Login(url=url, token=token, user=user), silence_limit)


class HttpGames:
    """A `GamesPort`: one session, whose connections outlive the games played over it."""

    def __init__(self, login: Login, silence_limit: timedelta = SILENCE_LIMIT) -> None:
        self._login = login
        self._silence_limit = silence_limit
        self._connections = _Connections(
            session=open_session(login.url),
            for_moves=None if proxy_for(login.url) else KeepAlive(login.url),
        )
        self._games: list[HttpGame] = []

    async def warm(self) -> bool:
        """Resolves the name, loads TLS and opens a connection of each kind; see `GamesPort`.

        It asks for a small static file without a rate limit of its own; any answer will do.
        """
        session, for_moves = self._connections.session, self._connections.for_moves
        if session.closed:
            return False
        headers = {"User-Agent": self._login.user_agent()}
        try:
            async with session.get(
                self._login.address(_SMALL_FILE),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=POST_LIMIT.total_seconds()),
                allow_redirects=False,
            ) as response:
                await read_answer(response)
            if for_moves is not None:
                await for_moves.request("GET", _SMALL_FILE, headers, POST_LIMIT)
        except LOST:
            return False
        return True

    def game(self, game_id: GameId) -> "HttpGame":
        """See `GamesPort`."""
        game = HttpGame(self._connections, self._login, game_id, self._silence_limit)
        self._games.append(game)
        return game

    async def close(self) -> None:
        """See `GamesPort`."""
        for game in self._games:
            await game.close()
        await self._connections.session.close()
        if self._connections.for_moves is not None:
            self._connections.for_moves.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Connections:
    """`for_moves` is None behind a proxy: there, moves go the way of everything else."""

    session: aiohttp.ClientSession
    for_moves: KeepAlive | None


class HttpGame:
    """A `GamePort` over connections that belong to somebody else."""

    def __init__(
        self,
        connections: _Connections,
        login: Login,
        game_id: GameId,
        silence_limit: timedelta = SILENCE_LIMIT,
    ) -> None:
        self._session = connections.session
        self._for_moves = connections.for_moves
        self._login = login
        self._source = StreamSource(
            login=login,
            path=f"/api/bot/game/stream/{game_id}",
            game_id=game_id,
            silence_limit=silence_limit,
        )
        self._address = login.address(f"/api/bot/game/{game_id}/")
        self._headers = {**login.headers(game_id), "Accept-Encoding": "identity"}
        self._target = urlsplit(self._address).path
        self._stream = NdjsonStream(self._session, self._source)
        self._closed = False

    @property
    def is_open(self) -> bool:
        """See `GamePort`."""
        return self._stream.is_open

    def is_current(self) -> bool:
        """See `GamePort`."""
        return self._stream.is_current()

    async def lines(self) -> AsyncGenerator[GameLine | None, None]:
        """See `GamePort`."""
        await self._stream.close()
        if self._closed:
            raise StreamEnded("The game's port was closed on our side.")
        stream = self._stream = NdjsonStream(self._session, self._source)
        async with aclosing(stream.lines()) as raw_lines:
            async for raw in raw_lines:
                yield None if raw is None else parse_line(raw)

    async def move(
        self, uci: str, *, offering_draw: bool = False, within: timedelta = POST_LIMIT
    ) -> PostOutcome:
        """See `GamePort`."""
        if not _UCI.fullmatch(uci):
            raise InvariantBroken(f"{uci!r} is no UCI move.")
        command = f"move/{uci}{'?offeringDraw=true' * offering_draw}"
        if self._for_moves is None:
            return await self._post(command, within)
        try:
            answer = await self._for_moves.request(
                "POST", self._target + command, self._headers, within
            )
        except LOST as lost:
            return Unanswered(why=describe(lost, self._login))
        return outcome(answer, self._login)

    async def abort(self) -> PostOutcome:
        """See `GamePort`."""
        return await self._post("abort")

    async def resign(self) -> PostOutcome:
        """See `GamePort`."""
        return await self._post("resign")

    async def claim_victory(self) -> PostOutcome:
        """See `GamePort`."""
        return await self._post("claim-victory")

    async def close(self) -> None:
        """See `GamePort`."""
        self._closed = True
        await self._stream.close()

    async def _post(self, command: str, within: timedelta = POST_LIMIT) -> PostOutcome:
        """Posts once. Whether to repeat is for the caller, who knows what the stream said."""
        if self._session.closed:
            return Unanswered(why="our connections are closed")
        try:
            async with self._session.post(
                URL(self._address + command, encoded=True),
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=within.total_seconds()),
                allow_redirects=False,
            ) as response:
                return outcome(await read_answer(response), self._login)
        except LOST as lost:
            return Unanswered(why=describe(lost, self._login))
