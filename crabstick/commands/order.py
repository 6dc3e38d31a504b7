"""The commands that have the running bot do something: `why`, `block`, `challenge` and others."""

import asyncio
from datetime import timedelta

from rich.console import Console

from actors.clients import CALL_ERRORS, find_listener
from actors.messages import Order
from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings
from crabstick.terminal.running_bot import connected

PATIENCE = timedelta(seconds=30)
"""The order may need several calls to Lichess."""


def order(settings: Settings, address: str | None, wish: Order, console: Console) -> None:
    """Sends an order to the running bot, and prints what it says.

    Raises:
        EnvironmentProblem: no bot runs there, it does not answer, or it cannot do that.
    """
    with connected(settings, address):
        lines = asyncio.run(_send(settings.cluster.namespace, wish))
    for line in lines:
        console.print(line, soft_wrap=True)


async def _send(namespace: str, wish: Order) -> tuple[str, ...]:
    listener = await find_listener(namespace)
    if listener is None:
        raise EnvironmentProblem("no bot runs here: `crabstick up` starts it")
    try:
        reply = await listener.order(wish, PATIENCE)
    except CALL_ERRORS as error:
        raise EnvironmentProblem(f"the bot's EventListener does not answer: {error}") from None
    if reply.error:
        raise EnvironmentProblem(reply.error)
    return reply.lines
