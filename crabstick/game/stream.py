"""Reads one game's stream, connection after connection, and puts its events into the inbox.

Opening the stream ends the stream of any other actor on this game. So before each reconnect the
WorkerSet is asked whether the game is still ours; its answer carries the rate limits it knows.
"""

import asyncio
from contextlib import aclosing
from datetime import timedelta

from crabstick.errors import LichessError, RateLimited, Refused
from crabstick.game.context import FromStream, GameContext
from crabstick.rules.game_events import Advanced, Event, Opened, OpponentLeft, StreamLost
from crabstick.rules.lichess_types import (
    ChatLine,
    GameFull,
    GameLine,
    GameState,
    OpponentGone,
    Unexpected,
)
from crabstick.rules.retry import LONGEST_GAME_DELAY, limited_game_delay, next_game_delay
from crabstick.telemetry import log_events

GAP_PAUSE = timedelta(seconds=5)
"""Unreadable lines reopen the stream at most once in this time."""
GAME_MISSING_TRIES = 6
"""Refusals in a row until the game is unplayable: Lichess may not know a new game at once."""


class Unplayable(LichessError):
    """Lichess does not let us play this game."""


class GameStream:
    """The stream of one game; `received_s` is the loop time of the last line with clocks."""

    def __init__(self, context: GameContext) -> None:
        self._context = context
        self._settings = context.settings
        self._clock = asyncio.get_running_loop().time
        self._reader: asyncio.Task[None] | None = None
        self._connection = 0
        self._failures = 0
        self._refusals = 0
        self._gap_allowed_s = 0.0
        self.received_s = 0.0

    def since_line(self) -> timedelta:
        """The time since the last line with clocks."""
        return timedelta(seconds=self._clock() - self.received_s)

    def open(self) -> None:
        """Opens the first connection."""
        self._reader = self._context.tasks.start(self._open())

    def reopen(self, left: timedelta | None) -> None:
        """Drops the connection and opens another one soon; `left` is the time on our clock."""
        if self._reader is not None:
            self._reader.cancel()
        self._connection += 1  # events of the old connection in the inbox are stale
        self._reader = self._context.tasks.start(self._reopen(left))

    def presume_lost(self) -> None:
        """Treats the connection as lost, since what we know may be out of date."""
        self._context.put(FromStream(self._connection, StreamLost()))

    def is_stale(self, item: FromStream) -> bool:
        """Whether the item comes from a connection that was dropped."""
        return item.connection != self._connection

    async def _open(self) -> None:
        """Waits out a rate limit, but briefly: our clock may run, and we do not know its time."""
        if limit := self._context.rate_limits.wait("game_stream"):
            await asyncio.sleep(min(limit, LONGEST_GAME_DELAY).total_seconds())
        await self._read()

    async def _reopen(self, left: timedelta | None) -> None:
        """Asks whether the game is still ours, pauses, and opens the next connection."""
        await self._context.lease.renew()
        await asyncio.sleep(self._pause(left).total_seconds())
        await self._read()

    def _pause(self, left: timedelta | None) -> timedelta:
        """The pause before a reconnect; it covers a rate limit as far as our clock allows."""
        draw = self._settings.draw()
        limit = self._context.rate_limits.wait("game_stream")
        if not limit:
            return next_game_delay(self._failures, draw, left=left)
        return limited_game_delay(limit + next_game_delay(0, draw, left=left), 0, draw, left=left)

    async def _read(self) -> None:
        """Reads one connection: puts its events into the inbox, and `StreamLost` when it ends."""
        context = self._context
        self._connection += 1
        connection = self._connection
        try:
            async with aclosing(context.link.lines()) as lines:
                async for line in lines:
                    event = None if line is None else self._event_of(line)
                    if event is not None:
                        context.put(FromStream(connection, event))
                    state = line.state if isinstance(line, GameFull) else line
                    if isinstance(state, GameState) and state.is_over:
                        return  # only the end of the stream follows
        except LichessError as error:
            self._lost(connection, error)

    def _event_of(self, line: GameLine) -> Event | None:
        context = self._context
        match line:
            case GameFull():
                self._failures = self._refusals = 0
                self.received_s = self._clock()
                color = line.color_of(self._settings.bot)
                context.telemetry.opened(line, color)
                return Opened(full=line, color=color)
            case GameState():
                self.received_s = self._clock()
                context.telemetry.advanced(line)
                return Advanced(state=line)
            case OpponentGone():
                return OpponentLeft(line=line)
            case ChatLine():
                return None
            case Unexpected(why=why, is_harmless=is_harmless):
                context.log.warning(log_events.LINE_UNEXPECTED, why=why)
                return None if is_harmless else self._gap()

    def _gap(self) -> Event | None:
        """Returns `StreamLost` for an unreadable line: a new stream begins with the whole game."""
        now_s = self._clock()
        if now_s < self._gap_allowed_s:
            return None
        self._gap_allowed_s = now_s + GAP_PAUSE.total_seconds()
        return StreamLost()

    def _lost(self, connection: int, error: LichessError) -> None:
        context = self._context
        self._failures += 1
        self._refusals = self._refusals + 1 if isinstance(error, Refused) else 0
        if self._refusals >= GAME_MISSING_TRIES:
            context.put(Unplayable(str(error)))
            return
        context.telemetry.count("crabstick_stream_reconnects_total", "game")
        if isinstance(error, RateLimited):
            draw = self._settings.draw()
            wait = limited_game_delay(error.retry_after, self._failures, draw, left=None)
            context.hit_limit("game_stream", wait)
        context.log.warning(log_events.STREAM_LOST, why=str(error), failures=self._failures)
        context.put(FromStream(connection, StreamLost()))
