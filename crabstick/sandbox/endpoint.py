"""One endpoint as an ASGI application: authorization, faults, handler, reply.

Source: Lichess API, Authentication; the error texts are Lichess's own.
"""

import asyncio
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, TypeAlias

from starlette.types import Receive, Scope, Send

from crabstick.sandbox.accounts import Accounts, Bearer
from crabstick.sandbox.asgi import (
    AnyReply,
    Call,
    Headers,
    Reply,
    StreamReply,
    drop,
    read_body,
    wait_disconnect,
)
from crabstick.sandbox.errors import (
    ApiError,
    api_error,
    too_many_requests,
)
from crabstick.sandbox.faults import AnyCallFault, LoseAnswer, RateLimit, ServerError
from crabstick.sandbox.sandbox import Sandbox

Access: TypeAlias = Literal["public", "token", "admin"]
Handler: TypeAlias = Callable[[Sandbox, Call], AnyReply]

_USER_IN_AGENT = re.compile(r"(?:user|as):\s?([A-Za-z0-9_-]{2,30})", re.IGNORECASE)
_BEARER = b"bearer "


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A row of the table of endpoints."""

    name: str
    """The endpoint's name in the ledger and in faults."""
    method: Literal["GET", "POST", "DELETE"] | None
    """None for any."""
    path: str
    handler: Handler
    scopes: tuple[str, ...] = ()
    """Any one of them is enough; if empty, any token will do."""
    access: Access = "token"


class EndpointApp:
    """Handles the requests of one endpoint: authorization, faults, handler, reply."""

    def __init__(self, sandbox: Sandbox, endpoint: Endpoint) -> None:
        self._sandbox = sandbox
        self._endpoint = endpoint
        self._accepted = ",".join(endpoint.scopes).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        received_ms = self._sandbox.now_ms()
        headers = dict(scope["headers"])
        bearer: Bearer | None = None
        lost = False
        try:
            bearer = self._admit(headers)
            fault = self._fault(scope, bearer)
            lost = isinstance(fault, LoseAnswer)
            body = await read_body(headers, receive)
            call = Call(
                received_ms=received_ms,
                method=scope["method"],
                headers=headers,
                params=scope["path_params"],
                query_text=scope["query_string"],
                body=body,
                bearer=bearer,
            )
            reply = _failure(fault) or self._handle(call)
        except ApiError as error:
            reply = Reply.from_error(error)
            if error.delay_s:
                await asyncio.sleep(error.delay_s)
        self._count(bearer, "lost" if lost else str(reply.status))
        if lost:
            await _lose(scope, receive, reply)
        else:
            await reply.send(scope, receive, send, self._scope_headers(bearer))

    def _admit(self, headers: dict[bytes, bytes]) -> Bearer | None:
        endpoint = self._endpoint
        if endpoint.access == "admin":
            check_admin(headers, self._sandbox.admin_token)
        if endpoint.access != "token":
            return None
        return find_bearer(self._sandbox.world.accounts, headers)

    def _handle(self, call: Call) -> AnyReply:
        if call.bearer is not None:
            check_scopes(call.bearer, self._endpoint.scopes)
        return self._endpoint.handler(self._sandbox, call)

    def _fault(self, scope: Scope, bearer: Bearer | None) -> AnyCallFault | None:
        if self._endpoint.access == "admin":
            return None
        params = scope["path_params"]
        game_id = params.get("game") or params.get("challenge") or ""
        user_id = "" if bearer is None else bearer.user_id
        return self._sandbox.faults.take(
            self._endpoint.name, scope["method"], scope["path"], (user_id, game_id)
        )

    def _count(self, bearer: Bearer | None, status: str) -> None:
        if self._endpoint.access != "admin":
            user_id = "" if bearer is None else bearer.user_id
            self._sandbox.world.ledger.requests[self._endpoint.name, user_id, status] += 1

    def _scope_headers(self, bearer: Bearer | None) -> Headers:
        if bearer is None:
            return ()
        return (
            (b"x-oauth-scopes", bearer.scope_text.encode()),
            (b"x-accepted-oauth-scopes", self._accepted),
        )


def find_bearer(accounts: Accounts, headers: Mapping[bytes, bytes]) -> Bearer:
    """Finds the bearer of a request's token.

    Raises:
        ApiError: 401, for an unknown token, or another user's name in the User-Agent.
    """
    bearer = accounts.bearer(_token(headers))
    if bearer is None:
        raise api_error("No such token", 401)
    if not _user_agent_matches(headers.get(b"user-agent", b""), bearer.user_id):
        raise api_error("The user in the user-agent doesn't match the token bearer", 401)
    return bearer


def check_scopes(bearer: Bearer, scopes: tuple[str, ...]) -> None:
    """Requires one of the scopes; with no scopes any token passes.

    Raises:
        ApiError: 403, with the scopes.
    """
    if scopes and bearer.scopes.isdisjoint(scopes):
        raise api_error(f"Missing scope: {' || '.join(scopes)}", 403)


def check_admin(headers: Mapping[bytes, bytes], admin_token: str) -> None:
    """Requires the admin token of the sandbox.

    Raises:
        ApiError: 401 without a token, 403 with another.
    """
    token = _token(headers)
    if not secrets.compare_digest(token.encode(), admin_token.encode()):
        raise api_error("This is not the admin token of the sandbox", 403)


def _token(headers: Mapping[bytes, bytes]) -> str:
    value = headers.get(b"authorization", b"")
    if value[: len(_BEARER)].lower() != _BEARER:
        raise api_error("Missing authorization header", 401)
    return value[len(_BEARER) :].strip().decode("latin-1")


@lru_cache(maxsize=1024)
def _user_agent_matches(user_agent: bytes, user_id: str) -> bool:
    match = _USER_IN_AGENT.search(user_agent.decode("latin-1"))
    return match is None or match[1].lower() == user_id


def _failure(fault: AnyCallFault | None) -> Reply | None:
    """The reply of a fault that bypasses the handler."""
    match fault:
        case RateLimit(retry_after_s=seconds):
            limited = Reply.from_error(too_many_requests())
            if seconds is None:
                return limited
            return replace(limited, headers=((b"retry-after", str(seconds).encode()),))
        case ServerError(status=status):
            return Reply.server_failure(status)
        case LoseAnswer() | None:
            return None


async def _lose(scope: Scope, receive: Receive, reply: AnyReply) -> None:
    """Closes the connection instead of answering."""
    if isinstance(reply, StreamReply):
        reply.hub.close(reply.stream)
    left = asyncio.create_task(wait_disconnect(receive))
    try:
        await drop(scope, left, reset=False)
    finally:
        left.cancel()
