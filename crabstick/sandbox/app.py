"""The sandbox as an ASGI application: the table of endpoints, and two periodic tasks."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

from starlette.routing import Router
from starlette.types import Receive, Scope, Send

from crabstick.sandbox import routes_account, routes_admin, routes_challenges, routes_games
from crabstick.sandbox.accounts import Accounts, default_accounts
from crabstick.sandbox.asgi import Reply
from crabstick.sandbox.endpoint import route
from crabstick.sandbox.errors import not_found
from crabstick.sandbox.options import Options
from crabstick.sandbox.sandbox import Sandbox

_API = (*routes_games.ENDPOINTS, *routes_account.ENDPOINTS, *routes_challenges.ENDPOINTS)
_TICK = timedelta(milliseconds=250)


class SandboxApp:
    """The ASGI application; `sandbox` holds its state.

    Args:
        sandbox: created by `create_app`.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        routes = [route(sandbox, endpoint) for endpoint in (*_API, *routes_admin.ENDPOINTS)]
        self._router = Router(
            routes, default=_not_found, lifespan=self._lifespan, redirect_slashes=False
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, or the lifespan of the server."""
        await self._router(scope, receive, send)

    @asynccontextmanager
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


def create_app(
    accounts: Accounts | None = None, *, admin_token: str, options: Options | None = None
) -> SandboxApp:
    """Creates a sandbox.

    Args:
        accounts: None for the default accounts.
        admin_token: the token for `/sandbox/`.
        options: None for Lichess's behaviour.
    """
    return SandboxApp(
        Sandbox(
            accounts or default_accounts(),
            admin_token,
            options or Options(),
            [endpoint.name for endpoint in _API],
        )
    )


async def _repeat(step: Callable[[], None], every: timedelta) -> None:
    while True:
        await asyncio.sleep(every.total_seconds())
        step()


async def _not_found(scope: Scope, receive: Receive, send: Send) -> None:
    await Reply.from_error(not_found()).send(scope, receive, send, ())
