"""Serves a sandbox: the ASGI application with all endpoints, and its uvicorn server.

The server has one socket, connections that can be aborted, and a quick end.
"""

import asyncio
import contextlib
import errno
import socket
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from types import FrameType
from typing import cast

import uvicorn
from starlette.routing import Route, Router
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from crabstick.errors import EnvironmentProblem
from crabstick.sandbox import routes_account, routes_admin, routes_challenges, routes_games
from crabstick.sandbox.accounts import Accounts
from crabstick.sandbox.endpoint import EndpointApp
from crabstick.sandbox.options import Options
from crabstick.sandbox.sandbox import Sandbox
from crabstick.signals import ignored_interrupts

_API = (*routes_games.ENDPOINTS, *routes_account.ENDPOINTS, *routes_challenges.ENDPOINTS)
_TICK = timedelta(milliseconds=250)
_BACKLOG = 1024
_GRACE_S = 1
_IDLE_CONNECTION_S = 75
_LINGER_NOT = struct.pack("ii", 1, 0)


class SandboxApp:
    """The ASGI application: all endpoints and two periodic tasks; `sandbox` holds its state."""

    def __init__(self, accounts: Accounts, admin_token: str, options: Options) -> None:
        rows = (*_API, *routes_admin.ENDPOINTS)
        names = [row.name for row in rows if row.access != "admin"]
        self.sandbox = Sandbox(accounts, admin_token, options, names)
        routes = [
            Route(row.path, EndpointApp(self.sandbox, row), methods=row.method and [row.method])
            for row in rows
        ]
        self._router = Router(routes, lifespan=self._lifespan, redirect_slashes=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, or the lifespan of the server."""
        await self._router(scope, receive, send)

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: object) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as loops:
            tasks = [
                loops.create_task(_repeat(self.sandbox.tick, _TICK)),
                loops.create_task(_repeat(self.sandbox.sweep, self.sandbox.world.options.sweep)),
            ]
            yield
            self.sandbox.hub.end_all()
            for task in tasks:
                task.cancel()


def run(*, host: str, port: int, accounts: Accounts, admin_token: str, options: Options) -> None:
    """Serves until SIGINT or SIGTERM; port 0 takes a free port.

    Raises:
        EnvironmentProblem: the host or port is not available.
    """
    with contextlib.closing(listen(host, port)) as listener:
        SandboxServer(listener, accounts, admin_token, options).run()


def listen(host: str, port: int) -> socket.socket:
    """Opens the listening socket.

    Raises:
        EnvironmentProblem: the host or port is not available.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            problem = f"port {port} on {host} is already in use: choose another port"
        else:
            problem = f"cannot listen on {host} port {port}: {error.strerror or error}"
        raise EnvironmentProblem(problem) from None


def url_of(listener: socket.socket) -> str:
    """The URL of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Connection(HttpToolsProtocol):
    """A connection that its requests can abort."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {"crabstick.connection": cast("dict[object, object]", self)}

    def abort(self, *, reset: bool) -> None:
        """Closes the connection without writing anything more, optionally with a TCP reset."""
        if reset:
            raw = self.transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self.transport.abort()


class SandboxServer(uvicorn.Server):
    """A uvicorn server that ends its open streams first, and stops at the first signal.

    Args:
        listener: the socket; the caller closes it.
        accounts: the accounts.
        admin_token: the token for `/sandbox/`.
        options: the options; the server's URL becomes their `site`.
    """

    def __init__(
        self, listener: socket.socket, accounts: Accounts, admin_token: str, options: Options
    ) -> None:
        self._app = SandboxApp(accounts, admin_token, replace(options, site=url_of(listener)))
        self._listener = listener
        self._ignored = ignored_interrupts()
        config = uvicorn.Config(
            self._app,
            http=_Connection,
            ws="none",
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            date_header=False,
            backlog=_BACKLOG,
            timeout_keep_alive=_IDLE_CONNECTION_S,
            timeout_graceful_shutdown=_GRACE_S,
        )
        super().__init__(config)

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serves until stopped."""
        super().run(sockets=sockets or [self._listener])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts, then calls `on_ready`."""
        await super().startup(sockets=sockets)
        on_ready = self._app.sandbox.world.options.on_ready
        if on_ready is not None:
            on_ready(url_of(self._listener))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends the streams, gives them a moment, and closes the remaining connections."""
        self._app.sandbox.hub.end_all()
        await asyncio.sleep(0)
        await super().shutdown(sockets=sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  (uvicorn's)
        """Stops at the first signal; the process does not die of the signal afterwards."""
        if sig not in self._ignored:  # uvicorn handles a signal even if it was ignored
            self.force_exit = self.should_exit
            self.should_exit = True


async def _repeat(step: Callable[[], None], every: timedelta) -> None:
    while True:
        await asyncio.sleep(every.total_seconds())
        step()
