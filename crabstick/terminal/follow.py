"""Follows a bot that is up: shows its games, and mends its Ray when that is ours to mend.

Ctrl-C then ends what `up` began: on a Ray that it started, the first stops challenges and waits for
the games, the second leaves; where it only joined, it only stops following.
"""

import asyncio
import time
from dataclasses import replace

from rich.console import Console
from rich.live import Live

from actors.local_ray.record import sole_command
from actors.messages import Statistics
from actors.ops.connect import connect, disconnect
from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings
from crabstick.terminal.cluster import Cluster, turn
from crabstick.terminal.live_table import render_table
from crabstick.terminal.observer import ObserverTask, send
from crabstick.terminal.poll import show, wait_for_games

__all__ = ["follow", "slots"]

RETRY_S = 10


def slots(settings: Settings) -> float:
    """The logical CPUs that a Ray of our own has for games."""
    return (settings.challenges.max_games + settings.cluster.standby) * settings.cluster.slot_cpus


def follow(settings: Settings, cluster: Cluster, console: Console) -> None:
    """Shows the games until Ctrl-C or until the bot is gone."""
    namespace = settings.cluster.namespace
    try:
        while not _watch(namespace, cluster, console):
            whole = _mended(settings, cluster, console)
            if whole is None:
                break
            cluster = whole
    except KeyboardInterrupt:
        if not cluster.is_new:
            console.print("no longer following; the bot goes on (`crabstick down` ends it)")
    else:
        console.print("the bot was shut down")
    if cluster.is_new:
        with sole_command(console.print):
            _wait_and_end(namespace, cluster, console)


def _watch(namespace: str, cluster: Cluster, console: Console) -> bool:
    """Whether the bot is gone; else its Ray is damaged."""
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def draw(seen: Statistics) -> None:
            live.update(render_table(seen), refresh=True)

        if not cluster.is_tolerant:
            asyncio.run(show(namespace, draw))
            return True
        disconnect()  # see `aside`
        address = cluster.address
        return send(
            ObserverTask.SHOW,
            address,
            namespace,
            is_lost=lambda: cluster.is_damaged,
            hear=lambda message: draw(Statistics.read(message)),
        )


def _mended(settings: Settings, cluster: Cluster, console: Console) -> Cluster | None:
    """Tries until our Ray is whole again; None when somebody else has ended it."""
    while True:
        try:
            return _mend(settings, cluster, console)
        except EnvironmentProblem as error:
            console.print(f"{error}; trying again in {RETRY_S} s", soft_wrap=True)
            time.sleep(RETRY_S)


def _mend(settings: Settings, cluster: Cluster, console: Console) -> Cluster | None:
    namespace = settings.cluster.namespace
    with turn(None, console.print) as found:
        if found is None or found.address != cluster.address:
            return None
        whole = found.with_worker(slots(settings), console.print)
    is_restored = send(
        ObserverTask.WAIT_RESTORED, whole.address, namespace, is_lost=lambda: whole.is_damaged
    )
    if is_restored and whole.local != cluster.local:
        console.print("the bot's Ray is whole again")
    return replace(whole, is_new=cluster.is_new)


def _wait_and_end(namespace: str, cluster: Cluster, console: Console) -> None:
    """No new games, and the end of our Ray when the last is over or at the next Ctrl-C."""
    is_over = False
    try:
        disconnect()  # whoever shut the bot down may have ended our Ray as well
        while not is_over and (ours := cluster.as_it_is()) is not None:
            is_over = _wait(namespace, ours.with_head(console.print), console)
    except KeyboardInterrupt:
        console.print("the games that still run are given up: they run out of time")
    finally:
        disconnect()
        if (ours := cluster.as_it_is()) is not None:
            ours.end(console.print)


def _wait(namespace: str, cluster: Cluster, console: Console) -> bool:
    """Whether the last game is over; else the head has gone."""
    if cluster.is_tolerant:
        return send(
            ObserverTask.WAIT_FOR_GAMES,
            cluster.address,
            namespace,
            is_lost=lambda: cluster.has_lost_head,
            hear=console.print,
        )
    connect(cluster.address, namespace)
    asyncio.run(wait_for_games(namespace, console))
    return True
