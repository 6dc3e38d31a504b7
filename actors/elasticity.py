"""How far the cluster follows the games: what is kept free, whether nodes come, which one may go.

Plain bookkeeping of the WorkerSet, without I/O; the rules are `placement` and `consolidation`.
"""

from dataclasses import replace
from datetime import timedelta

from crabstick.rules.consolidation import Consolidation
from crabstick.rules.placement import Capacity, Observed, WantedGame
from crabstick.settings import ClusterSettings
from crabstick.telemetry import names
from crabstick.telemetry.logs import get_logger

__all__ = ["KEEP_ROOM_FOR", "Elasticity"]

KEEP_ROOM_FOR = timedelta(minutes=10)
"""How long a standby is kept for those who had to be told to come back later."""


class Elasticity:
    """What is wanted of the cluster beside the games; moments are monotonic."""

    def __init__(self, cluster: ClusterSettings) -> None:
        self._is_elastic = cluster.autoscaling
        self._capacity = Capacity(standby=cluster.standby, max_takeovers=cluster.max_takeovers)
        self._consolidation = Consolidation()
        self._room_wanted_until = timedelta.min
        self._log = get_logger()
        self.is_exhausted = False
        """Whether Ray says that no further node will come."""

    @property
    def is_elastic(self) -> bool:
        """Whether nodes come and go."""
        return self._is_elastic

    @property
    def may_grow(self) -> bool:
        """Whether a node would come for another game."""
        return self._is_elastic and not self.is_exhausted

    def ask_for_room(self, now: timedelta) -> None:
        """Somebody was declined for want of a node."""
        self._room_wanted_until = now + KEEP_ROOM_FOR

    def capacity(self, now: timedelta) -> Capacity:
        """How many actors shall wait for a game at this moment."""
        if now >= self._room_wanted_until:
            return self._capacity
        return replace(self._capacity, standby=max(self._capacity.standby, 1))

    def shown(self, wanted: list[WantedGame], observed: Observed, now: timedelta) -> Observed:
        """The cluster as the plan shall see it: a node that can be spared is one that drains."""
        if not self._is_elastic:
            return observed
        before = self._consolidation
        self._consolidation = before.after(wanted, observed, self.capacity(now), now)
        if self._consolidation.leaving not in {None, before.leaving}:
            self._log.info(names.NODE_SPARED, node=self._consolidation.leaving)
        return self._consolidation.shown(observed)
