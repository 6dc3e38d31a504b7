"""The door of Ray Serve's proxy: what need not reach our endpoints ends here, in microseconds.

Serve's proxy hands each request over to a replica, body and all, which costs milliseconds of two
processes. So a probe or a page is fetched once for all who ask at the same time, whoever asks for
too much is told to come back later, and a body is not let in. Applications of other people on the
same Serve are none of our business: what goes to them passes untouched.

Serve makes no place for this in `serve.start`; its proxy calls what an environment variable names.
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

from actors.http.limits import TOO_MANY, Answer, Headers, TokenBucket, error_answer, objection
from actors.http.single_flight import SingleFlight

__all__ = ["ENVIRONMENT", "Guard", "install_guard"]

ENVIRONMENT: Final = {
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "actors.http.guard.install_guard"
}
"""What a Serve proxy has in its environment that stands behind this door."""

PROBES: Final = ("/livez", "/readyz")
METRICS: Final = "/metrics"
PAGES: Final = (METRICS, "/games")
SHUTDOWN: Final = "/shutdown"
SERVES_OWN: Final = "/-/"
"""Serve's own pages tell names of applications."""
READ: Final = ("GET", "HEAD")
AGE: Final = timedelta(milliseconds=250)
ROUTES_AGE: Final = timedelta(seconds=1)
PATIENCE: Final = timedelta(seconds=3)
SHUTDOWN_PATIENCE: Final = timedelta(seconds=25)
AT_ONCE: Final = 40
EVERY: Final = timedelta(milliseconds=50)
"""Forty at once, and twenty a second after that; probes are not counted, and a flood of other pages
costs neither Prometheus its scrape nor the owner the shutdown."""
NICENESS: Final = 10
"""Behind the actors that play, like their engines."""

SHOWN: Final = frozenset({b"content-type", b"allow", b"retry-after", b"www-authenticate"})
"""No other header of an answer goes out."""
NOT_UP: Final = error_answer(503, "the bot is not up", (b"retry-after", b"1"))
NO_ANSWER: Final = error_answer(503, "no answer in time", (b"retry-after", b"1"))
NOT_FOUND: Final = error_answer(404, "not found")

_log = logging.getLogger("ray.serve")


def install_guard() -> list[Middleware]:
    """Serve's proxy calls this before it listens; returns what its requests go through."""
    HTTP_PROTOCOLS["auto"] = "actors.http.protocol:BoundedHttp"
    _step_back()
    return [Middleware(Guard)]


def _step_back() -> None:
    """Lets those go first who have a clock running; threads to come inherit it."""
    for thread in Path("/proc/self/task").glob("*"):
        with suppress(OSError):  # it ended meanwhile
            task = int(thread.name)
            niceness = max(os.getpriority(os.PRIO_PROCESS, task), NICENESS)
            os.setpriority(os.PRIO_PROCESS, task, niceness)


class Guard:
    """ASGI middleware; `app` is Serve's proxy."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._budgets = {path: TokenBucket(AT_ONCE, EVERY) for path in (METRICS, SHUTDOWN)}
        self._rest = TokenBucket(AT_ONCE, EVERY)
        self._fetched = {
            path: SingleFlight(partial(self._fetch, "GET", path), AGE) for path in (*PROBES, *PAGES)
        }
        self._others = SingleFlight(self._find_others, ROUTES_AGE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if await self._is_for_others(scope["path"]):
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await _give(await self._answer(scope), send)
        else:
            await send({"type": "websocket.close"})

    async def _is_for_others(self, path: str) -> bool:
        if path in self._fetched or path == SHUTDOWN or path.startswith(SERVES_OWN):
            return False
        return any(f"{path}/".startswith(f"{prefix}/") for prefix in await self._others.get())

    async def _find_others(self) -> list[str]:
        """The prefixes of the other applications, as Serve lists them."""
        answer = await self._pass("GET", "/-/routes")
        if answer is None or answer.status != 200:  # noqa: PLR2004 -- HTTP's OK
            return []
        return [prefix for prefix in json.loads(answer.body) if prefix != "/"]

    async def _answer(self, scope: Scope) -> Answer:
        refusal = objection(scope["headers"])
        if refusal is not None:
            return refusal
        path, method = scope["path"], scope["method"]
        is_read = method in READ and path in self._fetched
        if not (is_read and path in PROBES) and not self._lets_in(path):
            return TOO_MANY
        if is_read:
            return await self._fetched[path].get()
        return await self._fetch(method, path, scope["headers"])

    def _lets_in(self, path: str) -> bool:
        budget = self._budgets.get(path, self._rest)
        return budget.take(asyncio.get_running_loop().time())

    async def _fetch(self, method: str, path: str, headers: Headers = ()) -> Answer:
        if path.startswith(SERVES_OWN):
            return NOT_FOUND
        answer = await self._pass(method, path, headers)
        return NO_ANSWER if answer is None else _cleaned(answer, is_ours=path in self._fetched)

    async def _pass(self, method: str, path: str, headers: Headers = ()) -> Answer | None:
        """What Serve answers; None when that takes too long, or fails."""
        messages: list[Message] = []

        async def note(message: Message) -> None:
            messages.append(message)

        limit = SHUTDOWN_PATIENCE if path == SHUTDOWN else PATIENCE
        try:
            async with asyncio.timeout(limit.total_seconds()):
                await self._app(_scope(method, path, headers), _NoBody().receive, note)
        except TimeoutError:
            return None
        except Exception:  # noqa: BLE001 -- whatever Serve raises, there is no answer
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
    """What a request without a body brings, from somebody who waits for the answer."""

    def __init__(self) -> None:
        self._is_read = False

    async def receive(self) -> Message:
        if self._is_read:
            await asyncio.Event().wait()
        self._is_read = True
        return {"type": "http.request", "body": b"", "more_body": False}


def _scope(method: str, path: str, headers: Headers) -> Scope:
    """A request that has nothing but what our endpoints read: Serve obeys some headers."""
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
    """An answer without Serve's own words: they are plain text, and ours are not."""
    kind: Mapping[bytes, bytes] = dict(answer.headers)
    if answer.status >= 400 and kind.get(b"content-type") != b"application/json":  # noqa: PLR2004 -- HTTP's errors
        if answer.status == 404:  # noqa: PLR2004 -- HTTP's not found
            return NOT_UP if is_ours else NOT_FOUND
        return NO_ANSWER
    shown = tuple((name, value) for name, value in answer.headers if name.lower() in SHOWN)
    return Answer(status=answer.status, body=answer.body, headers=shown)


async def _give(answer: Answer, send: Send) -> None:
    length = (b"content-length", str(len(answer.body)).encode())
    headers = [*answer.headers, length]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
