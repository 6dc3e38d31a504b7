"""Which Ray cluster a command means: the one that is named, else this machine's own."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from actors.local_ray import LocalRay, find_local_ray
from actors.local_record import sole_command

__all__ = ["Cluster", "cluster_of", "turn"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Where the bot runs; `local` is set when that is our own Ray, `is_new` when `up` made it."""

    address: str
    local: LocalRay | None = None
    is_new: bool = False

    @property
    def is_unfinished(self) -> bool:
        """Whether our own Ray is still being started."""
        return self.local is not None and not self.local.is_up

    def end(self, say: Callable[[str], None]) -> None:
        """Ends our own Ray; a foreign cluster stays."""
        if self.local is not None:
            say("ending Ray …")
            self.local.end()


def cluster_of(address: str | None) -> Cluster | None:
    """The cluster named by `--address` or RAY_ADDRESS, else our own; None when there is neither."""
    named = address or os.environ.get("RAY_ADDRESS")
    if named:
        return Cluster(address=named)
    local = find_local_ray()
    return Cluster(address=local.address, local=local) if local else None


@contextmanager
def turn(address: str | None, say: Callable[[str], None]) -> Iterator[Cluster | None]:
    """Gives the cluster to the one command that may begin or end it now; others wait.

    A Ray that is still being started was left so by a command that was killed: it is ended.
    """
    cluster = cluster_of(address)
    if cluster is not None and cluster.local is None:
        yield cluster  # a named cluster is not ours to begin or end
        return
    with sole_command(say):
        cluster = cluster_of(address)
        if cluster is not None and cluster.is_unfinished:
            cluster.end(say)
            cluster = None
        yield cluster
