"""The account's door to Lichess, over berserk: the only module that speaks it.

berserk is synchronous, so each call runs in a thread, within limits (`bounded.py`). Two things do
not go through it. The event stream: berserk drops keep-alives, so nobody could tell a dead stream
from a quiet one. The token test: berserk writes its body, the token, into its debug log.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import timedelta
from http import HTTPStatus
from typing import Final, TypeVar

import aiohttp
import berserk
import requests
import stamina
from pydantic import SecretStr

from crabstick.errors import LichessError, Refused, Unavailable
from crabstick.lichess.events import parse_account, parse_event, parse_playing, parse_scopes
from crabstick.lichess.http import describe, open_session
from crabstick.lichess.identity import Login
from crabstick.lichess.ndjson import NdjsonStream, StreamSource
from crabstick.lichess.port import SILENCE_LIMIT
from crabstick.lichess.responses import BODY_LIMIT, Answer, failure
from crabstick.lichess.session import CallLimits, open_bounded
from crabstick.rules.model import (
    Account,
    DeclineReason,
    GameId,
    GameSummary,
    LichessEvent,
    Unexpected,
)

__all__ = ["BerserkLichess", "open_lichess"]

stamina.instrumentation.set_on_retry_hooks(())  # whoever asks tells the failure, once

_Said = TypeVar("_Said")

_TRIES = 3
_MOST_GAMES: Final = 50
"""Source: Lichess API, "Get my ongoing games": `nb` is 50 at most."""
_FIRST_PAUSE = timedelta(milliseconds=200)
_LONGEST_PAUSE = timedelta(seconds=2)
_JITTER = timedelta(milliseconds=300)
_NOT_AS_PROMISED = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
"""What berserk raises over a body that is not what the API documents promise."""


def open_lichess(
    url: str, token: SecretStr, user: str | None = None, *, silence_limit: timedelta = SILENCE_LIMIT
) -> "BerserkLichess":
    """The port of one account; `user` is None until `account` has told the name."""
    return BerserkLichess(Login(url=url, token=token, user=user), silence_limit=silence_limit)


class BerserkLichess:
    """A `LichessPort`; see there for what its methods promise."""

    def __init__(
        self,
        login: Login,
        *,
        silence_limit: timedelta = SILENCE_LIMIT,
        limits: CallLimits | None = None,
    ) -> None:
        self._login = login
        self._limits = limits or CallLimits()
        self._requests = open_bounded(login, self._limits)
        self._berserk = berserk.Client(self._requests, base_url=login.url)
        path = "/api/stream/event"
        self._source = StreamSource(login=login, path=path, silence_limit=silence_limit)
        self._session: aiohttp.ClientSession | None = None
        self._streams: set[NdjsonStream] = set()

    async def account(self) -> Account:
        """See `LichessPort`."""
        account = parse_account(await self._ask("read the account", self._berserk.account.get))
        if isinstance(account, Unexpected):
            raise Unavailable(f"Lichess's answer is not what it should be: {account.why}")
        return account

    async def token_scopes(self) -> frozenset[str]:
        """See `LichessPort`."""
        token = self._login.token.get_secret_value()
        return parse_scopes(await self._ask("test the token", self._test_token), token)

    async def playing(self) -> tuple[GameSummary, ...]:
        """See `LichessPort`."""
        ongoing = self._berserk.games.get_ongoing
        return parse_playing(await self._ask("list its games", lambda: ongoing(_MOST_GAMES)))

    async def accept(self, challenge_id: GameId) -> None:
        """See `LichessPort`."""
        bots = self._berserk.bots
        call = f"accept the challenge {challenge_id}"
        await self._ask(call, lambda: bots.accept_challenge(challenge_id))

    async def decline(self, challenge_id: GameId, reason: DeclineReason) -> None:
        """See `LichessPort`."""
        bots = self._berserk.bots
        call = f"decline the challenge {challenge_id}"
        await self._ask(call, lambda: bots.decline_challenge(challenge_id, reason))

    async def upgrade_account(self) -> None:
        """See `LichessPort`."""
        await self._ask("become a bot account", self._berserk.account.upgrade_to_bot)

    async def export_pgn(self, game_id: GameId) -> str:
        """See `LichessPort`."""
        games = self._berserk.games
        call = f"export the game {game_id}"
        return str(await self._ask(call, lambda: games.export(game_id, as_pgn=True)))

    async def events(self) -> AsyncGenerator[LichessEvent | None, None]:
        """See `LichessPort`."""
        if self._session is None:
            self._session = open_session(self._login.url)
        stream = NdjsonStream(self._session, self._source)
        self._streams.add(stream)
        try:
            async with aclosing(stream.lines()) as lines:
                async for raw in lines:
                    yield None if raw is None else parse_event(raw)
        finally:
            self._streams.discard(stream)

    async def close(self) -> None:
        """See `LichessPort`."""
        for stream in tuple(self._streams):
            await stream.close()
        if self._session is not None:
            await self._session.close()
        self._requests.close()

    async def _ask(self, call: str, ask: Callable[[], _Said]) -> _Said:
        """One call, tried again while Lichess is in trouble; a 429 is never asked again here."""
        tries = stamina.retry_context(
            on=Unavailable,
            attempts=_TRIES,
            timeout=self._limits.patience,
            wait_initial=_FIRST_PAUSE,
            wait_max=_LONGEST_PAUSE,
            wait_jitter=_JITTER,
        )
        async for one_try in tries:
            with one_try:
                return await self._ask_once(call, ask)
        raise Unavailable(f"Lichess did not {call}.")

    async def _ask_once(self, call: str, ask: Callable[[], _Said]) -> _Said:
        """In a thread; when its time is over the thread ends by its own limits, unobserved."""
        limit_s = self._limits.call.total_seconds()
        try:
            async with asyncio.timeout(limit_s):
                return await asyncio.to_thread(self._translated, call, ask)
        except TimeoutError:
            pass
        raise Unavailable(f"Lichess did not {call} within {limit_s:g} s.")

    def _translated(self, call: str, ask: Callable[[], _Said]) -> _Said:
        """Calls berserk and raises in our own words, outside of `except`: see `describe`."""
        problem: LichessError
        try:
            return ask()
        except berserk.exceptions.ResponseError as error:
            problem = failure(call, _answer(error.response), self._login)
        except berserk.exceptions.ApiError as error:
            problem = self._unanswered(call, error.error)
        except requests.RequestException as error:
            problem = self._unanswered(call, error)
        except _NOT_AS_PROMISED as error:
            what = describe(error, self._login)
            problem = Unavailable(f"Lichess did not {call} as its documents say: {what}")
        raise problem

    def _unanswered(self, call: str, error: Exception) -> LichessError:
        why = describe(error, self._login)
        if isinstance(error, requests.TooManyRedirects):
            return Refused(f"Lichess did not {call}: {why}", HTTPStatus.FOUND)
        if isinstance(error, requests.ConnectionError):
            way = " through the proxy" if isinstance(error, requests.exceptions.ProxyError) else ""
            return Unavailable(f"{self._login.url} cannot be reached{way} to {call}: {why}")
        if isinstance(error, requests.Timeout):
            return Unavailable(f"Lichess did not {call}: no answer in time")
        return Unavailable(f"Lichess did not {call}: {why}")

    def _test_token(self) -> object:
        token = self._login.token.get_secret_value()
        response = self._requests.post(self._login.address("/api/token/test"), data=token)
        if not response.ok:
            raise berserk.exceptions.ResponseError(response)
        return response.json()


def _answer(response: requests.Response) -> Answer:
    return Answer(
        status=response.status_code,
        retry_after=response.headers.get("Retry-After"),
        body=response.content[:BODY_LIMIT],
    )
