"""Reads one game's stream, connection after connection; what it brings goes into the inbox.

Between two connections the WorkerSet is asked whether the game is still ours: opening the stream
ends the one of whoever else plays this game. What it knows of limits comes with the answer.
"""

import asyncio
from contextlib import aclosing
from datetime import timedelta

from crabstick.errors import LichessError, RateLimited, Refused
from crabstick.game.context import FromStream, GameContext
from crabstick.game.position import color_of
from crabstick.rules import game_events as events
from crabstick.rules.model import (
    ChatLine,
    GameFull,
    GameLine,
    GameState,
    OpponentGone,
    Unexpected,
)
from crabstick.rules.retry import LONGEST_GAME_DELAY, limited_game_delay, next_game_delay
from crabstick.telemetry import names

__all__ = ["GameStream", "Unplayable"]

GAP_PAUSE = timedelta(seconds=5)
GAME_MISSING_TRIES = 6
"""A game that has just started may be unknown for a moment."""


class Unplayable(LichessError):
    """Lichess does not let us play this game."""


class GameStream:
    """The stream of one game; `received_s` is when it last told the clocks, in loop time."""

    def __init__(self, context: GameContext) -> None:
        self._context = context
        self._reader: asyncio.Task[None] | None = None
        self._connection = 0
        self._failures = 0
        self._refusals = 0
        self._gap_allowed_s = 0.0
        self.received_s = 0.0

    def since_told(self) -> timedelta:
        """How long ago that was."""
        return timedelta(seconds=self._context.loop.time() - self.received_s)

    def open(self) -> None:
        """Opens the first connection."""
        self._reader = self._context.tasks.start(self._open())

    def open_anew(self, left: timedelta | None) -> None:
        """Gives the connection up and opens another one soon; `left` is our clock."""
        if self._reader is not None:
            self._reader.cancel()
        self._connection += 1  # what the old one still has to say is void
        self._reader = self._context.tasks.start(self._reopen(left))

    def doubt(self) -> None:
        """What we know may be old: the connection counts as lost."""
        self._context.tell(FromStream(self._connection, events.StreamLost()))

    def is_void(self, item: FromStream) -> bool:
        """Whether it comes from a connection that was given up."""
        return item.connection != self._connection

    async def _open(self) -> None:
        """Heeds a limit for a moment only: our clock, which nobody has told us yet, may run."""
        if limit := self._context.telemetry.board.wait("game_stream"):
            await asyncio.sleep(min(limit, LONGEST_GAME_DELAY).total_seconds())
        await self._read()

    async def _reopen(self, left: timedelta | None) -> None:
        """Asks whether the game is still ours, waits a little, and opens the stream anew."""
        await self._context.lease.renew()
        await asyncio.sleep(self._pause(left).total_seconds())
        await self._read()

    def _pause(self, left: timedelta | None) -> timedelta:
        """A limit counts whoever met it, as far as our clock allows; not all return at once."""
        draw = self._context.settings.draw()
        limit = self._context.telemetry.board.wait("game_stream")
        if not limit:
            return next_game_delay(self._failures, draw, left=left)
        return limited_game_delay(limit + next_game_delay(0, draw, left=left), 0, draw, left=left)

    async def _read(self) -> None:
        """One connection: its lines go to the inbox, its end as `StreamLost`."""
        self._connection += 1
        connection = self._connection
        try:
            async with aclosing(self._context.link.lines()) as lines:
                async for line in lines:
                    event = None if line is None else self._event_of(line)
                    if event is not None:
                        self._context.tell(FromStream(connection, event))
        except LichessError as error:
            self._lost(connection, error)

    def _event_of(self, line: GameLine) -> events.Event | None:
        match line:
            case GameFull():
                self._failures = self._refusals = 0
                self.received_s = self._context.loop.time()
                color = color_of(line, self._context.settings.bot)
                self._context.telemetry.opened(line, color)
                return events.Opened(full=line, color=color)
            case GameState():
                self.received_s = self._context.loop.time()
                self._context.telemetry.advanced(line)
                return events.Advanced(state=line)
            case OpponentGone():
                return events.OpponentLeft(line=line)
            case ChatLine():
                return None
            case Unexpected(why=why, is_harmless=is_harmless):
                self._context.log.warning(names.LINE_UNEXPECTED, why=why)
                return None if is_harmless else self._gap()

    def _gap(self) -> events.Event | None:
        """A line that we needed cannot be read: a fresh stream tells the whole game again."""
        now_s = self._context.loop.time()
        if now_s < self._gap_allowed_s:
            return None
        self._gap_allowed_s = now_s + GAP_PAUSE.total_seconds()
        return events.StreamLost()

    def _lost(self, connection: int, error: LichessError) -> None:
        self._failures += 1
        self._refusals = self._refusals + 1 if isinstance(error, Refused) else 0
        if self._refusals >= GAME_MISSING_TRIES:
            self._context.tell(Unplayable(str(error)))
            return
        self._context.telemetry.lost_stream()
        if isinstance(error, RateLimited):
            draw = self._context.settings.draw()
            asked = limited_game_delay(error.retry_after, self._failures, draw, left=None)
            self._context.telemetry.limited("game_stream", asked)
        self._context.log.warning(names.STREAM_LOST, why=str(error), failures=self._failures)
        self._context.tell(FromStream(connection, events.StreamLost()))
