"""Finds the Ray cluster that a command is about: the named one, else the bot's local cluster."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from actors.local_ray.fault_tolerant import replace_worker, restart_head
from actors.local_ray.local_cluster import ClusterFiles, LocalCluster, find_local_cluster
from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class BotCluster:
    """The Ray cluster on which a bot runs.

    Attributes:
        address: host:port.
        local: set when crabstick started the cluster on this machine.
        is_new: whether this command started the cluster.
        has_new_head: whether this command restarted the head a moment ago.
    """

    address: str
    local: LocalCluster | None = None
    is_new: bool = False
    has_new_head: bool = False

    @property
    def is_unfinished(self) -> bool:
        """Whether a local cluster is still starting."""
        return self.local is not None and self.local.is_unfinished

    @property
    def is_fault_tolerant(self) -> bool:
        """Whether this is a local cluster that survives the loss of its head."""
        return self.local is not None and self.local.is_fault_tolerant

    @property
    def has_lost_head(self) -> bool:
        """Whether the head of a local cluster is lost while the games go on."""
        return self.local is not None and self.local.has_lost_head

    @property
    def is_damaged(self) -> bool:
        """Whether a local cluster has lost a node that can be started again."""
        return self.local is not None and (self.local.has_lost_head or self.local.has_lost_worker)

    def refreshed(self) -> "BotCluster | None":
        """Reads the record again: another command may have repaired or ended a local cluster."""
        files = self.local.files if self.local is not None else None
        local = find_local_cluster(files) if files is not None else None
        return replace(self, local=local) if local and local.address == self.address else None

    def with_head(self, notify: Callable[[str], None]) -> "BotCluster":
        """Restarts a lost head; returns the updated cluster.

        Raises:
            EnvironmentProblem: the head did not come up.
        """
        if self.local is None or not self.local.has_lost_head:
            return self
        notify(
            "the head of the bot's Ray cluster is gone; starting it anew, the games go on "
            "meanwhile …"
        )
        return replace(self, local=restart_head(self.local, notify), has_new_head=True)

    def with_worker(self, cpus: float, notify: Callable[[str], None]) -> "BotCluster":
        """Replaces the lost node that ran the games; returns the updated cluster.

        Raises:
            EnvironmentProblem: the node did not come up.
        """
        if self.local is None or not self.local.has_lost_worker:
            return self
        notify("the node with the games is gone; starting another …")
        return replace(self, local=replace_worker(self.local, cpus=cpus, notify=notify))

    def end(self, notify: Callable[[str], None]) -> None:
        """Ends a local cluster; any other cluster stays."""
        if self.local is not None:
            notify("ending Ray …")
            self.local.end()


def find_cluster(address: str | None, namespace: str) -> BotCluster | None:
    """Returns the cluster of `--address` or RAY_ADDRESS, else the bot's local one, if any.

    Raises:
        EnvironmentProblem: the head of the local cluster is lost, so it cannot answer.
    """
    cluster = _find_any(address, ClusterFiles(namespace))
    if cluster is not None and cluster.has_lost_head:
        raise EnvironmentProblem(
            "the head of the bot's Ray cluster is away: `crabstick up` starts it anew unless "
            "another command does so already, and the games go on meanwhile"
        )
    return cluster


def named_cluster(address: str | None) -> str | None:
    """Returns the address that `--address` or RAY_ADDRESS names."""
    return address or os.environ.get("RAY_ADDRESS") or None


def game_cpus(settings: Settings) -> float:
    """Returns the logical CPUs of a local cluster: a slot for each game and each standby."""
    return (settings.challenges.max_games + settings.cluster.standby) * settings.cluster.slot_cpus


def _find_any(address: str | None, files: ClusterFiles) -> BotCluster | None:
    named = named_cluster(address)
    if named:
        return BotCluster(address=named)
    local = find_local_cluster(files)
    return BotCluster(address=local.address, local=local) if local else None


@contextmanager
def locked_cluster(
    address: str | None, namespace: str, notify: Callable[[str], None]
) -> Iterator[BotCluster | None]:
    """Finds the cluster and keeps other commands from starting or ending a local one meanwhile.

    Ends an unfinished local cluster, which a killed command left behind. Restarts a lost head.

    Raises:
        EnvironmentProblem: the head did not come up.
    """
    files = ClusterFiles(namespace)
    cluster = _find_any(address, files)
    if cluster is not None and cluster.local is None:
        yield cluster  # commands neither start nor end a named cluster
        return
    with files.locked(notify):
        cluster = _find_any(address, files)
        if cluster is None:
            files.remove_store()  # both nodes of a fault-tolerant cluster died at once
        elif cluster.is_unfinished:
            cluster.end(notify)
            cluster = None
        else:
            cluster = cluster.with_head(notify)
        yield cluster
