"""`crabstick up`: starts the bot, on the named cluster or on a local Ray cluster, and follows it.

Idempotent; a second `up` also replaces what a fault-tolerant local cluster has lost. Following
shows the games, and repairs such a cluster. Ctrl-C ends what this `up` began: if it started the
cluster, the first Ctrl-C stops challenges and waits for the games, and the second ends the cluster.
Otherwise Ctrl-C only stops following.
"""

import asyncio
import os
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace

from rich.console import Console
from rich.live import Live

from actors.local_ray.fault_tolerant import start_fault_tolerant
from actors.local_ray.local_cluster import ClusterFiles, start_local_cluster
from actors.local_ray.ports import require_free
from actors.local_ray.profiles import FULL, SMALL
from actors.messages import ActorConfig, Statistics
from actors.ops.connect import connect, disconnect
from actors.ops.deploy import actor_config
from crabstick.check.local_checks import identify, try_engine
from crabstick.errors import ConfigError, EnvironmentProblem
from crabstick.settings import Settings
from crabstick.terminal.find_cluster import BotCluster, game_cpus, locked_cluster, named_cluster
from crabstick.terminal.live_table import render_table
from crabstick.terminal.observer_process import ObserverTask, run_observer
from crabstick.terminal.running_bot import deploy_bot, show, wait_for_games, wait_restored

FAULT_TOLERANCE = "--gcs-fault-tolerance"
SMALL_PROFILE = "--small"
ELSEWHERE = {
    FAULT_TOLERANCE: "fault tolerance is set on the head of that cluster",
    SMALL_PROFILE: "that cluster keeps what it was started with",
}
NICENESS = 10
"""The niceness of the engines: this process comes after the actors that play."""
RETRY_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """The switches of `up` for a local cluster that it starts; a running one does not change.

    Attributes:
        gcs_fault_tolerance: whether the cluster survives the loss of its head.
        small: whether the cluster has no dashboard and no processes that feed it.
    """

    gcs_fault_tolerance: bool = False
    small: bool = False

    def check_address(self, address: str | None) -> None:
        """Raises ConfigError when a switch is given and a cluster is named."""
        named = named_cluster(address)
        for switch in self._given() if named else ():
            raise ConfigError(
                f"{switch} is for a Ray cluster that crabstick starts itself, and {named} is "
                f"another: leave the switch out; {ELSEWHERE[switch]} (docs/deploying.md)"
            )

    def check_running(self, cluster: BotCluster | None) -> None:
        """Raises EnvironmentProblem when a running local cluster lacks what a switch asks for."""
        local = cluster.local if cluster else None
        if local is None:
            return
        has = {FAULT_TOLERANCE: local.is_fault_tolerant, SMALL_PROFILE: local.profile is SMALL}
        for switch in self._given():
            if not has[switch]:
                raise EnvironmentProblem(
                    f"the Ray cluster that runs here was started without {switch}: end it first "
                    "(`crabstick down`)"
                )

    def _given(self) -> list[str]:
        given = {FAULT_TOLERANCE: self.gcs_fault_tolerance, SMALL_PROFILE: self.small}
        return [switch for switch, is_given in given.items() if is_given]


def up(
    settings: Settings,
    address: str | None,
    *,
    detach: bool,
    console: Console,
    options: LocalOptions,
) -> None:
    """Starts the bot and follows it unless `detach`; starts a local cluster if there is none.

    Raises:
        ConfigError: a setting, the token or a switch is wrong.
        EnvironmentProblem: Lichess, the engine or the cluster prevents the start.
    """
    options.check_address(address)
    bot = identify(settings).name
    config = actor_config(settings, bot)  # before Ray starts: a job's files may be unpacked anew
    with locked_cluster(address, config.namespace, console.print) as found:
        options.check_running(found)
        if found is None or found.local is not None:
            try_engine(settings)
        cluster = found or _start_local(settings, console, options)
        with ExitStack() as undo:
            if cluster.is_new:
                undo.callback(lambda: cluster.end(console.print))
            undo.callback(disconnect)
            cluster = cluster.with_worker(game_cpus(settings), console.print)
            changed = _deploy(config, cluster, console)
            undo.pop_all()
    console.print(f"{bot} {'is up' if changed else 'was up already; nothing changed'}")
    if not detach:
        follow(settings, cluster, console)
    disconnect()


def _deploy(config: ActorConfig, cluster: BotCluster, console: Console) -> bool:
    if cluster.local is None:
        os.nice(NICENESS)  # games on this machine go first, and this process starts no Ray
    connect(cluster.address, config.namespace)
    if cluster.has_new_head:
        asyncio.run(wait_restored(config.namespace))
    return deploy_bot(config, console)


def _start_local(settings: Settings, console: Console, options: LocalOptions) -> BotCluster:
    require_free(settings.http.host, settings.http.port)
    console.print("starting Ray on this machine …")
    start = start_fault_tolerant if options.gcs_fault_tolerance else start_local_cluster
    local = start(
        cpus=game_cpus(settings),
        files=ClusterFiles(settings.cluster.namespace),
        profile=SMALL if options.small else FULL,
        notify=console.print,
    )
    return BotCluster(address=local.address, local=local, is_new=True)


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
        disconnect()  # see `observer_process`
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
        ObserverTask.WAIT_RESTORED, repaired.address, namespace, is_lost=lambda: repaired.is_damaged
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
