"""One endpoint as an ASGI application: authorization, faults, handler, reply."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from crabstick.sandbox.accounts import Bearer
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
from crabstick.sandbox.authorization import check_admin, check_scopes, find_bearer
from crabstick.sandbox.errors import ApiError, too_many_requests
from crabstick.sandbox.faults import LoseAnswer, RateLimit, ServerError
from crabstick.sandbox.sandbox import Sandbox

Access: TypeAlias = Literal["public", "token", "admin"]
Handler: TypeAlias = Callable[[Sandbox, Call], AnyReply]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A row of the table of endpoints."""

    name: str
    """The endpoint's name in the ledger and in faults."""
    method: Literal["GET", "POST", "DELETE"]
    path: str
    handler: Handler
    access: Access = "token"
    scopes: tuple[str, ...] = ()
    """Any one of them is enough; if empty, any token will do."""


def route(sandbox: Sandbox, endpoint: Endpoint) -> Route:
    """The route of an endpoint."""
    return Route(endpoint.path, _EndpointApp(sandbox, endpoint), methods=[endpoint.method])


class _EndpointApp:
    """Handles the requests of one endpoint: authorization, faults, handler, reply."""

    def __init__(self, sandbox: Sandbox, endpoint: Endpoint) -> None:
        self._sandbox = sandbox
        self._endpoint = endpoint
        self._accepted = ",".join(endpoint.scopes).encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
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

    def _fault(
        self, scope: Scope, bearer: Bearer | None
    ) -> RateLimit | ServerError | LoseAnswer | None:
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


def _failure(fault: RateLimit | ServerError | LoseAnswer | None) -> Reply | None:
    """The reply of a fault that bypasses the handler."""
    match fault:
        case RateLimit(retry_after_s=seconds):
            limited = Reply.from_error(too_many_requests())
            if seconds is None:
                return limited
            wait = ((b"retry-after", str(seconds).encode()),)
            return Reply(status=limited.status, body=limited.body, headers=wait)
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
