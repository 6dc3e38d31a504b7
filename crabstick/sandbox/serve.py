"""Serving a sandbox with uvicorn: one socket, connections that can be torn, a quick end."""

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

__all__ = ["SandboxServer", "listen", "run", "url_of"]

_BACKLOG = 1024
_GRACE_S = 1
_IDLE_CONNECTION_S = 75
_LINGER_NOT = struct.pack("ii", 1, 0)


def run(*, host: str, port: int, accounts: Accounts, admin_token: str, options: Options) -> None:
    """Serve until SIGINT or SIGTERM; port 0 takes a free one.

    Raises:
        EnvironmentProblem: the port or the host cannot be had.
    """
    with contextlib.closing(listen(host, port)) as listener:
        options = replace(options, site=url_of(listener))
        app = create_app(accounts, admin_token=admin_token, options=options)
        SandboxServer(app, listener).run()


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket.

    Raises:
        EnvironmentProblem: the port or the host cannot be had.
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
    """Tell under which URL a socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Connection(HttpToolsProtocol):
    """A connection that tells its requests how to tear it."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {"crabstick.connection": cast("dict[object, object]", self)}

    def tear(self, *, reset: bool) -> None:
        """Close at once without writing anything more; with a TCP reset if wanted."""
        if reset:
            raw = self.transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
        self.transport.abort()


class SandboxServer(uvicorn.Server):
    """A uvicorn server that ends its open streams first, and whose signals just end it.

    Args:
        app: what is served.
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
        """Serve until told to stop."""
        super().run(sockets=sockets or [self._listener])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets=sockets)
        on_ready = self._app.sandbox.world.options.on_ready
        if on_ready is not None:
            on_ready(url_of(self._listener))

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, give them a moment, and close what is left."""
        self._app.sandbox.hub.end_all()
        await asyncio.sleep(0)
        await super().shutdown(sockets=sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  (uvicorn's)
        """Stop at the first signal, without being killed by it afterwards."""
        self.force_exit = self.should_exit
        self.should_exit = True
