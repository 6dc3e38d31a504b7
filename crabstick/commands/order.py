"""The commands that have the running bot do something: `why`, `block`, `challenge` and others."""

import asyncio
from datetime import timedelta

from rich.console import Console

from actors.clients import CALL_ERRORS, find_listener
from actors.messages import Order
from actors.ops.connect import connect, disconnect
from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings
from crabstick.terminal.find_cluster import files_of, find_cluster, others_here

PATIENCE = timedelta(seconds=30)
"""The order may need several calls to Lichess."""
NO_BOT = "no bot runs here: `crabstick up` starts it"


def order(settings: Settings, address: str | None, wish: Order, console: Console) -> None:
    """Sends an order to the running bot, and prints what it says.

    Raises:
        EnvironmentProblem: no bot runs there, it does not answer, or it cannot do that.
    """
    namespace = settings.cluster.namespace
    cluster = find_cluster(settings, address)
    if cluster is None:
        raise EnvironmentProblem(NO_BOT + others_here(files_of(settings), namespace))
    connect(cluster.address, namespace)
    try:
        lines = asyncio.run(_send(namespace, wish))
    finally:
        disconnect()
    for line in lines:
        console.print(line, soft_wrap=True)


async def _send(namespace: str, wish: Order) -> tuple[str, ...]:
    listener = await find_listener(namespace)
    if listener is None:
        raise EnvironmentProblem(NO_BOT)
    try:
        reply = await listener.order(wish, PATIENCE)
    except CALL_ERRORS as error:
        raise EnvironmentProblem(f"the bot's EventListener does not answer: {error}") from None
    if reply.error:
        raise EnvironmentProblem(reply.error)
    return reply.lines
