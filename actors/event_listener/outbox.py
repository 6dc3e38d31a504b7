"""What the EventListener sends to the WorkerSet and asks of it.

News of games are told until they were heard. Reports go every two seconds, and at once when a limit
was met; what a lost one held is in the next.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from random import SystemRandom

from actors.cluster import ActorFailed, ActorGone, ActorSilent, Handle, ask
from actors.messages import (
    EMPTY,
    GameUpdate,
    ListenerStatus,
    LoadAnswer,
    Packed,
    Report,
    WrongProtocol,
)
from crabstick.game.background_tasks import BackgroundTasks
from crabstick.game.rate_limits import RateLimits
from crabstick.rules.limits import Endpoint
from crabstick.rules.retry import next_delay
from crabstick.telemetry import names
from crabstick.telemetry.logs import get_logger

__all__ = ["Outbox"]

NEWS_PATIENCE = timedelta(seconds=5)
NEWS_TRIES = 10
"""A WorkerSet that is being restarted takes two seconds."""
REPORT_EVERY = timedelta(seconds=2)

draw = SystemRandom().random


class Outbox:
    """The listener's line to the WorkerSet.

    Args:
        name: the listener's.
        manager: the WorkerSet's handle.
        tasks: who runs what nobody waits for.
        hearing: how well the listener hears at this moment.
    """

    def __init__(
        self,
        name: str,
        manager: Handle,
        tasks: BackgroundTasks,
        hearing: Callable[[], ListenerStatus],
    ) -> None:
        self._name = name
        self._manager = manager
        self._tasks = tasks
        self._hearing = hearing
        self._counts: dict[tuple[str, str | None], int] = {}
        self._log = get_logger(actor=name)
        self.board = RateLimits(asyncio.get_running_loop().time, on_hit=self.report_soon)

    def count(self, metric: str, label: str | None = None, by: int = 1) -> None:
        """Adds to a counter of the bot."""
        self._counts[metric, label] = self._counts.get((metric, label), 0) + by

    def limited(self, endpoint: Endpoint, wait: timedelta) -> None:
        """Lichess answered 429."""
        self.count("crabstick_rate_limited_total", endpoint)
        self.board.hit(endpoint, wait)

    def tell(self, method: str, news: GameUpdate) -> None:
        """Passes news of a game on, again and again until the WorkerSet has heard."""
        self._tasks.start(self._tell(method, news.pack()))

    def ask_for_room(self) -> None:
        """A challenge had to be declined for want of a node; the next one shall find it."""
        self._tasks.start(self._tell("room_wanted", EMPTY))

    async def load(self, patience: timedelta) -> LoadAnswer | None:
        """What the WorkerSet says of its load; None without an answer in time."""
        try:
            load = LoadAnswer.read(await ask(self._manager.load.remote(EMPTY), patience))
        except (ActorGone, ActorSilent, ActorFailed, WrongProtocol):
            return None
        self.board.merge(load.limits)
        return load

    def report_soon(self) -> None:
        """Sends a report now; nobody waits for it."""
        self._tasks.start(self._report())

    async def run(self) -> None:
        """Reports now and then, until cancelled."""
        while True:
            await asyncio.sleep(REPORT_EVERY.total_seconds())
            await self._report()

    async def _report(self) -> None:
        counts = tuple((metric, label, by) for (metric, label), by in self._counts.items())
        self._counts.clear()
        report = Report(
            sender=self._name, counts=counts, limits=self.board.export(), hearing=self._hearing()
        )
        try:
            await ask(self._manager.report.remote(report.pack()), NEWS_PATIENCE)
        except (ActorGone, ActorSilent, ActorFailed):
            for metric, label, by in counts:
                self.count(metric, label, by)

    async def _tell(self, method: str, message: Packed) -> None:
        for attempt in range(NEWS_TRIES):
            try:
                await ask(getattr(self._manager, method).remote(message), NEWS_PATIENCE)
            except (ActorGone, ActorSilent, ActorFailed) as error:
                self._log.warning(names.ACTOR_SILENT, what=method, why=str(error))
                await asyncio.sleep(next_delay(attempt, draw()).total_seconds())
            else:
                return
