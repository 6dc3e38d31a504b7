"""Fits the cluster to the games: how many actors stand by, and which node may go.

The WorkerSet's bookkeeping for the rules in `crabstick.rules.scaling`, without I/O.
"""

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta

from crabstick.rules.cluster_view import DEFAULT_ENGINE, Capacity, Demand, GameRecord, Observed
from crabstick.rules.lichess_types import GameId
from crabstick.rules.scaling import LATELY, Consolidation, headroom
from crabstick.settings import Settings
from crabstick.telemetry import log_events
from crabstick.telemetry.logs import get_logger

KEEP_ROOM_FOR = timedelta(minutes=10)
"""How long a standby waits for a challenger that was declined with `later`."""


class Traffic:
    """Counts recent starts and ends of games."""

    def __init__(self) -> None:
        self._running: frozenset[GameId] = frozenset()
        self._begun: deque[timedelta] = deque()
        self._ended: deque[timedelta] = deque()

    def record(self, running: Collection[GameId], now: timedelta) -> None:
        """Records the games that run now; call it at every tick.

        The games of the first call count as begun: after a restart they show how busy the bot is.
        """
        before, self._running = self._running, frozenset(running)
        self._begun.extend([now] * len(self._running - before))
        self._ended.extend([now] * len(before - self._running))

    def recent(self, now: timedelta) -> tuple[int, int]:
        """Returns how many games began and how many ended within `LATELY`."""
        for moments in (self._begun, self._ended):
            while moments and now - moments[0] > LATELY:
                moments.popleft()
        return len(self._begun), len(self._ended)


class Elasticity:
    """The bot's demand for room beyond the running games; moments are monotonic.

    Attributes:
        is_elastic: whether nodes come and go.
        is_exhausted: whether Ray reports that no further node will come.
        unplaced: the engines whose games fit no node.
    """

    def __init__(self, settings: Settings) -> None:
        self._cluster = settings.cluster
        self._max_games = settings.challenges.max_games
        self._wish = Capacity(
            standby=self._cluster.standby,
            max_takeovers=self._cluster.max_takeovers,
            keep_idle=timedelta(0) if self._cluster.autoscaling else self._cluster.idle_actor,
        )
        self._traffic = Traffic()
        self._games = 0
        self._consolidation = Consolidation()
        self._room_wanted_until = timedelta.min
        self._log = get_logger()
        self.is_elastic = self._cluster.autoscaling
        self.is_exhausted = False
        self.unplaced: Mapping[str, Demand] = {}

    @property
    def problem(self) -> str:
        """Why games fit no node; empty when they do, or when a node may come."""
        if self.is_elastic or not self.unplaced:
            return ""
        asks = {DEFAULT_ENGINE: "a game asks for (cluster.slot_cpus, cluster.slot_memory_mb)"}
        return "; ".join(
            f"no node has the {demand} that {asks.get(name, f'engines.{name} asks for')}"
            for name, demand in self.unplaced.items()
        )

    def ask_for_room(self, now: timedelta) -> None:
        """Keeps a standby for a while, because a challenge was declined for want of a node."""
        self._room_wanted_until = now + KEEP_ROOM_FOR

    def capacity(self, now: timedelta) -> Capacity:
        """Returns how many actors should stand by; `max_games` limits the headroom."""
        if not self.is_elastic:
            return self._wish
        wish, asked_for = self._wish.standby, int(now < self._room_wanted_until)
        foreseen = min(headroom(wish, *self._traffic.recent(now)), self._max_games - self._games)
        return replace(self._wish, standby=max(wish, asked_for, foreseen))

    def adjust(
        self, wanted: Collection[GameRecord], observed: Observed, now: timedelta
    ) -> Observed:
        """Returns the cluster for `plan`: a node that consolidation empties is marked draining."""
        if not self.is_elastic:
            return observed
        self._games = len(wanted)
        self._traffic.record([game.id for game in wanted], now)
        before = self._consolidation
        self._consolidation = before.after(wanted, observed, self.capacity(now), now)
        if self._consolidation.leaving not in {None, before.leaving}:
            self._log.info(log_events.NODE_SPARED, node=self._consolidation.leaving)
        return self._consolidation.apply_to(observed)
