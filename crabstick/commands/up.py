"""`crabstick up`: the bot runs, on the cluster that is named or on a Ray of its own.

Doing it twice changes nothing. Without `detach` it follows the games; Ctrl-C then ends what `up`
began: on a Ray that it started, the first stops challenges and waits for the games, the second
leaves; where it only joined, it only stops following.
"""

import asyncio
import os
from contextlib import suppress
from datetime import timedelta

from rich.console import Console
from rich.live import Live

from actors.connect import connect, dashboard_url, disconnect
from actors.deploy import birth_for, deploy, wait_heard
from actors.local_ray import find_local_ray, start_local_ray
from actors.local_record import sole_command
from actors.messages import Birth
from actors.names import WORKER_SET
from actors.ports import port_is_free
from actors.runtime import ActorFailed, ActorGone, ActorSilent, ask
from actors.shutdown import end_manager, find, playing_actors
from crabstick.commands.check import identify, try_engine
from crabstick.commands.cluster import Cluster, turn
from crabstick.commands.picture import Picture, picture_of
from crabstick.commands.words import counted
from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings

__all__ = ["bring_up", "read_picture", "up", "wait_for_games"]

HEARD_PATIENCE = timedelta(seconds=20)
PICTURE_PATIENCE = timedelta(seconds=5)
REFRESH_S = 0.5


def up(settings: Settings, address: str | None, *, detach: bool, console: Console) -> None:
    """Brings the bot up, and follows it unless `detach`.

    Raises:
        ConfigError: a setting or the token is wrong.
        EnvironmentProblem: Lichess, the engine or the cluster is not as needed.
    """
    bot = identify(settings).name
    birth = birth_for(settings, bot)  # before Ray is near: it may lay a job's files anew
    with turn(address, console.print) as found:
        if found is None or found.local is not None:
            try_engine(settings)
        cluster = found or _own_cluster(settings, console)
        try:
            connect(cluster.address, settings.cluster.namespace)
            changed = bring_up(birth, console)
        except BaseException:
            disconnect()
            if cluster.is_new:
                cluster.end(console.print)
            raise
    console.print(f"{bot} {'is up' if changed else 'was up already; nothing changed'}")
    if not detach:
        _follow(settings.cluster.namespace, cluster, console)
    disconnect()


def bring_up(birth: Birth, console: Console) -> bool:
    """Deploys on the connected cluster, and says where people can look.

    Raises:
        EnvironmentProblem: the cluster cannot run the bot, or its listener does not hear Lichess.
    """
    settings = Settings.from_message(birth.settings)
    changed = asyncio.run(deploy(birth))
    problem = asyncio.run(wait_heard(birth.namespace, HEARD_PATIENCE))
    if problem:
        raise EnvironmentProblem(f"{birth.bot} is up but does not hear Lichess: {problem}")
    address = dashboard_url()
    console.print(f"Ray dashboard: {address or 'none'}", soft_wrap=True)
    if address and os.environ.get("RAY_AUTH_MODE") == "token":
        console.print("  (it asks for the token that `ray get-auth-token` prints)")
    host = "127.0.0.1" if settings.http.host == "0.0.0.0" else settings.http.host  # noqa: S104
    console.print(f"Metrics: http://{host}:{settings.http.port}/metrics", soft_wrap=True)
    return changed


async def read_picture(namespace: str) -> Picture | None:
    """What the WorkerSet shows of itself; None when there is none or it says nothing."""
    handle = await find(WORKER_SET, namespace)
    if handle is None:
        return None
    with suppress(ActorGone, ActorSilent, ActorFailed):
        return await ask(handle.statistics.remote({"v": 1}), PICTURE_PATIENCE)
    return None


def _own_cluster(settings: Settings, console: Console) -> Cluster:
    host, port = settings.http.host, settings.http.port
    if not port_is_free(host, port):
        raise EnvironmentProblem(
            f"port {port} on {host} is in use: end what listens there or set http.port to another"
        )
    slots = settings.challenges.max_games + settings.cluster.standby
    console.print("starting Ray on this machine …")
    local = start_local_ray(cpus=slots * settings.cluster.slot_cpus, say=console.print)
    return Cluster(address=local.address, local=local, is_new=True)


def _follow(namespace: str, cluster: Cluster, console: Console) -> None:
    """Shows the games until Ctrl-C or until the bot is gone."""
    try:
        with Live(console=console, auto_refresh=False, transient=True) as live:
            asyncio.run(_show(namespace, live))
    except KeyboardInterrupt:
        if cluster.is_new:
            with sole_command(console.print):
                _wait_and_end(namespace, cluster, console)
        else:
            console.print("no longer following; the bot goes on (`crabstick down` ends it)")
        return
    console.print("the bot was shut down")
    disconnect()  # whoever did it may end our Ray as well
    if cluster.is_new:
        with sole_command(console.print):
            if find_local_ray() == cluster.local:
                connect(cluster.address, namespace)
                _wait_and_end(namespace, cluster, console)


async def _show(namespace: str, live: Live) -> None:
    while (seen := await read_picture(namespace)) is not None or await find(WORKER_SET, namespace):
        if seen is not None:
            live.update(picture_of(seen), refresh=True)
        await asyncio.sleep(REFRESH_S)


def _wait_and_end(namespace: str, cluster: Cluster, console: Console) -> None:
    """No new games, and the end of our Ray when the last is over or at the next Ctrl-C."""
    try:
        asyncio.run(wait_for_games(namespace, console))
    except KeyboardInterrupt:
        console.print("leaving the games that still run")
    finally:
        disconnect()
        cluster.end(console.print)


async def wait_for_games(namespace: str, console: Console) -> None:
    """Ends the manager and returns when the last game is over."""
    games = await end_manager(namespace)
    if games:
        console.print(
            f"no more challenges; waiting for {counted(games, 'game')} (Ctrl-C leaves them)"
        )
    while await playing_actors(namespace):  # noqa: ASYNC110 -- other processes tell no event
        await asyncio.sleep(REFRESH_S)
