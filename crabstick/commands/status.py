"""`crabstick status`: prints the state of the running bot, for a person or as JSON."""

import asyncio
import json

from rich.console import Console

from actors.clients import engine_actors, find_worker_set
from actors.messages import Statistics
from crabstick.errors import EnvironmentProblem
from crabstick.explain import counted
from crabstick.settings import Settings
from crabstick.terminal.live_table import render_table
from crabstick.terminal.running_bot import connected, fetch_statistics


def status(settings: Settings, address: str | None, *, as_json: bool, console: Console) -> None:
    """Prints the state of the bot once.

    Raises:
        EnvironmentProblem: no bot runs there, or its WorkerSet does not answer.
    """
    with connected(settings, address):
        seen = asyncio.run(_ask(settings.cluster.namespace))
    if as_json:
        console.print_json(json.dumps(seen.shown()))
    else:
        console.print(render_table(seen))


async def _ask(namespace: str) -> Statistics:
    seen = await fetch_statistics(namespace)
    if seen is not None:
        return seen
    if await find_worker_set(namespace) is None:
        games = len(await engine_actors(namespace))
        going = f"the bot is going down: {counted(games, 'game')} may still be played"
        raise EnvironmentProblem(going if games else "no bot runs here: `crabstick up` starts it")
    raise EnvironmentProblem(
        "the bot's WorkerSet does not answer: it restarts or hangs; its games go on meanwhile"
    )
