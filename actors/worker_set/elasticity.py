"""Fits the cluster to the games: how many actors stand by, and which node may go.

The WorkerSet's bookkeeping for the rules in `crabstick.rules.scaling`, without I/O.
"""

from collections import deque
from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

from crabstick.rules.cluster_view import Capacity, GameRecord, Observed
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
    """The bot's demand for room beyond the running games, by engine; moments are monotonic.

    Attributes:
        is_elastic: whether nodes come and go.
        exhausted: the engines for which no further node will come, as Ray reports.
        unplaced: which engines fit no node; empty when all do.
    """

    def __init__(self, settings: Settings) -> None:
        cluster = settings.cluster
        self._max_games = settings.challenges.max_games
        self._wishes = {
            engine: Capacity(
                standby=settings.standby_of(engine),
                max_takeovers=cluster.max_takeovers,
                keep_idle=timedelta(0) if cluster.autoscaling else cluster.idle_actor,
                demand=demand,
            )
            for engine, demand in settings.demands().items()
        }
        self._traffic = {engine: Traffic() for engine in self._wishes}
        self._games = 0
        self._consolidation = Consolidation()
        self._room_wanted_until: dict[str, timedelta] = {}
        self._log = get_logger()
        self.is_elastic = cluster.autoscaling
        self.exhausted: Collection[str] = ()
        self.unplaced = ""

    @property
    def problem(self) -> str:
        """Why games fit no node; empty when they do, or when a node may come."""
        return "" if self.is_elastic else self.unplaced

    def ask_for_room(self, engine: str, now: timedelta) -> None:
        """Keeps a standby for a while, because a challenge was declined for want of a node."""
        self._room_wanted_until[engine] = now + KEEP_ROOM_FOR

    def capacity(self, engine: str, now: timedelta) -> Capacity:
        """Returns how many actors should stand by; `max_games` limits the headroom."""
        wish = self._wishes[engine]
        if not self.is_elastic:
            return wish
        asked_for = int(now < self._room_wanted_until.get(engine, timedelta.min))
        foreseen = headroom(wish.standby, *self._traffic[engine].recent(now))
        most = max(wish.standby, asked_for, min(foreseen, self._max_games - self._games))
        return replace(wish, standby=most)

    def adjust(self, wanted: Collection[GameRecord], observed: Observed, now: timedelta) -> None:
        """Counts the games, and chooses the node to empty, if any; call it at every tick."""
        self._games = len(wanted)
        for engine, traffic in self._traffic.items():
            traffic.record([game.id for game in wanted if game.engine == engine], now)
        before, capacities = self._consolidation, {e: self.capacity(e, now) for e in self._wishes}
        self._consolidation = before.after(wanted, observed, capacities, now)
        if self._consolidation.leaving not in {None, before.leaving}:
            self._log.info(log_events.NODE_SPARED, node=self._consolidation.leaving)

    def marked(self, observed: Observed) -> Observed:
        """Returns the cluster for `plan`: a node that consolidation empties is marked draining."""
        return self._consolidation.apply_to(observed)
