"""One endpoint as an ASGI application: authorization, faults, handler, reply.

Source: Lichess API, Authentication; the error texts are Lichess's own.
"""

import asyncio
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import Literal, TypeAlias

from starlette.types import Receive, Scope, Send

from crabstick.sandbox.accounts import Bearer
from crabstick.sandbox.asgi import (
    OK,
    AnyReply,
    Call,
    Headers,
    Reply,
    StreamReply,
    drop,
    read_body,
    wait_disconnect,
)
from crabstick.sandbox.errors import ApiError, api_error, too_many_requests
from crabstick.sandbox.faults import AnyCallFault, LoseAnswer, RateLimit, ServerError
from crabstick.sandbox.sandbox import Sandbox
from crabstick.sandbox.streams import Message

Access: TypeAlias = Literal["public", "token", "admin"]
Handler: TypeAlias = Callable[[Sandbox, Call], AnyReply | list[Message]]
"""Returns a reply, or, for a successful command, the messages for streams."""

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
            call = Call(received_ms, scope, headers, await read_body(headers, receive), bearer)
            reply = _failure(fault) or self._handle(call)
        except ApiError as error:
            reply = Reply.of(error.body, error.status)
            if error.delay_s:
                await asyncio.sleep(error.delay_s)
        self._count(bearer, "lost" if lost else str(reply.status))
        if lost:
            await _lose(scope, receive, reply)
        else:
            await reply.send(scope, receive, send, self._scope_headers(bearer))

    def _admit(self, headers: Mapping[bytes, bytes]) -> Bearer | None:
        """Who asks; None where no account's token is needed."""
        if self._endpoint.access == "public":
            return None
        token = _token(headers)
        if self._endpoint.access == "admin":
            if not secrets.compare_digest(token.encode(), self._sandbox.admin_token.encode()):
                raise api_error("This is not the admin token of the sandbox", 403)
            return None
        bearer = self._sandbox.world.accounts.bearer(token)
        if bearer is None:
            raise api_error("No such token", 401)
        if not _user_agent_matches(headers.get(b"user-agent", b""), bearer.account.id):
            raise api_error("The user in the user-agent doesn't match the token bearer", 401)
        return bearer

    def _handle(self, call: Call) -> AnyReply:
        scopes = self._endpoint.scopes
        if call.bearer is not None and scopes and call.bearer.scopes.isdisjoint(scopes):
            raise api_error(f"Missing scope: {' || '.join(scopes)}", 403)
        result = self._endpoint.handler(self._sandbox, call)
        if not isinstance(result, list):
            return result
        self._sandbox.hub.deliver(result)
        return OK

    def _fault(self, scope: Scope, bearer: Bearer | None) -> AnyCallFault | None:
        if self._endpoint.access == "admin":
            return None
        params = scope["path_params"]
        game_id = params.get("game") or params.get("challenge") or ""
        who = ("" if bearer is None else bearer.account.id, game_id)
        return self._sandbox.faults.take(self._endpoint.name, scope["method"], scope["path"], who)

    def _count(self, bearer: Bearer | None, status: str) -> None:
        if self._endpoint.access != "admin":
            user_id = "" if bearer is None else bearer.account.id
            self._sandbox.world.ledger.requests[self._endpoint.name, user_id, status] += 1

    def _scope_headers(self, bearer: Bearer | None) -> Headers:
        if bearer is None:
            return ()
        return (
            (b"x-oauth-scopes", bearer.scope_text.encode()),
            (b"x-accepted-oauth-scopes", self._accepted),
        )


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
            wait = () if seconds is None else ((b"retry-after", str(seconds).encode()),)
            return Reply.of(too_many_requests().body, 429, wait)
        case ServerError(status=status):
            page = f"<h1>{status} {HTTPStatus(status).phrase}</h1>\n".encode()
            return Reply(status=status, body=page, content_type=b"text/html")
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
