"""`crabstick up`: starts the bot, on the named cluster or on a local Ray cluster.

Idempotent; a second `up` also replaces what a fault-tolerant local cluster has lost.
"""

import asyncio
import os
from dataclasses import dataclass

from rich.console import Console

from actors.local_ray.cluster_files import ClusterFiles
from actors.local_ray.fault_tolerant import start_fault_tolerant
from actors.local_ray.local_cluster import start_local_cluster
from actors.local_ray.ports import require_free
from actors.local_ray.profiles import FULL, SMALL
from actors.messages import ActorConfig
from actors.ops.connect import connect, disconnect
from actors.ops.deploy import actor_config
from crabstick.check.machine import identify, try_engine
from crabstick.errors import ConfigError, EnvironmentProblem
from crabstick.settings import Settings
from crabstick.terminal.bot_cluster import BotCluster, game_cpus, locked_cluster, named_cluster
from crabstick.terminal.follow import follow
from crabstick.terminal.running_bot import deploy_bot, wait_restored

FAULT_TOLERANCE = "--gcs-fault-tolerance"
SMALL_PROFILE = "--small"
ELSEWHERE = {
    FAULT_TOLERANCE: "the head of that cluster needs it",
    SMALL_PROFILE: "that cluster keeps what it was started with",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """The switches of `up` for a local cluster that it starts; a running one does not change.

    Attributes:
        gcs_fault_tolerance: the head may die.
        small: without dashboard and the processes that feed it.
    """

    gcs_fault_tolerance: bool = False
    small: bool = False

    def check_address(self, address: str | None) -> None:
        """Refuses the switches for a named cluster.

        Raises:
            ConfigError: a switch is given, and a cluster is named.
        """
        named = named_cluster(address)
        for switch in self._given() if named else ():
            raise ConfigError(
                f"{switch} is for a Ray cluster that crabstick starts itself, and {named} is "
                f"another: leave the switch out, {ELSEWHERE[switch]} (docs/deploying.md)"
            )

    def check_running(self, cluster: BotCluster | None) -> None:
        """Refuses switches that a running local cluster was not started with.

        Raises:
            EnvironmentProblem: the cluster lacks what a switch asks for.
        """
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


NICENESS = 10
"""That of the engines: behind the actors that play."""


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
        EnvironmentProblem: Lichess, the engine or the cluster is in the way.
    """
    options.check_address(address)
    bot = identify(settings).name
    config = actor_config(settings, bot)  # before Ray starts: a job's files may be unpacked anew
    with locked_cluster(address, config.namespace, console.print) as found:
        options.check_running(found)
        if found is None or found.local is not None:
            try_engine(settings)
        cluster = found or _start_local(settings, console, options)
        try:
            cluster = cluster.with_worker(game_cpus(settings), console.print)
            changed = _deploy(config, cluster, console)
        except BaseException:
            disconnect()
            if cluster.is_new:
                cluster.end(console.print)
            raise
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
