"""Serves a sandbox with uvicorn: one socket, connections that can be aborted, a quick end."""

import asyncio
import contextlib
import errno
import socket
import struct
from dataclasses import replace
from types import FrameType
from typing import cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from crabstick.errors import EnvironmentProblem
from crabstick.sandbox.accounts import Accounts
from crabstick.sandbox.app import SandboxApp, create_app
from crabstick.sandbox.options import Options

_BACKLOG = 1024
_GRACE_S = 1
_IDLE_CONNECTION_S = 75
_LINGER_NOT = struct.pack("ii", 1, 0)


def run(*, host: str, port: int, accounts: Accounts, admin_token: str, options: Options) -> None:
    """Serves until SIGINT or SIGTERM; port 0 takes a free port.

    Raises:
        EnvironmentProblem: the host or port is not available.
    """
    with contextlib.closing(listen(host, port)) as listener:
        options = replace(options, site=url_of(listener))
        app = create_app(accounts, admin_token=admin_token, options=options)
        SandboxServer(app, listener).run()


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
        app: the application.
        listener: the socket; the caller closes it.
    """

    def __init__(self, app: SandboxApp, listener: socket.socket) -> None:
        config = uvicorn.Config(
            app,
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
        self._app = app
        self._listener = listener

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
        self.force_exit = self.should_exit
        self.should_exit = True
