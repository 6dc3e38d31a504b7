"""A context at one game: the settings we play on, and what the parts of a player share.

Three parts sit here: `game_stream` reads, `player` decides, `sender` posts. Whatever happens to one
of them goes into the inbox, which the player empties one by one: nothing else is between them.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from crabstick.game.background_tasks import BackgroundTasks
from crabstick.game.game_telemetry import GameTelemetry
from crabstick.game.lease import Lease
from crabstick.game.pace import Pace
from crabstick.lichess.interface import GamePort
from crabstick.rules import game_events as events
from crabstick.rules.clock import EngineLimits
from crabstick.telemetry.logs import get_logger

__all__ = ["FromStream", "GameContext", "InboxItem", "PlaySettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaySettings:
    """How this bot plays: who it is, what its engine is told, how long it waits for a no-show.

    `draw` gives a random number in [0, 1).
    """

    bot: str
    limits: EngineLimits
    overhead: timedelta
    abort_after: timedelta
    draw: Callable[[], float]


@dataclass(frozen=True, slots=True)
class FromStream:
    """An event of one connection; later connections make it void."""

    connection: int
    event: events.Event


InboxItem = events.Event | events.Post | FromStream | Exception
"""What an inbox holds; a `Post` is a move that waited for lines that were not read yet."""


class GameContext:
    """What the parts of one player have in common; needs a running event loop."""

    def __init__(
        self, link: GamePort, lease: Lease, settings: PlaySettings, telemetry: GameTelemetry
    ) -> None:
        self.link = link
        self.lease = lease
        self.settings = settings
        self.telemetry = telemetry
        self.pace = Pace(settings.overhead)
        self.log = get_logger(game_id=telemetry.game, actor=telemetry.actor).bind()
        self.loop = asyncio.get_running_loop()
        self.inbox: asyncio.Queue[InboxItem] = asyncio.Queue()
        self.tasks = BackgroundTasks(self.inbox.put_nowait)

    def tell(self, item: InboxItem) -> None:
        """Puts something into the inbox."""
        self.inbox.put_nowait(item)

    def later(self, delay: timedelta, item: InboxItem) -> asyncio.TimerHandle:
        """Puts it into the inbox after `delay`, unless the timer is cancelled."""
        return self.tasks.later(delay, lambda: self.inbox.put_nowait(item))
