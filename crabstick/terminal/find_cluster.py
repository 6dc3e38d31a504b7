"""Finds the Ray cluster that a command is about: the named one, else the bot's local cluster."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from actors.local_ray.local_cluster import ClusterFiles, LocalCluster, living_processes
from actors.local_ray.process_ref import ProcessRef
from actors.local_ray.supervisor import stop_supervisor
from crabstick.errors import EnvironmentProblem
from crabstick.settings import TOKEN_VARIABLE, Settings, given_token

RESTART_LIMIT: Final = timedelta(minutes=3)
POLL_S: Final = 0.1
STARTING: Final = "the bot's Ray is being started: ask again in a moment"


@dataclass(frozen=True, slots=True, kw_only=True)
class BotCluster:
    """The Ray cluster on which a bot runs.

    Attributes:
        address: host:port.
        files: of the bot, if its cluster is one that crabstick started on this machine.
        is_new: whether this command started the cluster.
    """

    address: str
    files: ClusterFiles | None = None
    is_new: bool = False

    @property
    def local(self) -> LocalCluster | None:
        """The local cluster as it is recorded now; None when it was ended, or is not local."""
        return self.files.load() if self.files is not None else None

    @property
    def is_lost(self) -> bool:
        """Whether a local Ray has died, or was restarted, since this was made."""
        if self.files is None:
            return False
        local = self.local
        return local is None or local.address != self.address or not local.is_alive

    def end(self, notify: Callable[[str], None]) -> None:
        """Ends a local cluster with its supervisor; any other cluster stays. Idempotent."""
        if self.files is not None and self.files.load() is not None:
            notify("ending Ray …")
            end_local(self.files)


def end_local(files: ClusterFiles) -> None:
    """Ends a bot's local cluster, first the supervisor; idempotent."""
    local = files.load()
    if local is not None:
        stop_supervisor(local)
        local.end()
        files.forget()


def named_cluster(address: str | None) -> str | None:
    """Returns the address that `--address` or RAY_ADDRESS names."""
    return address or os.environ.get("RAY_ADDRESS") or None


def game_cpus(settings: Settings) -> float:
    """Returns the logical CPUs of a local cluster: for each game and each standby."""
    demands = {name: demand.resources["CPU"] for name, demand in settings.demands().items()}
    standbys = sum(settings.standby_of(name) * cpus for name, cpus in demands.items())
    return settings.challenges.max_games * max(demands.values()) + standbys


def find_cluster(settings: Settings, address: str | None) -> BotCluster | None:
    """Returns the cluster of `--address` or RAY_ADDRESS, else the bot's local one, if any.

    Raises:
        EnvironmentProblem: the local cluster is being started, or several could be meant.
    """
    named = named_cluster(address)
    if named:
        return BotCluster(address=named)
    files = files_of(settings)
    local = files.load()
    if local is None or not local.is_there:
        return None
    if not local.is_ready:
        raise EnvironmentProblem(STARTING)
    return BotCluster(address=local.address, files=files)


def require_cluster(settings: Settings, address: str | None, advice: str = "") -> BotCluster:
    """The cluster of the bot, the named one or the local one.

    Raises:
        EnvironmentProblem: no bot runs here, and then `advice` says what else could be meant.
    """
    cluster = find_cluster(settings, address)
    if cluster is None:
        others = others_here(files_of(settings), settings.cluster.namespace)
        raise EnvironmentProblem(
            "no bot runs here: `crabstick up` starts it; or name its cluster by --address or "
            f"RAY_ADDRESS{advice}{others}"
        )
    return cluster


def files_of(settings: Settings) -> ClusterFiles:
    """The files of the bot whose token this command has; without a token, of the only bot here.

    Raises:
        EnvironmentProblem: there is no token, and no bot runs here, or several do.
        ConfigError: what is given is no token.
    """
    namespace, token = settings.cluster.namespace, given_token(settings)
    if token is not None:
        return ClusterFiles.of(namespace, token.get_secret_value())
    living = ClusterFiles.of_living(namespace)
    if not living:
        raise EnvironmentProblem(f"no bot runs here, and {TOKEN_VARIABLE} is not set")
    if len(living) > 1:
        bots = ", ".join(sorted(str(files.load_config().get("bot")) for files in living))
        raise EnvironmentProblem(
            f"several bots of yours run here ({bots}): set the token of the one that you mean"
        )
    return living[0]


def others_here(files: ClusterFiles, namespace: str) -> str:
    """The bots with other tokens that run here, as the end of a sentence; empty without any."""
    others = [one for one in ClusterFiles.of_living(namespace) if one != files]
    bots = sorted(str(one.load_config().get("bot")) for one in others)
    return f"; with another token {', '.join(bots)} runs here" if bots else ""


def wait_restarted(files: ClusterFiles) -> LocalCluster | None:
    """Waits while a supervisor starts Ray; returns the cluster, or None when it has gone."""
    until_s = time.monotonic() + RESTART_LIMIT.total_seconds()
    while time.monotonic() < until_s:
        local = files.load()
        if local is None or not local.is_there:
            return None
        if local.is_ready:
            return local
        time.sleep(POLL_S)
    return None


def require_only_one(files: ClusterFiles, ours: ProcessRef | None = None) -> None:
    """Requires that no other Ray of this bot runs here, started with another home folder.

    Without `ours` any process counts. When two commands start in the same moment, both check again
    with `ours`, their own supervisor: the first one stays.

    Raises:
        EnvironmentProblem: one does.
    """
    for process in living_processes(files.name):
        if ours is None or (process.started, process.pid) < (ours.started, ours.pid):
            raise EnvironmentProblem(
                f"a bot with this token runs on this machine already (process {process.pid}), "
                "started with another home folder: end it there first, by `crabstick down`"
            )


def require_one_token(files: ClusterFiles, bot: str) -> None:
    """Requires that this account does not play here with another token.

    Raises:
        EnvironmentProblem: it does.
    """
    namespace = files.name.rpartition("@")[0]
    for other in ClusterFiles.of_living(namespace):
        if other != files and other.load_config().get("bot") == bot:
            raise EnvironmentProblem(
                f"{bot} plays on this machine already, started with another token of that account: "
                "end it first, by `crabstick down` with that token"
            )
