"""`crabstick down`: no more challenges; the games are played on, or given up with `now`."""

import asyncio
from enum import Enum

from rich.console import Console

from actors.http.serve import end_http
from actors.ops.connect import connect, disconnect
from actors.ops.shutdown import (
    end_games,
    end_manager,
    engine_actors,
    find_listener,
    find_worker_set,
)
from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings
from crabstick.terminal.cluster import Cluster, turn
from crabstick.terminal.plural import counted
from crabstick.terminal.poll import LOST_BY_CTRL_C, wait_for_games

__all__ = ["Games", "down"]


class Games(Enum):
    """What becomes of the games that run."""

    PLAYED_ON = "played on"
    AWAITED = "awaited"
    GIVEN_UP = "given up"


def down(settings: Settings, address: str | None, games: Games, console: Console) -> None:
    """Ends the bot; its own Ray goes with it as soon as no game needs it.

    On a foreign cluster games that are played on do so after this returns; on a Ray of our own they
    are awaited, until KeyboardInterrupt. Games that are given up are resigned (Lichess aborts them
    instead while it may).

    Raises:
        EnvironmentProblem: no bot runs there.
    """
    with turn(address, console.print) as cluster:
        if cluster is None:
            raise EnvironmentProblem(
                "no bot of yours runs on this machine; name its cluster by --address or RAY_ADDRESS"
            )
        namespace, is_local = settings.cluster.namespace, cluster.local is not None
        is_reached = _reach(cluster, namespace, games, console)
        try:
            if is_reached:
                asyncio.run(_down(namespace, games, is_local=is_local, console=console))
        except KeyboardInterrupt:
            if is_local:
                console.print("the games that still run are given up: they run out of time")
            raise
        finally:
            disconnect()
            cluster.end(console.print)
    console.print("the bot is down")


def _reach(cluster: Cluster, namespace: str, games: Games, console: Console) -> bool:
    """Connects; a Ray of our own that hangs is ended without that when its games are given up.

    Raises:
        EnvironmentProblem: nothing answers.
    """
    try:
        connect(cluster.address, namespace)
    except EnvironmentProblem:
        if cluster.local is None:
            raise
        if games is not Games.GIVEN_UP:
            raise EnvironmentProblem(
                "the bot's own Ray runs and does not answer: try again, or end it and the games "
                "that it may still play by `crabstick down --now`"
            ) from None
        console.print("the bot's own Ray does not answer: its games cannot be resigned")
        return False
    return True


async def _down(namespace: str, games: Games, *, is_local: bool, console: Console) -> None:
    managers = [await find_worker_set(namespace), await find_listener(namespace)]
    if not any(managers) and not await engine_actors(namespace) and not is_local:
        raise EnvironmentProblem(f"no bot runs in the namespace {namespace} of this cluster")
    try:
        if games is Games.GIVEN_UP:
            await end_manager(namespace)
            console.print(f"gave up {counted(await end_games(namespace), 'game')}")
        elif is_local or games is Games.AWAITED:
            what = LOST_BY_CTRL_C if is_local else "Ctrl-C: they are played on without us"
            await wait_for_games(namespace, console, what)
        else:
            left = await end_manager(namespace)
            verb = "is" if left == 1 else "are"
            console.print(
                f"{counted(left, 'game')} {verb} played on to the end" if left else "no game runs"
            )
    finally:
        await end_http(namespace)
