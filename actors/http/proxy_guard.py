"""The guard of the endpoints, in Ray Serve's proxy, where a refusal costs microseconds.

Serve's proxy passes each request with its body to a replica, which costs both processes
milliseconds. The guard fetches a probe or a page once for all concurrent clients, answers floods
with 503, and refuses bodies. Requests for other applications on the same Serve pass untouched.

`serve.start` has no option for middleware. Serve's proxy calls the function that an environment
variable names.
"""

import asyncio
import json
import logging
import os
from contextlib import suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.config import HTTP_PROTOCOLS

from actors.http.limits import RETRY, Headers, SingleFlight, TokenBucket, error_response, objection

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
"""Like engines, the proxy has a lower priority than the actors that play."""

SHOWN: Final = frozenset({"content-type", "allow", "retry-after", "www-authenticate"})
"""The headers of an answer that a client sees."""
TOO_MANY: Final = error_response(503, "too many requests: try again in a second", RETRY)
NOT_UP: Final = error_response(503, "the bot is not up", RETRY)
NO_ANSWER: Final = error_response(503, "no answer in time", RETRY)
NOT_FOUND: Final = error_response(404, "not found")

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
            await (await self._answer(scope))(scope, receive, send)
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
        if answer is None or answer.status_code != 200:  # noqa: PLR2004 -- HTTP's OK
            return []
        return [prefix for prefix in json.loads(bytes(answer.body)) if prefix != "/"]

    async def _answer(self, scope: Scope) -> Response:
        refusal = objection(scope["headers"])
        if refusal is not None:
            return refusal
        path, method = scope["path"], scope["method"]
        is_read = method in READ and path in self._shared
        if not (is_read and path in PROBES):
            bucket = self._buckets.get(path, self._other_bucket)
            if not bucket.take(asyncio.get_running_loop().time()):
                return TOO_MANY
        if is_read:
            return await self._shared[path].get()
        return await self._fetch(method, path, scope["headers"])

    async def _fetch(self, method: str, path: str, headers: Headers = ()) -> Response:
        if path.startswith(SERVES_OWN):
            return NOT_FOUND
        answer = await self._pass(method, path, headers)
        return NO_ANSWER if answer is None else _cleaned(answer, is_ours=path in self._shared)

    async def _pass(self, method: str, path: str, headers: Headers = ()) -> Response | None:
        """Serve's answer; None when Serve takes too long, or fails."""
        messages: list[Message] = []
        body: asyncio.Queue[Message] = asyncio.Queue()  # no `http.disconnect` follows the body
        body.put_nowait({"type": "http.request", "body": b"", "more_body": False})

        async def note(message: Message) -> None:
            messages.append(message)

        limit = SHUTDOWN_PATIENCE if path == SHUTDOWN else PATIENCE
        try:
            async with asyncio.timeout(limit.total_seconds()):
                await self._app(_scope(method, path, headers), body.get, note)
        except TimeoutError:
            return None
        except Exception:  # noqa: BLE001 -- Serve may raise anything
            _log.exception("Serve failed to answer")
            return None
        if not messages or messages[-1].get("more_body"):
            return None
        answer = Response(b"".join(message.get("body", b"") for message in messages[1:]))
        answer.status_code = messages[0]["status"]
        answer.raw_headers = [*messages[0]["headers"]]
        return answer


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


def _cleaned(answer: Response, *, is_ours: bool) -> Response:
    """Replaces Serve's own errors, which are plain text where ours are JSON, and drops headers."""
    status, kind = answer.status_code, answer.headers.get("content-type")
    if status >= 400 and kind != "application/json":  # noqa: PLR2004 -- HTTP's errors
        if status == 404:  # noqa: PLR2004 -- HTTP's not found
            return NOT_UP if is_ours else NOT_FOUND
        return NO_ANSWER
    shown = {name: value for name, value in answer.headers.items() if name.lower() in SHOWN}
    return Response(answer.body, status, shown)
