"""Moves from servers that others run for free: asked rarely, and left alone when they fail."""

import asyncio
from collections import Counter, deque
from datetime import timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

import aiohttp
import chess
from yarl import URL

from crabstick.errors import CrabstickError
from crabstick.game.context import GameContext
from crabstick.game.move_sources import LOOK_UP_SHARE, Found
from crabstick.game.online_answers import path_for, read_answer
from crabstick.lichess.http import (
    TRANSPORT_ERRORS,
    Identity,
    describe_error,
    open_session,
    read_response,
)
from crabstick.rules.retry import cool_down
from crabstick.settings import Settings, read_token
from engine.interface import OnlineSource

STRIKES: Final = 3
REST_S: Final = 180.0
"""A source that fails, or does not know the position, so often in a row is left out for so long."""
_URLS: Final[dict[OnlineSource, str]] = {
    "chessdb": "https://www.chessdb.cn",
    "opening_explorer": "https://explorer.lichess.org",
    "online_egtb": "https://tablebase.lichess.org",
}
"""Cloud evaluations come from Lichess itself."""


class OnlineSources:
    """The servers that one actor asks; it has its share of the requests of the whole bot."""

    def __init__(self, settings: Settings, bot: str) -> None:
        self._settings, url = settings.online, settings.lichess.url
        self._identity = Identity(url=url, token=read_token(settings), user=bot)
        self._urls = {"lichess_cloud": url, **_URLS, **self._settings.urls}
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        share = self._settings.requests_per_minute / settings.challenges.max_games
        self._sent_s: deque[float] = deque(maxlen=max(1, int(share)))
        self._window_s = 60 * max(1, int(share)) / share
        self._strikes = Counter[str]()
        self._out_until_s: dict[str, float] = {}

    async def find(
        self, context: GameContext, variant: str, board: chess.Board, left: timedelta | None
    ) -> Found | None:
        """A legal move that a source knows, for a share of our clock, of which there is `left`."""
        clock, within_s = asyncio.get_running_loop().time, self._settings.max_time_ms / 1000
        if left is not None:
            within_s = min(within_s, left.total_seconds() * LOOK_UP_SHARE)
            if left.total_seconds() < self._settings.min_time_left_s:
                return None
        until_s, is_opening = clock() + within_s, len(board.move_stack) < self._settings.max_ply
        for source in self._settings.sources:
            path = path_for(source, variant, board)
            is_due = clock() < until_s and (is_opening or source == "online_egtb")
            if path is None or not is_due or not self._may_ask(context, source, clock()):
                continue
            self._sent_s.append(clock())
            found = None
            try:
                async with asyncio.timeout_at(until_s):
                    body = await self._get(context, source, path)
                found = None if body is None else read_answer(source, body, board)
            except (*TRANSPORT_ERRORS, CrabstickError, ValueError) as error:
                context.pass_over(f"{source}: {describe_error(error, self._identity)}")
            self._strikes[source] = 0 if found else self._strikes[source] + 1
            if self._strikes[source] >= STRIKES:
                self._strikes[source], self._out_until_s[source] = 0, clock() + REST_S
            if found is not None:
                return Found(found)
        return None

    def _may_ask(self, context: GameContext, source: OnlineSource, now_s: float) -> bool:
        sent_s = self._sent_s
        is_spent = len(sent_s) == sent_s.maxlen and now_s < sent_s[0] + self._window_s
        is_out = now_s < self._out_until_s.get(source, 0)
        return not (is_spent or is_out or context.rate_limits.wait(f"online.{source}"))

    async def _get(self, context: GameContext, source: OnlineSource, path: str) -> bytes | None:
        """The body of the answer; None when the source does not know the position.

        Only the explorer needs the token, and only hosts of our own Lichess get it.
        """
        url, headers = self._urls[source], {"User-Agent": self._identity.user_agent()}
        parts, ours = urlsplit(url), urlsplit(self._identity.url).hostname
        is_ours = parts.scheme == "https" and f".{parts.hostname}".endswith(f".{ours}")
        if source == "opening_explorer" and is_ours:
            headers = self._identity.headers()
        if source not in self._sessions:
            self._sessions[source] = open_session(url)
        address = URL(url + path, encoded=True)
        session = self._sessions[source]
        async with session.get(address, headers=headers, allow_redirects=False) as answer:
            response = await read_response(answer)
        if response.status == HTTPStatus.TOO_MANY_REQUESTS:
            context.rate_limits.note_wait(f"online.{source}", cool_down(response.wait))
        if response.status not in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
            raise OSError(f"HTTP status {response.status}")
        return response.body if response.status == HTTPStatus.OK else None
