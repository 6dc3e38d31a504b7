"""The account's client, over berserk: no other module imports berserk.

berserk is synchronous, so each call runs in a thread, within `CallLimits`: berserk itself sets
neither timeouts nor a size limit. Its `TokenSession` also follows redirects, and lets `~/.netrc`
replace the token. `route` decides on proxy and certificates, as for the other clients. Four things
bypass berserk. The event stream: berserk drops keep-alives, so a dead stream looks like a quiet
one. The token test: berserk writes the body, which is the token, to its debug log. Login and
logout, which berserk lacks. An accepted challenge, the first step of each game: aiohttp needs no
thread and keeps its connections.
"""

import asyncio
import io
import ssl
import time
from collections.abc import AsyncGenerator, Callable, Collection, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final, TypeVar

import aiohttp
import berserk
import requests
import stamina
import urllib3
from pydantic import SecretStr
from requests.adapters import HTTPAdapter
from typing_extensions import override
from yarl import URL

from crabstick.errors import LichessError, Refused, Unavailable
from crabstick.lichess.account_parser import (
    parse_account,
    parse_arena,
    parse_bots,
    parse_challenge_id,
    parse_event,
    parse_idle,
    parse_playing,
    parse_scopes,
)
from crabstick.lichess.http import (
    BODY_LIMIT,
    TRANSPORT_ERRORS,
    Identity,
    LichessResponse,
    describe_error,
    error_for,
    open_session,
    read_response,
)
from crabstick.lichess.ndjson_stream import NdjsonStream, StreamSource
from crabstick.lichess.route import proxy_for, tls_for
from crabstick.rules.lichess_types import (
    Account,
    Arena,
    DeclineReason,
    GameId,
    GameSummary,
    LichessEvent,
    Unexpected,
)
from crabstick.rules.matchmaking import Proposal

stamina.instrumentation.set_on_retry_hooks(())  # the caller logs a failure, once

_ResultT = TypeVar("_ResultT")

ANSWER_LIMIT: Final = 8 * 1024 * 1024
"""In bytes; fifty games of `/api/account/playing` have about 30 kB."""

_MOST_GAMES: Final = 50
"""Source: Lichess API, "Get my ongoing games": `nb` is 50 at most."""
_MOST_BOTS: Final = 512
"""Source: Lichess API, "Get online bots"."""
_PROXY_ERRORS = (requests.exceptions.ProxyError, aiohttp.ClientProxyConnectionError)
_PARSE_ERRORS = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError)
"""Raised by berserk for a body that differs from the API documents."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimits:
    """Time limits of a call; each phase is bounded, so the thread of the call always ends."""

    connect: timedelta = timedelta(seconds=3)
    silence: timedelta = timedelta(seconds=6)
    """Before the response starts, and between two chunks."""
    body: timedelta = timedelta(seconds=8)
    """From the status line to the end of the body."""
    call: timedelta = timedelta(seconds=10)
    """For one whole try, as the caller sees it."""
    patience: timedelta = timedelta(seconds=15)
    """No further try begins after this."""


def open_lichess(url: str, token: SecretStr, user: str | None = None) -> "BerserkLichess":
    """The port of one account; `user` is None until `account` has returned the name."""
    return BerserkLichess(Identity(url=url, token=token, user=user))


class BerserkLichess:
    """A `LichessPort` over berserk."""

    def __init__(self, identity: Identity, *, limits: CallLimits | None = None) -> None:
        self._identity = identity
        self._limits = limits or CallLimits()
        self._requests = _bounded_session(identity, self._limits)
        self._berserk = berserk.Client(self._requests, base_url=identity.url)
        self._source = StreamSource(identity=identity, path="/api/stream/event")
        self._session: aiohttp.ClientSession | None = None
        self._retrying = stamina.AsyncRetryingCaller(
            attempts=3,
            timeout=self._limits.patience,
            wait_initial=timedelta(milliseconds=200),
            wait_max=timedelta(seconds=2),
            wait_jitter=timedelta(milliseconds=300),
        )
        self._streams: set[NdjsonStream] = set()

    async def account(self) -> Account:
        action = "read the account"
        account = parse_account(await self._call(action, self._berserk.account.get))
        if isinstance(account, Unexpected):
            raise _undocumented(action, account.why)
        return account

    async def token_scopes(self) -> frozenset[str]:
        token = self._identity.token.get_secret_value()
        return parse_scopes(await self._call("test the token", self._test_token), token)

    async def trade_code(self, form: Mapping[str, str]) -> SecretStr:
        """The token for a code of OAuth; this client's own token is the verifier of the code."""

        def trade() -> SecretStr:
            answer = self._send("POST", data=form, auth=lambda request: request)
            return SecretStr(answer.json()["access_token"])

        return await self._call_once("log in", trade)

    async def revoke_token(self) -> None:
        """Makes the token invalid."""
        await self._call("log out", lambda: self._send("DELETE"))

    async def playing(self) -> tuple[GameSummary, ...]:
        ongoing = self._berserk.games.get_ongoing
        return parse_playing(await self._call("list the bot's games", lambda: ongoing(_MOST_GAMES)))

    async def accept(self, challenge_id: GameId) -> None:
        action = f"accept the challenge {challenge_id}"
        path = f"/api/challenge/{challenge_id}/accept"
        await self._retrying(Unavailable, self._post, action, path)

    async def decline(self, challenge_id: GameId, reason: DeclineReason) -> None:
        action = f"decline the challenge {challenge_id}"
        await self._call(action, lambda: self._berserk.bots.decline_challenge(challenge_id, reason))

    async def challenge(self, proposal: Proposal) -> GameId:
        game, action = proposal.game, f"challenge {proposal.opponent}"
        made = await self._call_once(
            action,
            lambda: self._berserk.challenges.create(
                proposal.opponent,
                game.rated,
                clock_limit=int(game.clock.initial.total_seconds()),
                clock_increment=int(game.clock.increment.total_seconds()),
                color="white" if proposal.color else "black",
                variant=game.variant,  # type: ignore[arg-type]  # one of Lichess's
            ),
        )
        found = parse_challenge_id(made)
        if isinstance(found, Unexpected):
            raise _undocumented(action, found.why)
        return found

    async def cancel(self, challenge_id: GameId) -> None:
        cancel = self._berserk.challenges.cancel
        await self._call(f"cancel the challenge {challenge_id}", lambda: cancel(challenge_id))

    async def online_bots(self) -> tuple[Account, ...]:
        online = self._berserk.bots.get_online_bots
        return parse_bots(await self._call("list the bots", lambda: [*online(limit=_MOST_BOTS)]))

    async def idle(self, names: Collection[str]) -> frozenset[str]:
        statuses = self._berserk.users.get_realtime_statuses
        return parse_idle(await self._call("see who is online", lambda: statuses(*names)))

    async def arena(self, arena_id: str) -> Arena:
        action, read = f"read the tournament {arena_id}", self._berserk.tournaments.get_tournament
        found = parse_arena(await self._call(action, lambda: read(arena_id)))
        if isinstance(found, Unexpected):
            raise _undocumented(action, found.why)
        return found

    async def join_arena(self, arena_id: str, team: str | None, password: str | None) -> None:
        join = self._berserk.tournaments.join_arena
        await self._call(
            f"join the tournament {arena_id}",
            lambda: join(arena_id, password, team, should_pair_immediately=True),
        )

    async def leave_arena(self, arena_id: str) -> None:
        leave = self._berserk.tournaments.withdraw_arena
        await self._call(f"leave the tournament {arena_id}", lambda: leave(arena_id))

    async def upgrade_account(self) -> None:
        await self._call("become a bot account", self._berserk.account.upgrade_to_bot)

    async def events(self) -> AsyncGenerator[LichessEvent | None, None]:
        stream = NdjsonStream(self._open_session(), self._source)
        self._streams.add(stream)
        try:
            await stream.open()
            yield None  # the first line may come seconds later
            async with aclosing(stream.lines()) as lines:
                async for raw in lines:
                    yield None if raw is None else parse_event(raw)
        finally:
            await stream.close()
            self._streams.discard(stream)

    async def close(self) -> None:
        for stream in tuple(self._streams):
            await stream.close()
        if self._session is not None:
            await self._session.close()
        self._requests.close()

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = open_session(self._identity.url)
        return self._session

    async def _post(self, action: str, path: str) -> None:
        """Posts once without a body, over the session of the stream."""
        problem: LichessError
        try:
            async with self._open_session().post(
                URL(self._identity.address(path), encoded=True),
                headers=self._identity.headers(),
                timeout=aiohttp.ClientTimeout(total=self._limits.silence.total_seconds()),
                allow_redirects=False,
            ) as response:
                answer = await read_response(response)
        except TRANSPORT_ERRORS as error:
            problem = self._unanswered(action, error)
        else:
            if answer.status < HTTPStatus.MULTIPLE_CHOICES:
                return
            problem = error_for(action, answer, self._identity)
        raise problem

    async def _call(self, action: str, call: Callable[[], _ResultT]) -> _ResultT:
        """Makes a call, retried while Lichess is unavailable; a 429 is not retried."""
        return await self._retrying(Unavailable, self._call_once, action, call)

    async def _call_once(self, action: str, call: Callable[[], _ResultT]) -> _ResultT:
        """Makes a call in a thread; after a timeout the thread still ends, by its own limits."""
        limit_s = self._limits.call.total_seconds()
        try:
            async with asyncio.timeout(limit_s):
                return await asyncio.to_thread(self._call_berserk, action, call)
        except TimeoutError:
            pass
        raise Unavailable(f"Lichess did not answer the request to {action} within {limit_s:g} s.")

    def _call_berserk(self, action: str, call: Callable[[], _ResultT]) -> _ResultT:
        """Calls berserk and raises our own errors, outside of `except`: see `describe_error`."""
        problem: LichessError
        try:
            return call()
        except berserk.exceptions.ResponseError as error:
            problem = error_for(action, _response(error.response), self._identity)
        except berserk.exceptions.ApiError as error:
            problem = self._unanswered(action, error.error)
        except requests.RequestException as error:
            problem = self._unanswered(action, error)
        except _PARSE_ERRORS as error:
            problem = _undocumented(action, describe_error(error, self._identity))
        raise problem

    def _unanswered(self, action: str, error: Exception) -> LichessError:
        why = describe_error(error, self._identity)
        if isinstance(error, requests.TooManyRedirects):
            return Refused(f"Lichess refused the request to {action}: {why}", HTTPStatus.FOUND)
        if isinstance(error, requests.ConnectionError | aiohttp.ClientConnectorError):
            way = " through the proxy" if isinstance(error, _PROXY_ERRORS) else ""
            return Unavailable(f"{self._identity.url} cannot be reached{way} to {action}: {why}")
        if isinstance(error, requests.Timeout | TimeoutError):
            return Unavailable(f"Lichess did not answer the request to {action} in time")
        return Unavailable(f"Lichess failed at the request to {action}: {why}")

    def _test_token(self) -> object:
        return self._send("POST", "/test", data=self._identity.token.get_secret_value()).json()

    def _send(self, method: str, path: str = "", **more: Any) -> requests.Response:  # noqa: ANN401 -- for requests
        """Sends a request about the token."""
        address = self._identity.address(f"/api/token{path}")
        response = self._requests.request(method, address, **more)
        if not response.ok:
            raise berserk.exceptions.ResponseError(response)
        return response


def _undocumented(action: str, why: str) -> Unavailable:
    return Unavailable(f"Lichess's answer to the request to {action} is not as documented: {why}")


def _response(response: requests.Response) -> LichessResponse:
    return LichessResponse(
        status=response.status_code,
        retry_after=response.headers.get("Retry-After"),
        body=response.content[:BODY_LIMIT],
    )


def _bounded_session(identity: Identity, limits: CallLimits) -> requests.Session:
    """A session that sends token and User-Agent and keeps each response within the limits."""

    def authorize(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = identity.headers()["Authorization"]
        return request

    session = requests.Session()
    session.trust_env = False  # `~/.netrc`, proxies and certificates: see `route`
    session.auth = authorize
    session.headers["User-Agent"] = identity.user_agent()
    if proxy := proxy_for(identity.url):
        session.proxies["all"] = proxy
    for scheme in ("https://", "http://"):
        session.mount(scheme, _BoundedAdapter(limits, tls_for(identity.url)))
    return session


class _BoundedAdapter(HTTPAdapter):
    """Reads the whole response within the limits; follows no redirects."""

    def __init__(self, limits: CallLimits, tls: ssl.SSLContext | None) -> None:
        super().__init__()
        self._limits = limits
        self._tls = tls

    @override
    def build_connection_pool_key_attributes(self, *args: Any) -> Any:
        host, pool = super().build_connection_pool_key_attributes(*args)
        return host, {**pool, "ssl_context": self._tls}

    @override
    def cert_verify(self, *_: object) -> None:
        """Adds none of requests' own certificates."""

    @override
    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: float | tuple[float, float] | tuple[float, None] | None = None,
        verify: bool | str = True,
        cert: bytes | str | tuple[bytes | str, bytes | str] | None = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """See `HTTPAdapter.send`; ignores `stream` and `timeout`.

        Raises:
            requests.TooManyRedirects: the response is a redirect.
            requests.ConnectionError: no response arrived.
            requests.RequestException: the response breaks off or exceeds a limit.
        """
        del stream, timeout
        phases = (self._limits.connect.total_seconds(), self._limits.silence.total_seconds())
        response = super().send(
            request, stream=True, timeout=phases, verify=verify, cert=cert, proxies=proxies
        )
        try:
            body = self._read(response)
        except urllib3.exceptions.HTTPError as broken:
            raise requests.RequestException(f"the answer broke off: {broken}") from None
        finally:
            response.raw.close()
        if HTTPStatus.MULTIPLE_CHOICES <= response.status_code < HTTPStatus.BAD_REQUEST:
            target = response.headers.get("Location", "nowhere")[:100]
            raise requests.TooManyRedirects(f"redirected to {target}; is lichess.url right?")
        response.raw = io.BytesIO(body)
        return response

    def _read(self, response: requests.Response) -> bytes:
        end_s = time.monotonic() + self._limits.body.total_seconds()
        body = bytearray()
        while piece := response.raw.read1(64 * 1024, decode_content=True):
            body += piece
            if len(body) > ANSWER_LIMIT:
                raise requests.RequestException(f"an answer of more than {ANSWER_LIMIT} bytes")
            if time.monotonic() > end_s:
                raise requests.Timeout("the answer did not end in time")
        return bytes(body)
