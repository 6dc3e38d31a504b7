"""What the three parts that play one game share.

`GameStream` reads, `Player` decides, `Sender` posts. Each puts what happens into the inbox, as an
event, and the player handles one event at a time. All of them ask the `Lease` whether the game is
still ours, when their view may be old: the WorkerSet decides that.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from crabstick.asyncio_tools import BackgroundTasks
from crabstick.game.game_telemetry import GameTelemetry
from crabstick.game.rate_limits import RateLimits
from crabstick.lichess.interface import GamePort
from crabstick.rules.adjudication import Adjudication
from crabstick.rules.engine_choice import Traits
from crabstick.rules.game_events import Event
from crabstick.rules.game_state_machine import Play
from crabstick.rules.lichess_types import Endpoint
from crabstick.rules.time_management import EngineLimits, Overheads
from crabstick.settings.model import PositionSettings
from crabstick.telemetry import log_events
from crabstick.telemetry.logs import get_logger

FRESH = timedelta(seconds=5)
REPEATED_CUT = timedelta(seconds=10)
IDLE_PAUSE = timedelta(seconds=1)


class Replaced(Exception):
    """Another actor owns the game now: leave it, silently."""


class Lease:
    """Our claim on one game.

    Args:
        ask: asks the WorkerSet whether we own the game; None means that it did not answer in time.
            The function bounds its own wait to a second.
        clock: monotonic seconds.
    """

    def __init__(
        self, ask: Callable[[], Awaitable[bool | None]], clock: Callable[[], float]
    ) -> None:
        self._ask = ask
        self._clock = clock
        self._confirmed_s: float | None = None
        self._unanswered_s: float | None = None

    async def renew(self) -> None:
        """Returns when the stream may be reopened.

        Without an answer an actor plays on. But if its stream is cut twice within ten seconds, it
        waits until the WorkerSet answers: another actor may be playing this game.

        Raises:
            Replaced: the WorkerSet says that the game is not ours.
        """
        if await self._is_confirmed():
            return
        before, self._unanswered_s = self._unanswered_s, self._clock()
        if before is None or self._unanswered_s - before > REPEATED_CUT.total_seconds():
            return
        while True:
            await asyncio.sleep(IDLE_PAUSE.total_seconds())
            if await self._is_confirmed():
                return

    async def is_fresh(self) -> bool:
        """Whether the WorkerSet confirmed our claim within the last five seconds, or does now.

        Raises:
            Replaced: the WorkerSet says that the game is not ours.
        """
        confirmed_s = self._confirmed_s
        if confirmed_s is not None and self._clock() - confirmed_s <= FRESH.total_seconds():
            return True
        return await self._is_confirmed()

    async def _is_confirmed(self) -> bool:
        answer = await self._ask()
        if answer is False:
            raise Replaced
        if answer is None:
            return False
        self._confirmed_s = self._clock()
        self._unanswered_s = None
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaySettings:
    """How this bot plays.

    `bot` is its account, `overhead` the least time that a move costs beside the search,
    `abort_after` the wait for an opponent's first move. `draw` gives a random number in [0, 1).
    With `ponder` the engine searches on while the opponent thinks. `min_move_time` is the least
    time of a turn; without an `adjudication` every game is played out. `position_of` finds a game's
    options and limits, where `settings.positions` have some.
    """

    bot: str
    limits: EngineLimits
    overhead: timedelta
    abort_after: timedelta
    draw: Callable[[], float]
    ponder: bool = False
    min_move_time: timedelta = timedelta(0)
    adjudication: Adjudication | None = None
    position_of: Callable[[Traits], PositionSettings | None] = lambda _game: None


@dataclass(frozen=True, slots=True)
class FromStream:
    """An event of one connection; it is stale once another connection was opened."""

    connection: int
    event: Event


InboxItem = Event | FromStream | Exception


class GameContext:
    """The shared parts and the state of one game; needs a running event loop.

    `play` and `overheads` are values. The player replaces them at each event, the sender replaces
    `overheads` when it sends a move.
    """

    def __init__(
        self,
        link: GamePort,
        lease: Lease,
        settings: PlaySettings,
        rate_limits: RateLimits,
        telemetry: GameTelemetry,
    ) -> None:
        self.link = link
        self.lease = lease
        self.settings = settings
        self.rate_limits = rate_limits
        self.telemetry = telemetry
        self.log = get_logger().bind()
        self.play = Play()
        self.overheads = Overheads()
        self.inbox: asyncio.Queue[InboxItem] = asyncio.Queue()
        self.tasks = BackgroundTasks(self.inbox.put_nowait)

    def put(self, item: InboxItem) -> None:
        """Puts an item into the inbox."""
        self.inbox.put_nowait(item)

    def put_later(self, delay: timedelta, item: InboxItem) -> None:
        """Puts an item into the inbox after `delay`."""
        self.tasks.call_later(delay, lambda: self.inbox.put_nowait(item))

    def pass_over(self, why: str) -> None:
        """Logs and counts a source of moves that the game has to do without."""
        self.log.warning(log_events.SOURCE_FAILED, why=why)
        self.telemetry.count("crabstick_source_failures_total")

    def hit_limit(self, endpoint: Endpoint, wait: timedelta) -> None:
        """Counts a 429 and shares it with the other processes."""
        self.telemetry.count("crabstick_rate_limited_total", endpoint)
        self.rate_limits.hit(endpoint, wait)
