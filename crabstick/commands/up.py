"""`crabstick up`: the bot runs, on the cluster that is named or on a Ray of its own.

Doing it twice changes nothing, and mends a Ray of our own of which a part has gone.
"""

import asyncio
import os
from dataclasses import dataclass
from datetime import timedelta

from rich.console import Console

from actors.local_ray.fault_tolerant import start_pair
from actors.local_ray.head import start_local_ray
from actors.local_ray.ports import require_free
from actors.local_ray.profiles import FULL, SMALL
from actors.messages import ActorConfig
from actors.ops.connect import connect, dashboard_url, disconnect
from actors.ops.deploy import actor_config, deploy, wait_heard
from crabstick.check.machine import identify, try_engine
from crabstick.errors import ConfigError, EnvironmentProblem
from crabstick.settings import Settings
from crabstick.terminal.cluster import Cluster, named_cluster, turn
from crabstick.terminal.follow import follow, slots
from crabstick.terminal.poll import wait_restored

__all__ = ["OwnRay", "bring_up", "up"]

HEARD_PATIENCE = timedelta(seconds=20)
TOLERANCE = "--gcs-fault-tolerance"
SMALLNESS = "--small"
ELSEWHERE = {
    TOLERANCE: "the head of that cluster needs it",
    SMALLNESS: "that cluster has what it was started with",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnRay:
    """What a Ray that `up` starts shall be; one that runs already stays what it is.

    Attributes:
        gcs_fault_tolerance: its head may die.
        small: it has no dashboard, nor what feeds one.
    """

    gcs_fault_tolerance: bool = False
    small: bool = False

    def check(self, address: str | None) -> None:
        """Refuses a wish that has nothing to act on.

        Raises:
            ConfigError: another cluster is named.
        """
        named = named_cluster(address)
        for switch in self._switches() if named else ():
            raise ConfigError(
                f"{switch} is for a Ray that crabstick starts itself, and {named} is another: "
                f"leave the switch out, {ELSEWHERE[switch]} (docs/deploying.md)"
            )

    def check_found(self, found: Cluster | None) -> None:
        """Refuses what the cluster that runs cannot become.

        Raises:
            EnvironmentProblem: it was started without a switch that is given now.
        """
        local = found.local if found else None
        has = (
            {TOLERANCE: local.worker is not None, SMALLNESS: local.profile is SMALL}
            if local
            else {}
        )
        for switch in self._switches():
            if not has.get(switch, True):
                raise EnvironmentProblem(
                    f"the Ray that runs here was started without {switch}: end it first "
                    "(`crabstick down`)"
                )

    def _switches(self) -> list[str]:
        given = {TOLERANCE: self.gcs_fault_tolerance, SMALLNESS: self.small}
        return [switch for switch, is_given in given.items() if is_given]


ANY_RAY = OwnRay()


def up(
    settings: Settings,
    address: str | None,
    *,
    detach: bool,
    console: Console,
    own: OwnRay = ANY_RAY,
) -> None:
    """Brings the bot up, and follows it unless `detach`; where no Ray is, it starts `own`.

    Raises:
        ConfigError: a setting or the token is wrong, or the switch has nothing to act on.
        EnvironmentProblem: Lichess, the engine or the cluster is not as needed.
    """
    own.check(address)
    bot = identify(settings).name
    config = actor_config(settings, bot)  # before Ray is near: it may lay a job's files anew
    with turn(address, console.print) as found:
        own.check_found(found)
        if found is None or found.local is not None:
            try_engine(settings)
        cluster = found or _own_cluster(settings, console, own)
        try:
            cluster = cluster.with_worker(slots(settings), console.print)
            changed = _join(config, cluster, console)
        except BaseException:
            disconnect()
            if cluster.is_new:
                cluster.end(console.print)
            raise
    console.print(f"{bot} {'is up' if changed else 'was up already; nothing changed'}")
    if not detach:
        follow(settings, cluster, console)
    disconnect()


def _join(config: ActorConfig, cluster: Cluster, console: Console) -> bool:
    connect(cluster.address, config.namespace)
    if cluster.is_mended:
        asyncio.run(wait_restored(config.namespace))
    return bring_up(config, console)


def bring_up(config: ActorConfig, console: Console) -> bool:
    """Deploys on the connected cluster, and says where people can look.

    Raises:
        EnvironmentProblem: the cluster cannot run the bot, or its listener does not hear Lichess.
    """
    settings = Settings.from_message(config.settings)
    changed = asyncio.run(deploy(config))
    problem = asyncio.run(wait_heard(config.namespace, HEARD_PATIENCE))
    if problem:
        raise EnvironmentProblem(f"{config.bot} is up but does not hear Lichess: {problem}")
    address = dashboard_url()
    console.print(f"Ray dashboard: {address or 'none'}", soft_wrap=True)
    if address and os.environ.get("RAY_AUTH_MODE") == "token":
        console.print("  (it asks for the token that `ray get-auth-token` prints)")
    host = "127.0.0.1" if settings.http.host == "0.0.0.0" else settings.http.host  # noqa: S104
    console.print(f"Metrics: http://{host}:{settings.http.port}/metrics", soft_wrap=True)
    return changed


def _own_cluster(settings: Settings, console: Console, own: OwnRay) -> Cluster:
    require_free(settings.http.host, settings.http.port)
    console.print("starting Ray on this machine …")
    start = start_pair if own.gcs_fault_tolerance else start_local_ray
    form = SMALL if own.small else FULL
    local = start(cpus=slots(settings), say=console.print, profile=form)
    return Cluster(address=local.address, local=local, is_new=True)
