"""`crabstick down`: no more challenges; the games are played on, or given up with `now`."""

import asyncio

from rich.console import Console

from actors.connect import connect, disconnect
from actors.names import EVENT_LISTENER, WORKER_SET
from actors.shutdown import end_games, end_http, end_manager, find, playing_actors
from crabstick.commands.up import cluster_of, wait_for_games
from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings

__all__ = ["down"]


def down(settings: Settings, address: str | None, *, now: bool, console: Console) -> None:
    """Ends the bot; its own Ray goes with it as soon as no game needs it.

    On a foreign cluster the games go on after this returns. With `now` they are resigned (Lichess
    aborts them instead while it may).

    Raises:
        EnvironmentProblem: no bot runs there.
    """
    cluster = cluster_of(address)
    if cluster is None:
        raise EnvironmentProblem(
            "no bot of yours runs on this machine; name its cluster by --address or RAY_ADDRESS"
        )
    namespace = settings.cluster.namespace
    connect(cluster.address, namespace)
    try:
        asyncio.run(_down(namespace, now=now, is_local=cluster.local is not None, console=console))
    except KeyboardInterrupt:
        console.print("leaving the games that still run")
    finally:
        disconnect()
        if cluster.local is not None:
            cluster.local.end()
    console.print("the bot is down")


async def _down(namespace: str, *, now: bool, is_local: bool, console: Console) -> None:
    actors = [await find(name, namespace) for name in (WORKER_SET, EVENT_LISTENER)]
    if not any(actors) and not await playing_actors(namespace) and not is_local:
        raise EnvironmentProblem(f"no bot runs in the namespace {namespace} of this cluster")
    if now:
        await end_manager(namespace)
        console.print(f"gave up {await end_games(namespace)} games")
    elif is_local:
        await wait_for_games(namespace, console)
    else:
        games = await end_manager(namespace)
        console.print(f"{games} games are played on to their end" if games else "no game runs")
    await end_http(namespace)
