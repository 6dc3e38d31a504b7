"""The guard of the endpoints, in Ray Serve's proxy, where a refusal costs microseconds.

Serve's proxy passes each request with its body to a replica, which costs both processes
milliseconds. The guard fetches a probe or a page once for all concurrent clients, refuses floods
until later, and refuses bodies. Requests for other applications on the same Serve pass untouched.

`serve.start` has no option for middleware. Serve's proxy calls the function that an environment
variable names.
"""

import asyncio
import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import HTTP_PROTOCOLS

from actors.http.limits import (
    TOO_MANY,
    Answer,
    Headers,
    SingleFlight,
    TokenBucket,
    error_answer,
    objection,
)

ENVIRONMENT: Final = {
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "actors.http.proxy_guard.install_guard"
}
"""The variables of a Serve proxy with the guard."""

PROBES: Final = ("/livez", "/readyz")
METRICS: Final = "/metrics"
PAGES: Final = (METRICS, "/games")
SHUTDOWN: Final = "/shutdown"
SERVES_OWN: Final = "/-/"
"""Serve's own pages, which show the names of applications."""
READ: Final = ("GET", "HEAD")
MAX_AGE: Final = timedelta(milliseconds=250)
ROUTES_MAX_AGE: Final = timedelta(seconds=1)
PATIENCE: Final = timedelta(seconds=3)
SHUTDOWN_PATIENCE: Final = timedelta(seconds=25)
BURST: Final = 40
INTERVAL: Final = timedelta(milliseconds=50)
"""Forty requests at once, then twenty a second. Probes do not count. `/metrics` and `/shutdown`
have buckets of their own, so that a flood of other pages stops neither Prometheus nor the owner."""
NICENESS: Final = 10
"""Lower priority than the actors that play, like their engines."""

SHOWN: Final = frozenset({b"content-type", b"allow", b"retry-after", b"www-authenticate"})
"""The headers of an answer that a client sees."""
NOT_UP: Final = error_answer(503, "the bot is not up", (b"retry-after", b"1"))
NO_ANSWER: Final = error_answer(503, "no answer in time", (b"retry-after", b"1"))
NOT_FOUND: Final = error_answer(404, "not found")

_log = logging.getLogger("ray.serve")


def install_guard() -> list[Middleware]:
    """Prepares the process of Serve's proxy, which calls this before it listens."""
    HTTP_PROTOCOLS["auto"] = "actors.http.uvicorn_protocol:BoundedHttp"
    _lower_priority()
    return [Middleware(Guard)]


def _lower_priority() -> None:
    """Lowers the priority of all threads; later threads inherit it."""
    for thread in Path("/proc/self/task").glob("*"):
        with suppress(OSError):  # the thread has ended
            task = int(thread.name)
            niceness = max(os.getpriority(os.PRIO_PROCESS, task), NICENESS)
            os.setpriority(os.PRIO_PROCESS, task, niceness)


class Guard:
    """ASGI middleware; `app` is Serve's proxy."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._buckets = {path: TokenBucket(BURST, INTERVAL) for path in (METRICS, SHUTDOWN)}
        self._other_bucket = TokenBucket(BURST, INTERVAL)
        self._shared = {
            path: SingleFlight(partial(self._fetch, "GET", path), MAX_AGE)
            for path in (*PROBES, *PAGES)
        }
        self._other_prefixes = SingleFlight(self._fetch_other_prefixes, ROUTES_MAX_AGE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if await self._is_of_other_application(scope["path"]):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await _send(await self._answer(scope), send)
        else:
            await send({"type": "websocket.close"})

    async def _is_of_other_application(self, path: str) -> bool:
        if path in self._shared or path == SHUTDOWN or path.startswith(SERVES_OWN):
            return False
        prefixes = await self._other_prefixes.get()
        return any(f"{path}/".startswith(f"{prefix}/") for prefix in prefixes)

    async def _fetch_other_prefixes(self) -> list[str]:
        """The route prefixes of the other applications on this Serve."""
        answer = await self._pass("GET", "/-/routes")
        if answer is None or answer.status != 200:  # noqa: PLR2004 -- HTTP's OK
            return []
        return [prefix for prefix in json.loads(answer.body) if prefix != "/"]

    async def _answer(self, scope: Scope) -> Answer:
        refusal = objection(scope["headers"])
        if refusal is not None:
            return refusal
        path, method = scope["path"], scope["method"]
        is_read = method in READ and path in self._shared
        if not (is_read and path in PROBES) and not self._lets_in(path):
            return TOO_MANY
        if is_read:
            return await self._shared[path].get()
        return await self._fetch(method, path, scope["headers"])

    def _lets_in(self, path: str) -> bool:
        bucket = self._buckets.get(path, self._other_bucket)
        return bucket.take(asyncio.get_running_loop().time())

    async def _fetch(self, method: str, path: str, headers: Headers = ()) -> Answer:
        if path.startswith(SERVES_OWN):
            return NOT_FOUND
        answer = await self._pass(method, path, headers)
        return NO_ANSWER if answer is None else _cleaned(answer, is_ours=path in self._shared)

    async def _pass(self, method: str, path: str, headers: Headers = ()) -> Answer | None:
        """Serve's answer; None when Serve takes too long, or fails."""
        messages: list[Message] = []

        async def note(message: Message) -> None:
            messages.append(message)

        limit = SHUTDOWN_PATIENCE if path == SHUTDOWN else PATIENCE
        try:
            async with asyncio.timeout(limit.total_seconds()):
                await self._app(_scope(method, path, headers), _NoBody().receive, note)
        except TimeoutError:
            return None
        except Exception:  # noqa: BLE001 -- Serve may raise anything
            _log.exception("Serve failed to answer")
            return None
        if not messages or messages[-1].get("more_body"):
            return None
        return Answer(
            status=messages[0]["status"],
            body=b"".join(message.get("body", b"") for message in messages[1:]),
            headers=tuple((name, value) for name, value in messages[0]["headers"]),
        )


class _NoBody:
    """Receives the empty body of a client that does not disconnect."""

    def __init__(self) -> None:
        self._is_read = False

    async def receive(self) -> Message:
        if self._is_read:
            await asyncio.Event().wait()
        self._is_read = True
        return {"type": "http.request", "body": b"", "more_body": False}


def _scope(method: str, path: str, headers: Headers) -> Scope:
    """A request with only what our endpoints read: some headers would change what Serve does."""
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(name, value) for name, value in headers if name == b"authorization"],
        "client": None,
        "server": None,
    }


def _cleaned(answer: Answer, *, is_ours: bool) -> Answer:
    """Replaces Serve's own errors, which are plain text where ours are JSON, and drops headers."""
    kind: Mapping[bytes, bytes] = dict(answer.headers)
    if answer.status >= 400 and kind.get(b"content-type") != b"application/json":  # noqa: PLR2004 -- HTTP's errors
        if answer.status == 404:  # noqa: PLR2004 -- HTTP's not found
            return NOT_UP if is_ours else NOT_FOUND
        return NO_ANSWER
    shown = tuple((name, value) for name, value in answer.headers if name.lower() in SHOWN)
    return Answer(status=answer.status, body=answer.body, headers=shown)


async def _send(answer: Answer, send: Send) -> None:
    length = (b"content-length", str(len(answer.body)).encode())
    headers = [*answer.headers, length]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
