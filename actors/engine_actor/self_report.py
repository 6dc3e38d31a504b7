"""What an EngineActor reports: to its WorkerSet, in the dashboard, and the size of its process."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Self

import psutil

from actors.clients import CALL_ERRORS, WorkerSetClient
from actors.cluster import ActorGone, this_node
from actors.machine_memory import describe_shortage
from actors.messages import Assignment, Claim, Packed, Report
from crabstick.game.game_telemetry import GameTelemetry
from crabstick.game.rate_limits import RateLimits
from engine.resilient import ResilientEngine

LEASE_PATIENCE: Final = timedelta(seconds=1)
REPORT_EVERY: Final = timedelta(seconds=10)
TITLE_DELAY: Final = timedelta(seconds=1)
"""A title can wait; the first move goes first."""
MEMORY_GROWTH: Final = 64 * 2**20
FILE_GROWTH: Final = 64
THREAD_GROWTH: Final = 32


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
            self.report(await asyncio.to_thread(describe_shortage, this_node()))

    def report(self, memory: str = "") -> None:
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
                memory=memory,
            )
            self._worker_set.report_unawaited(report)


class DashboardTitle:
    """Shows one title at a time in Ray's dashboard, as the name of a pending call to itself.

    Ray counts calls by name in the calling process, and never drops a count. So the actor itself
    makes these calls: its process ends after some games.

    Args:
        call: makes the actor's call to itself under a title; that call waits in `hold`.
    """

    def __init__(self, call: Callable[[str], None]) -> None:
        self._call = call
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._title = ""
        self._replaced = self._loop.create_future()

    def set(self, title: str) -> None:
        """Replaces the title that is shown, after a moment."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(TITLE_DELAY.total_seconds(), self._show, title)

    async def hold(self, title: str) -> None:
        """Keeps a title's call pending; returns when another title is shown."""
        if title == self._title:
            await asyncio.shield(self._replaced)

    def _show(self, title: str) -> None:
        if title != self._title:
            self._replaced.set_result(None)
            self._title, self._replaced = title, self._loop.create_future()
            self._call(title)


@dataclass(frozen=True, slots=True)
class ProcessSize:
    """The size of a process: resident memory in bytes, open files, threads."""

    memory: int
    files: int
    threads: int

    @classmethod
    def now(cls) -> Self:
        """The size of this process."""
        process = psutil.Process()
        return cls(process.memory_info().rss, process.num_fds(), process.num_threads())

    def has_outgrown(self, before: "ProcessSize") -> bool:
        """Whether this size is further above `before` than a game explains."""
        return (
            self.memory - before.memory > MEMORY_GROWTH
            or self.files - before.files > FILE_GROWTH
            or self.threads - before.threads > THREAD_GROWTH
        )
