"""The EventListener's calls to the WorkerSet.

Updates of games are repeated until they arrive. Reports go every two seconds, and at once when a
rate limit was hit; the counts of a lost report are in the next one.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import SystemRandom

from actors.clients import CALL_ERRORS, WorkerSetClient
from actors.cluster import ActorError
from actors.messages import GameUpdate, ListenerStatus, LoadAnswer, Report
from crabstick.asyncio_tools import BackgroundTasks
from crabstick.game.rate_limits import RateLimits
from crabstick.rules.lichess_types import Endpoint
from crabstick.rules.retry import next_delay
from crabstick.telemetry import log_events
from crabstick.telemetry.logs import get_logger

SEND_PATIENCE = timedelta(seconds=5)
SEND_TRIES = 10
"""A restart of the WorkerSet takes two seconds."""
REPORT_EVERY = timedelta(seconds=2)

draw = SystemRandom().random


class Outbox:
    """Calls the WorkerSet, in background `tasks` where no answer is needed."""

    def __init__(
        self,
        name: str,
        worker_set: WorkerSetClient,
        tasks: BackgroundTasks,
        status: Callable[[], ListenerStatus],
    ) -> None:
        self._name = name
        self._worker_set = worker_set
        self._tasks = tasks
        self._status = status
        self._counts: dict[tuple[str, str | None], int] = {}
        self._log = get_logger(actor=name)
        self.rate_limits = RateLimits(asyncio.get_running_loop().time, on_hit=self.report_soon)

    def count(self, metric: str, label: str | None = None, by: int = 1) -> None:
        """Adds to a counter of the bot."""
        self._counts[metric, label] = self._counts.get((metric, label), 0) + by

    def limited(self, endpoint: Endpoint, wait: timedelta) -> None:
        """Records that Lichess answered 429."""
        self.count("crabstick_rate_limited_total", endpoint)
        self.rate_limits.hit(endpoint, wait)

    def game_started(self, update: GameUpdate) -> None:
        """Reports a running game."""
        self._tasks.start(self._deliver(self._worker_set.game_started, update))

    def game_finished(self, update: GameUpdate) -> None:
        """Reports that a game is over."""
        self._tasks.start(self._deliver(self._worker_set.game_finished, update))

    def ask_for_room(self, engine: str) -> None:
        """Reports a challenge that was declined for want of a node for its engine."""
        self._tasks.start(self._deliver(self._worker_set.room_wanted, GameUpdate(engine=engine)))

    async def load(self, patience: timedelta) -> LoadAnswer | None:
        """The WorkerSet's load; None without an answer in time."""
        try:
            load = await self._worker_set.load(patience)
        except CALL_ERRORS:
            return None
        self.rate_limits.merge(load.limits)
        return load

    def report_soon(self) -> None:
        """Sends a report now, in the background."""
        self._tasks.start(self._report())

    async def run(self) -> None:
        """Sends reports regularly, until cancelled."""
        while True:
            await asyncio.sleep(REPORT_EVERY.total_seconds())
            await self._report()

    async def _report(self) -> None:
        counts = tuple((metric, label, by) for (metric, label), by in self._counts.items())
        self._counts.clear()
        limits, status = self.rate_limits.export(), self._status()
        report = Report(sender=self._name, counts=counts, limits=limits, hearing=status)
        try:
            await self._worker_set.report(report, SEND_PATIENCE)
        except ActorError:
            for metric, label, by in counts:
                self.count(metric, label, by)

    async def _deliver(self, call: Callable[..., Awaitable[None]], update: GameUpdate) -> None:
        for attempt in range(SEND_TRIES):
            try:
                await call(update, SEND_PATIENCE)
            except ActorError as error:
                self._log.warning(log_events.ACTOR_SILENT, what=call.__name__, why=str(error))
                await asyncio.sleep(next_delay(attempt, draw()).total_seconds())
            else:
                return
