"""Follows a running bot: shows its games, and repairs a fault-tolerant local cluster.

Ctrl-C ends what this `up` began. If `up` started the cluster, the first Ctrl-C stops challenges and
waits for the games, and the second ends the cluster. Otherwise Ctrl-C only stops following.
"""

import asyncio
import time
from dataclasses import replace

from rich.console import Console
from rich.live import Live

from actors.local_ray.cluster_files import ClusterFiles
from actors.messages import Statistics
from actors.ops.connect import connect, disconnect
from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings
from crabstick.terminal.bot_cluster import BotCluster, game_cpus, locked_cluster
from crabstick.terminal.live_table import render_table
from crabstick.terminal.observer import ObserverTask, run_observer
from crabstick.terminal.running_bot import show, wait_for_games

RETRY_S = 10


def follow(settings: Settings, cluster: BotCluster, console: Console) -> None:
    """Shows the games until Ctrl-C or until the bot is gone."""
    namespace = settings.cluster.namespace
    try:
        while not _show_games(namespace, cluster, console):
            repaired = _repair_until_done(settings, cluster, console)
            if repaired is None:
                break
            cluster = repaired
    except KeyboardInterrupt:
        if not cluster.is_new:
            console.print("no longer following; the bot goes on (`crabstick down` ends it)")
    else:
        console.print("the bot was shut down")
    if cluster.is_new:
        with ClusterFiles(namespace).locked(console.print):
            _wait_and_end(namespace, cluster, console)


def _show_games(namespace: str, cluster: BotCluster, console: Console) -> bool:
    """Returns True when the bot is gone, and False when the cluster is damaged."""
    with Live(console=console, auto_refresh=False, transient=True) as live:

        def draw(statistics: Statistics) -> None:
            live.update(render_table(statistics), refresh=True)

        if not cluster.is_fault_tolerant:
            asyncio.run(show(namespace, draw))
            return True
        disconnect()  # see `observer`
        address = cluster.address
        return run_observer(
            ObserverTask.SHOW,
            address,
            namespace,
            is_lost=lambda: cluster.is_damaged,
            on_report=lambda message: draw(Statistics.read(message)),
        )


def _repair_until_done(
    settings: Settings, cluster: BotCluster, console: Console
) -> BotCluster | None:
    """Tries until the cluster is complete again; None when another command has ended it."""
    while True:
        try:
            return _repair(settings, cluster, console)
        except EnvironmentProblem as error:
            console.print(f"{error}; trying again in {RETRY_S} s", soft_wrap=True)
            time.sleep(RETRY_S)


def _repair(settings: Settings, cluster: BotCluster, console: Console) -> BotCluster | None:
    namespace = settings.cluster.namespace
    with locked_cluster(None, namespace, console.print) as found:
        if found is None or found.address != cluster.address:
            return None
        repaired = found.with_worker(game_cpus(settings), console.print)
    is_restored = run_observer(
        ObserverTask.WAIT_RESTORED,
        repaired.address,
        namespace,
        is_lost=lambda: repaired.is_damaged,
    )
    if is_restored and repaired.local != cluster.local:
        console.print("the bot's Ray cluster is whole again")
    return replace(repaired, is_new=cluster.is_new)


def _wait_and_end(namespace: str, cluster: BotCluster, console: Console) -> None:
    """Stops challenges; ends the cluster after the last game or at the next Ctrl-C."""
    is_over = False
    try:
        disconnect()  # the command that shut the bot down may have ended the cluster as well
        while not is_over and (current := cluster.refreshed()) is not None:
            is_over = _wait_for_games(namespace, current.with_head(console.print), console)
    except KeyboardInterrupt:
        console.print("the games that still run are given up: they run out of time")
    finally:
        disconnect()
        if (current := cluster.refreshed()) is not None:
            current.end(console.print)


def _wait_for_games(namespace: str, cluster: BotCluster, console: Console) -> bool:
    """Returns True after the last game, and False when the head is lost."""
    if cluster.is_fault_tolerant:
        return run_observer(
            ObserverTask.WAIT_FOR_GAMES,
            cluster.address,
            namespace,
            is_lost=lambda: cluster.has_lost_head,
            on_report=console.print,
        )
    connect(cluster.address, namespace)
    asyncio.run(wait_for_games(namespace, console.print))
    return True
