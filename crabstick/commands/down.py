"""`crabstick down`: the bot takes no more challenges; its games finish, or are resigned."""

import asyncio
from contextlib import nullcontext
from enum import Enum

from rich.console import Console

from actors.clients import engine_actors, find_listener, find_worker_set
from actors.local_ray.local_cluster import ClusterFiles
from actors.ops.connect import connect, disconnect
from actors.ops.shutdown import end_games, end_manager
from crabstick.errors import EnvironmentProblem
from crabstick.explain import counted
from crabstick.settings import Settings
from crabstick.terminal.find_cluster import (
    BotCluster,
    files_of,
    find_cluster,
    named_cluster,
    others_here,
    wait_restarted,
)
from crabstick.terminal.running_bot import LOST_BY_CTRL_C, wait_for_games


class RunningGames(Enum):
    """What `down` does with the running games."""

    LEAVE = "leave"
    AWAIT = "await"
    RESIGN = "resign"


def down(settings: Settings, address: str | None, games: RunningGames, console: Console) -> None:
    """Ends the bot, and its local cluster with it.

    With `LEAVE` the games on a named cluster go on after this returns. A local cluster is ended
    after its last game, or on KeyboardInterrupt. Lichess aborts a resigned game if it still can.

    Raises:
        EnvironmentProblem: no bot runs there.
    """
    namespace = settings.cluster.namespace
    files = None if named_cluster(address) else files_of(settings)
    with files.locked(console.print) if files else nullcontext():
        cluster = _local(files, namespace, console) if files else find_cluster(settings, address)
        assert cluster is not None  # noqa: S101 -- it is local or named
        is_local = files is not None
        is_connected = _try_connect(cluster, namespace, games, console)
        try:
            if files is not None:
                files.save_config({})  # if Ray dies now, the bot is not restarted
            if is_connected:
                asyncio.run(_end_bot(namespace, games, is_local=is_local, console=console))
        except KeyboardInterrupt:
            if is_local:
                console.print("the games that still run are given up: they run out of time")
            raise
        finally:
            disconnect()
            cluster.end(console.print)
    console.print("the bot is down")


def _local(files: ClusterFiles, namespace: str, console: Console) -> BotCluster:
    """The bot's local cluster; one that is being started is waited for.

    Raises:
        EnvironmentProblem: there is none.
    """
    local = files.load()
    if local is None or not local.is_there:
        raise EnvironmentProblem(
            "no bot of yours runs on this machine; name its cluster by --address or RAY_ADDRESS"
            f"{others_here(files, namespace)}"
        )
    if not local.is_ready:
        console.print("the bot's Ray is being started; waiting for it …")
        local = wait_restarted(files) or local
    return BotCluster(address=local.address, files=files)


def _try_connect(
    cluster: BotCluster, namespace: str, games: RunningGames, console: Console
) -> bool:
    """Returns False for a local cluster that hangs, if its games are to be resigned anyway.

    Raises:
        EnvironmentProblem: the cluster does not answer.
    """
    try:
        connect(cluster.address, namespace)
    except EnvironmentProblem:
        if cluster.files is None:
            raise
        if games is not RunningGames.RESIGN:
            raise EnvironmentProblem(
                "the bot's local Ray cluster runs and does not answer: try again, or end it and "
                "the games that it may still play by `crabstick down --now`"
            ) from None
        console.print("the bot's local Ray cluster does not answer: its games cannot be resigned")
        return False
    return True


async def _end_bot(
    namespace: str, games: RunningGames, *, is_local: bool, console: Console
) -> None:
    if not is_local and not await _is_any_actor_there(namespace):
        raise EnvironmentProblem(f"no bot runs in the namespace {namespace} of this cluster")
    try:
        if games is RunningGames.RESIGN:
            await end_manager(namespace)
            console.print(f"gave up {counted(await end_games(namespace), 'game')}")
        elif is_local or games is RunningGames.AWAIT:
            effect = LOST_BY_CTRL_C if is_local else "Ctrl-C: they are played on without us"
            await wait_for_games(namespace, console.print, effect)
        else:
            left = await end_manager(namespace)
            verb = "is" if left == 1 else "are"
            console.print(
                f"{counted(left, 'game')} {verb} played on to the end" if left else "no game runs"
            )
    finally:
        if not is_local:  # Ray ends with all that runs on it
            from actors.http.start_serve import end_http

            await end_http(namespace)


async def _is_any_actor_there(namespace: str) -> bool:
    managers = [await find_worker_set(namespace), await find_listener(namespace)]
    return any(managers) or bool(await engine_actors(namespace))
