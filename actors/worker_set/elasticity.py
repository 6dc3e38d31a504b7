"""How the cluster follows the games: how many standbys, whether nodes come, which node may go.

Bookkeeping of the WorkerSet without I/O; the rules are `headroom` and `consolidation`.
"""

from collections import deque
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from crabstick.rules.cluster_view import Capacity, Observed, WantedGame
from crabstick.rules.consolidation import Consolidation
from crabstick.rules.headroom import LATELY, headroom
from crabstick.rules.model import GameId
from crabstick.settings import Settings
from crabstick.telemetry import names
from crabstick.telemetry.logs import get_logger

__all__ = ["KEEP_ROOM_FOR", "Elasticity", "Traffic"]

KEEP_ROOM_FOR = timedelta(minutes=10)
"""How long a standby waits for a challenger that was declined with `later`."""


class Traffic:
    """How many games began and ended lately; `see` has to be called at every tick."""

    def __init__(self) -> None:
        self._running: frozenset[GameId] = frozenset()
        self._begun: deque[timedelta] = deque()
        self._ended: deque[timedelta] = deque()

    def record(self, running: Collection[GameId], now: timedelta) -> None:
        """These games run now.

        The games of the first call count as begun: after a restart they tell how busy the bot is.
        """
        before, self._running = self._running, frozenset(running)
        self._begun.extend([now] * len(self._running - before))
        self._ended.extend([now] * len(before - self._running))

    def recent(self, now: timedelta) -> tuple[int, int]:
        """How many began and how many ended in the time `LATELY`."""
        for moments in (self._begun, self._ended):
            while moments and now - moments[0] > LATELY:
                moments.popleft()
        return len(self._begun), len(self._ended)


class Elasticity:
    """What the bot wants of the cluster beside the games; moments are monotonic."""

    def __init__(self, settings: Settings) -> None:
        cluster = settings.cluster
        self._is_elastic = cluster.autoscaling
        self._max_games = settings.challenges.max_games
        self._wish = Capacity(standby=cluster.standby, max_takeovers=cluster.max_takeovers)
        self._traffic = Traffic()
        self._games = 0
        self._consolidation = Consolidation()
        self._room_wanted_until = timedelta.min
        self._log = get_logger()
        self._slot = cluster
        self.is_exhausted = False
        """Whether Ray says that no further node will come."""
        self.has_nodes = True
        """Whether a node is there that a game fits."""

    @property
    def is_elastic(self) -> bool:
        """Whether nodes come and go."""
        return self._is_elastic

    @property
    def may_grow(self) -> bool:
        """Whether a node would come for another game."""
        return self._is_elastic and not self.is_exhausted

    @property
    def problem(self) -> str:
        """Why no game fits a node; empty when one does, or when a node may come."""
        if self.has_nodes or self._is_elastic:
            return ""
        cpus, memory_mb = self._slot.slot_cpus, self._slot.slot_memory_mb
        return (
            f"no node has the {cpus:g} CPUs and {memory_mb} MB that a game asks for "
            "(cluster.slot_cpus, cluster.slot_memory_mb)"
        )

    def ask_for_room(self, now: timedelta) -> None:
        """A challenge was declined for want of a node."""
        self._room_wanted_until = now + KEEP_ROOM_FOR

    def capacity(self, now: timedelta) -> Capacity:
        """How many actors are to wait for a game now; never more than further games may come."""
        if not self._is_elastic:
            return self._wish
        wish, asked_for = self._wish.standby, int(now < self._room_wanted_until)
        foreseen = min(headroom(wish, *self._traffic.recent(now)), self._max_games - self._games)
        return replace(self._wish, standby=max(wish, asked_for, foreseen))

    def adjust(
        self, wanted: Collection[WantedGame], observed: Observed, now: timedelta
    ) -> Observed:
        """The cluster as the plan is to see it: a node that can be spared seems to drain."""
        if not self._is_elastic:
            return observed
        self._games = len(wanted)
        self._traffic.record([game.id for game in wanted], now)
        before = self._consolidation
        self._consolidation = before.after(wanted, observed, self.capacity(now), now)
        if self._consolidation.leaving not in {None, before.leaving}:
            self._log.info(names.NODE_SPARED, node=self._consolidation.leaving)
        return self._consolidation.apply_to(observed)
