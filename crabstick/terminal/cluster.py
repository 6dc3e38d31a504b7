"""Which Ray cluster a command means: the one that is named, else this machine's own."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from actors.local_ray.fault_tolerant import bring_back_head, replace_worker
from actors.local_ray.head import LocalRay, find_local_ray
from actors.local_ray.record import remove_store, sole_command
from crabstick.errors import EnvironmentProblem

__all__ = ["Cluster", "cluster_of", "named_cluster", "turn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Where the bot runs; `local` is set when that is our own Ray, `is_new` when `up` made it.

    `is_mended` is set when its head was just started anew.
    """

    address: str
    local: LocalRay | None = None
    is_new: bool = False
    is_mended: bool = False

    @property
    def is_unfinished(self) -> bool:
        """Whether our own Ray is still being started."""
        return self.local is not None and self.local.is_unfinished

    @property
    def is_tolerant(self) -> bool:
        """Whether it is our own Ray, and its head may die."""
        return self.local is not None and self.local.worker is not None

    @property
    def has_lost_head(self) -> bool:
        """Whether the head of our own Ray is away while the games go on."""
        return self.local is not None and self.local.has_lost_head

    @property
    def is_damaged(self) -> bool:
        """Whether a part of our own Ray is gone that can be started anew."""
        return self.local is not None and (self.local.has_lost_head or self.local.has_lost_worker)

    def as_it_is(self) -> "Cluster | None":
        """Our own Ray after others may have mended or ended it; None when it is gone."""
        local = find_local_ray()
        if local is None or local.address != self.address:
            return None
        return replace(self, local=local)

    def with_head(self, say: Callable[[str], None]) -> "Cluster":
        """The same when its head lives; else that is started anew.

        Raises:
            EnvironmentProblem: it did not come up.
        """
        if self.local is None or not self.local.has_lost_head:
            return self
        say("the head of the bot's Ray is gone; starting it anew, the games go on meanwhile …")
        return replace(self, local=bring_back_head(self.local, say), is_mended=True)

    def with_worker(self, cpus: float, say: Callable[[str], None]) -> "Cluster":
        """The same when all of it lives; else the node with the games is started anew.

        Raises:
            EnvironmentProblem: it did not come up.
        """
        if self.local is None or not self.local.has_lost_worker:
            return self
        say("the node with the games is gone; starting another …")
        return replace(self, local=replace_worker(self.local, cpus=cpus, say=say))

    def end(self, say: Callable[[str], None]) -> None:
        """Ends our own Ray; a foreign cluster stays."""
        if self.local is not None:
            say("ending Ray …")
            self.local.end()


def cluster_of(address: str | None) -> Cluster | None:
    """The cluster named by `--address` or RAY_ADDRESS, else our own; None when there is neither.

    Raises:
        EnvironmentProblem: the head of our own is away, so that there is nobody to ask.
    """
    cluster = _cluster_of(address)
    if cluster is not None and cluster.has_lost_head:
        raise EnvironmentProblem(
            "the head of the bot's Ray is away: `crabstick up` starts it anew if none does so "
            "already, and the games go on meanwhile"
        )
    return cluster


def named_cluster(address: str | None) -> str | None:
    """What `--address` or RAY_ADDRESS names."""
    return address or os.environ.get("RAY_ADDRESS") or None


def _cluster_of(address: str | None) -> Cluster | None:
    named = named_cluster(address)
    if named:
        return Cluster(address=named)
    local = find_local_ray()
    return Cluster(address=local.address, local=local) if local else None


@contextmanager
def turn(address: str | None, say: Callable[[str], None]) -> Iterator[Cluster | None]:
    """Gives the cluster to the one command that may begin or end it now; others wait.

    A Ray that is still being started was left so by a command that was killed: it is ended. A head
    that is gone is started anew, if that is possible.

    Raises:
        EnvironmentProblem: it could not be.
    """
    cluster = _cluster_of(address)
    if cluster is not None and cluster.local is None:
        yield cluster  # a named cluster is not ours to begin or end
        return
    with sole_command(say):
        yield _put_in_order(_cluster_of(address), say)


def _put_in_order(cluster: Cluster | None, say: Callable[[str], None]) -> Cluster | None:
    if cluster is None or cluster.local is None:
        remove_store()  # both nodes of a pair died at once
        return None
    if cluster.is_unfinished:
        cluster.end(say)
        return None
    return cluster.with_head(say)
