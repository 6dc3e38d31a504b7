"""The EngineActor's calls to its WorkerSet: claims of the game, and reports."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final

from actors.clients import CALL_ERRORS, WorkerSetClient
from actors.cluster import ActorGone
from actors.messages import Assignment, Claim, Packed, Report
from crabstick.game.game_telemetry import GameTelemetry
from crabstick.game.rate_limits import RateLimits
from engine.resilient import ResilientEngine

LEASE_PATIENCE: Final = timedelta(seconds=1)
REPORT_EVERY: Final = timedelta(seconds=10)


class ManagerLink:
    """The way to the WorkerSet, whose handle comes with its first messages.

    Args:
        name: of this actor.
        now_s: the loop's clock.

    Attributes:
        rate_limits: what Lichess limits, as far as this actor knows; a hit is reported at once.
        telemetry: of the present game.
        engine: whose restarts are counted.
    """

    def __init__(self, name: str, now_s: Callable[[], float], engine: ResilientEngine) -> None:
        self._name = name
        self._worker_set: WorkerSetClient | None = None
        self.rate_limits = RateLimits(now_s, on_hit=self.report)
        self.telemetry = GameTelemetry()
        self.engine = engine

    def remember_sender(self, message: Packed) -> None:
        """Keeps the handle of the WorkerSet; a new WorkerSet sends its own until we answer."""
        self._worker_set = WorkerSetClient.of_sender(message) or self._worker_set

    async def ask_owner(self, assignment: Assignment) -> bool | None:
        """Whether the game is still ours; None when the WorkerSet does not answer.

        Without a WorkerSet no other actor gets the game, so it stays ours. Ray has to report twice
        that the WorkerSet is gone, because Ray restarts one that has just died.
        """
        if self._worker_set is None:
            return None
        claim = Claim(game=assignment.game, actor=self._name, epoch=assignment.epoch)
        for _ in range(2):
            try:
                answer = await self._worker_set.owns(claim, LEASE_PATIENCE)
            except ActorGone:
                continue
            except CALL_ERRORS:
                return None
            self.rate_limits.merge(answer.limits)
            return answer.owner
        return True

    async def report_now_and_then(self) -> None:
        """Sends reports regularly, until cancelled."""
        while True:
            await asyncio.sleep(REPORT_EVERY.total_seconds())
            self.report()

    def report(self) -> None:
        """Sends the counts since the last report, without waiting for an answer."""
        if self._worker_set is not None:
            engine, telemetry = self.engine, self.telemetry
            telemetry.count_engine(engine.restart_count, is_fallback=engine.is_fallback)
            drained = telemetry.drain()
            report = Report(
                sender=self._name,
                counts=drained.counts,
                samples=drained.samples,
                limits=self.rate_limits.export(),
            )
            self._worker_set.report_unawaited(report)
