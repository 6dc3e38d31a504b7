"""What the three parts that play one game share.

`GameStream` reads, `Player` decides, `Sender` posts. Each puts what happens into the inbox, as an
event, and the player handles one event at a time.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from crabstick.asyncio_tools import BackgroundTasks
from crabstick.game.game_telemetry import GameTelemetry
from crabstick.game.lease import Lease
from crabstick.game.rate_limits import RateLimits
from crabstick.lichess.interface import GamePort
from crabstick.rules.game_events import Event
from crabstick.rules.game_state_machine import Play
from crabstick.rules.lichess_types import Endpoint
from crabstick.rules.time_management import EngineLimits, Overheads
from crabstick.telemetry.logs import get_logger


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaySettings:
    """How this bot plays.

    `bot` is its account, `overhead` the least time that a move costs beside the search,
    `abort_after` the wait for an opponent's first move. `draw` gives a random number in [0, 1).
    """

    bot: str
    limits: EngineLimits
    overhead: timedelta
    abort_after: timedelta
    draw: Callable[[], float]


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

    def hit_limit(self, endpoint: Endpoint, wait: timedelta) -> None:
        """Counts a 429 and shares it with the other processes."""
        self.telemetry.count("crabstick_rate_limited_total", endpoint)
        self.rate_limits.hit(endpoint, wait)
