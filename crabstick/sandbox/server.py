"""Serves a sandbox: uvicorn with one socket, connections that can be aborted, and a quick end."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from types import FrameType

import uvicorn
from starlette.routing import Route, Router

from crabstick.errors import EnvironmentProblem
from crabstick.sandbox import routes_account, routes_admin, routes_challenges, routes_games
from crabstick.sandbox.accounts import Accounts
from crabstick.sandbox.asgi import Connection
from crabstick.sandbox.endpoint import EndpointApp
from crabstick.sandbox.options import Options
from crabstick.sandbox.sandbox import Sandbox
from crabstick.signals import ignored_interrupts

_ENDPOINTS = (
    *routes_games.ENDPOINTS,
    *routes_account.ENDPOINTS,
    *routes_challenges.ENDPOINTS,
    *routes_admin.ENDPOINTS,
)
_TICK = timedelta(milliseconds=250)
_BACKLOG = 1024
_GRACE_S = 1
_IDLE_CONNECTION_S = 75


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


class SandboxServer(uvicorn.Server):
    """A uvicorn server that ends its open streams first, and stops at SIGINT or SIGTERM.

    The caller closes the listener. The server's URL becomes the `site` of the options.
    """

    def __init__(
        self, listener: socket.socket, accounts: Accounts, admin_token: str, options: Options
    ) -> None:
        names = [row.name for row in _ENDPOINTS if row.access != "admin"]
        options = replace(options, site=url_of(listener))
        self._sandbox = Sandbox(accounts, admin_token, options, names)
        self._listener = listener
        self._ignored = ignored_interrupts()
        routes = [
            Route(row.path, EndpointApp(self._sandbox, row), methods=row.method and [row.method])
            for row in _ENDPOINTS
        ]
        config = uvicorn.Config(
            Router(routes, lifespan=self._lifespan, redirect_slashes=False),
            http=Connection,
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
        self._sandbox.world.options.on_ready(url_of(self._listener))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends the streams, gives them a moment, and closes the remaining connections."""
        self._sandbox.hub.end_all()
        await asyncio.sleep(0)
        await super().shutdown(sockets=sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  (uvicorn's)
        """Stops at the first signal; the process does not die of the signal afterwards."""
        if sig not in self._ignored:  # uvicorn handles a signal even if it was ignored
            self.force_exit = self.should_exit
            self.should_exit = True

    @contextlib.asynccontextmanager
    async def _lifespan(self, _app: object) -> AsyncIterator[None]:
        """Repeats the periodic work of the sandbox."""
        sandbox = self._sandbox
        async with asyncio.TaskGroup() as loops:
            tasks = [
                loops.create_task(_repeat(sandbox.tick, _TICK)),
                loops.create_task(_repeat(sandbox.sweep, sandbox.world.options.sweep)),
            ]
            yield
            for task in tasks:
                task.cancel()


async def _repeat(step: Callable[[], None], every: timedelta) -> None:
    while True:
        await asyncio.sleep(every.total_seconds())
        step()
