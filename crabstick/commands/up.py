"""`crabstick up`: the bot runs, on the cluster that is named or on a Ray of its own.

Doing it twice changes nothing, and mends a Ray of our own of which a part has gone.
"""

import asyncio
import os
from datetime import timedelta

from rich.console import Console

from actors.connect import connect, dashboard_url, disconnect
from actors.deploy import birth_for, deploy, wait_heard
from actors.local_pair import start_pair
from actors.local_ray import start_local_ray
from actors.messages import Birth
from actors.ports import require_free
from crabstick.commands.check import identify, try_engine
from crabstick.commands.cluster import Cluster, named_cluster, turn
from crabstick.commands.follow import follow, slots
from crabstick.commands.watch import wait_restored
from crabstick.errors import ConfigError, EnvironmentProblem
from crabstick.settings import Settings

__all__ = ["bring_up", "up"]

HEARD_PATIENCE = timedelta(seconds=20)


def up(
    settings: Settings,
    address: str | None,
    *,
    detach: bool,
    console: Console,
    gcs_fault_tolerance: bool = False,
) -> None:
    """Brings the bot up, and follows it unless `detach`.

    With `gcs_fault_tolerance` a Ray that it starts is one whose head may die.

    Raises:
        ConfigError: a setting or the token is wrong, or the switch has nothing to act on.
        EnvironmentProblem: Lichess, the engine or the cluster is not as needed.
    """
    if gcs_fault_tolerance:
        _check_local(address)
    bot = identify(settings).name
    birth = birth_for(settings, bot)  # before Ray is near: it may lay a job's files anew
    with turn(address, console.print) as found:
        if gcs_fault_tolerance:
            _check_tolerant(found)
        if found is None or found.local is not None:
            try_engine(settings)
        cluster = found or _own_cluster(settings, console, gcs_fault_tolerance=gcs_fault_tolerance)
        try:
            cluster = cluster.with_worker(slots(settings), console.print)
            changed = _join(birth, cluster, console)
        except BaseException:
            disconnect()
            if cluster.is_new:
                cluster.end(console.print)
            raise
    console.print(f"{bot} {'is up' if changed else 'was up already; nothing changed'}")
    if not detach:
        follow(settings, cluster, console)
    disconnect()


def _check_local(address: str | None) -> None:
    named = named_cluster(address)
    if named:
        raise ConfigError(
            f"--gcs-fault-tolerance is for a Ray that crabstick starts itself, and {named} is "
            "another: leave the switch out, the head of that cluster needs it (docs/deploying.md)"
        )


def _check_tolerant(found: Cluster | None) -> None:
    if found is not None and not found.is_tolerant:
        raise EnvironmentProblem(
            "the Ray that runs here was started without --gcs-fault-tolerance: end it first "
            "(`crabstick down`)"
        )


def _join(birth: Birth, cluster: Cluster, console: Console) -> bool:
    connect(cluster.address, birth.namespace)
    if cluster.is_mended:
        asyncio.run(wait_restored(birth.namespace))
    return bring_up(birth, console)


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


def _own_cluster(settings: Settings, console: Console, *, gcs_fault_tolerance: bool) -> Cluster:
    require_free(settings.http.host, settings.http.port)
    console.print("starting Ray on this machine …")
    start = start_pair if gcs_fault_tolerance else start_local_ray
    local = start(cpus=slots(settings), say=console.print)
    return Cluster(address=local.address, local=local, is_new=True)
