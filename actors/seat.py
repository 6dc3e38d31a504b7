"""A seat at one game: the terms we play on, and what the parts of a player share.

Three parts sit here: `game_stream` reads, `player` decides, `sender` posts. Whatever happens to one
of them goes into the inbox, which the player empties one by one: nothing else is between them.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from actors.chores import Chores
from actors.lease import Lease
from actors.pace import Pace
from actors.scorebook import Scorebook
from crabstick.lichess.port import GamePort
from crabstick.rules import play as words
from crabstick.rules.clock import EngineLimits
from crabstick.telemetry.logs import get_logger

__all__ = ["FromStream", "Item", "Seat", "Terms"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
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
    event: words.Event


Item = words.Event | words.Post | FromStream | Exception
"""What an inbox holds; a `Post` is a move that waited for lines that were not read yet."""


class Seat:
    """What the parts of one player have in common; needs a running event loop."""

    def __init__(self, link: GamePort, lease: Lease, terms: Terms, scorebook: Scorebook) -> None:
        self.link = link
        self.lease = lease
        self.terms = terms
        self.scorebook = scorebook
        self.pace = Pace(terms.overhead)
        self.log = get_logger(game_id=scorebook.game, actor=scorebook.actor).bind()
        self.loop = asyncio.get_running_loop()
        self.inbox: asyncio.Queue[Item] = asyncio.Queue()
        self.chores = Chores(self.inbox.put_nowait)

    def tell(self, item: Item) -> None:
        """Puts something into the inbox."""
        self.inbox.put_nowait(item)

    def later(self, delay: timedelta, item: Item) -> asyncio.TimerHandle:
        """Puts it into the inbox after `delay`, unless the timer is cancelled."""
        return self.chores.later(delay, lambda: self.inbox.put_nowait(item))
