"""The client of one game, the hot path: stream and posts by aiohttp, moves by `MoveConnections`.

No berserk here: it would cost each EngineActor 4 MB and 84 ms for four plain posts, and lacks
timeouts, `offeringDraw`, and claiming a win with a bot.
"""

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from http import HTTPStatus
from urllib.parse import urlsplit
from weakref import WeakSet

import aiohttp
from pydantic import SecretStr
from yarl import URL

from crabstick.errors import InvariantBroken, StreamEnded
from crabstick.lichess.game_parser import parse_line
from crabstick.lichess.http import (
    DENIALS,
    TRANSPORT_ERRORS,
    Identity,
    LichessResponse,
    describe_error,
    open_session,
    read_response,
)
from crabstick.lichess.interface import POST_LIMIT
from crabstick.lichess.move_connections import MoveConnections
from crabstick.lichess.ndjson_stream import NdjsonStream, StreamSource
from crabstick.lichess.route import proxy_for
from crabstick.rules.lichess_types import (
    Denied,
    GameId,
    GameLine,
    Limited,
    Posted,
    PostOutcome,
    RefusedPost,
    Unanswered,
)
from crabstick.rules.retry import Verdict, classify

_WARM_UP_PATH = "/robots.txt"
_UCI = re.compile(r"(?:[a-h][1-8]){2}[a-z]?|[A-Z]@[a-h][1-8]", re.ASCII)


def open_games(url: str, token: SecretStr, user: str) -> "HttpGames":
    """Opens the port of an EngineActor on standby; needs a running event loop."""
    return HttpGames(Identity(url=url, token=token, user=user))


class HttpGames:
    """A `GamesPort`: one session, whose connections outlive the games."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity
        self._session = open_session(identity.url)
        self._moves = None if proxy_for(identity.url) else MoveConnections(identity.url)
        self._games: WeakSet[HttpGame] = WeakSet()

    async def warm(self) -> bool:
        """Resolves the name, loads TLS and opens a connection of each kind; see `GamesPort`.

        Requests a small static file, which has no rate limit of its own; any response will do.
        """
        if self._session.closed:
            return False
        headers = {"User-Agent": self._identity.user_agent()}
        try:
            async with self._session.get(
                self._identity.address(_WARM_UP_PATH),
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=POST_LIMIT.total_seconds()),
                allow_redirects=False,
            ) as response:
                await read_response(response)
            if self._moves is not None:
                await self._moves.request("GET", _WARM_UP_PATH, headers, POST_LIMIT)
        except TRANSPORT_ERRORS:
            return False
        return True

    def game(self, game_id: GameId) -> "HttpGame":
        game = HttpGame(self._session, self._moves, self._identity, game_id)
        self._games.add(game)
        return game

    async def close(self) -> None:
        for game in tuple(self._games):
            await game.close()
        await self._session.close()
        if self._moves is not None:
            self._moves.close()


class HttpGame:
    """A `GamePort` over the connections of an `HttpGames`.

    `moves` is None behind a proxy: moves then use the session too.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        moves: MoveConnections | None,
        identity: Identity,
        game_id: GameId,
    ) -> None:
        self._session = session
        self._moves = moves
        self._identity = identity
        path = f"/api/bot/game/stream/{game_id}"
        self._source = StreamSource(identity=identity, path=path, game_id=game_id)
        self._address = identity.address(f"/api/bot/game/{game_id}/")
        self._headers = {**identity.headers(game_id), "Accept-Encoding": "identity"}
        self._target = urlsplit(self._address).path
        self._stream = NdjsonStream(self._session, self._source)
        self._closed = False

    def is_current(self) -> bool:
        return self._stream.is_current()

    async def lines(self) -> AsyncGenerator[GameLine | None, None]:
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
        if not _UCI.fullmatch(uci):
            raise InvariantBroken(f"{uci!r} is not a UCI move.")
        command = f"move/{uci}{'?offeringDraw=true' * offering_draw}"
        if self._moves is None:
            return await self._post(command, within)
        try:
            response = await self._moves.request(
                "POST", self._target + command, self._headers, within
            )
        except TRANSPORT_ERRORS as error:
            return Unanswered(why=describe_error(error, self._identity))
        return post_outcome(response, self._identity)

    async def abort(self) -> PostOutcome:
        return await self._post("abort")

    async def resign(self) -> PostOutcome:
        return await self._post("resign")

    async def claim_victory(self) -> PostOutcome:
        return await self._post("claim-victory")

    async def close(self) -> None:
        self._closed = True
        await self._stream.close()

    async def _post(self, command: str, within: timedelta = POST_LIMIT) -> PostOutcome:
        """Posts once. The caller decides on a retry: only the caller has seen the stream."""
        if self._session.closed:
            return Unanswered(why="our connections are closed")
        try:
            async with self._session.post(
                URL(self._address + command, encoded=True),
                headers=self._headers,
                timeout=aiohttp.ClientTimeout(total=within.total_seconds()),
                allow_redirects=False,
            ) as response:
                return post_outcome(await read_response(response), self._identity)
        except TRANSPORT_ERRORS as error:
            return Unanswered(why=describe_error(error, self._identity))


def post_outcome(response: LichessResponse, identity: Identity) -> PostOutcome:
    """The outcome of a post in a game."""
    if response.status < HTTPStatus.MULTIPLE_CHOICES:
        return Posted()
    message = response.message(identity)
    if response.status in DENIALS:
        return Denied(why=identity.token_advice("play", message))
    verdict = classify(response.status)
    if verdict is Verdict.COOL_DOWN:
        return Limited(retry_after=response.wait)
    if verdict is Verdict.RETRY:
        return Unanswered(why=message)
    return RefusedPost(why=message)
