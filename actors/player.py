"""Plays one game: feeds `crabstick.rules.game` with what happens, carries out what it says.

Knows neither Ray nor HTTP: it is given a game link, an engine and a lease. The rule that keeps two
actors of one game apart stands here: a move is sent only while our own stream is open, every line
read from it has been acted on, and our loop has not stalled; otherwise the stream is opened anew
first, and before that the WorkerSet is asked whether the game is still ours.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import timedelta

import chess

from actors.chores import Chores
from actors.lease import Lease
from actors.position import Position, color_of
from actors.scorebook import Scorebook
from actors.stall import StallWatch
from crabstick.errors import LichessError, RateLimited, Refused
from crabstick.lichess.port import GamePort
from crabstick.rules import play as words
from crabstick.rules.clock import EngineLimits, budget_for
from crabstick.rules.game import step
from crabstick.rules.model import (
    ChatLine,
    GameFull,
    GameLine,
    GameState,
    Limited,
    OpponentGone,
    Posted,
    Unanswered,
    Unexpected,
)
from crabstick.rules.retry import next_delay
from crabstick.telemetry import names
from crabstick.telemetry.logs import get_logger
from engine.process import Engine
from engine.spec import SearchRequest

__all__ = ["Player", "Terms", "Unplayable"]

ECHO_LIMIT = timedelta(seconds=5)
LIMITED_PAUSE = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(seconds=3)
GAP_PAUSE = timedelta(seconds=5)
CLAIM_AGAIN_AFTER = timedelta(seconds=2)
UNREAD_PAUSE = timedelta(milliseconds=1)
GAME_MISSING_TRIES = 6
"""A game that has just started may be unknown for a moment."""


class Unplayable(LichessError):
    """Lichess does not let us play this game."""


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
class _PostNow:
    """A move that waited for unread lines."""

    ply: int
    uci: str


@dataclass(frozen=True, slots=True)
class _FromStream:
    """An event of one connection; later connections make it void."""

    connection: int
    event: words.Event


_Inbox = words.Event | _PostNow | _FromStream | Exception


class Player:
    """One game from the first line of its stream to the last."""

    def __init__(
        self, link: GamePort, engine: Engine, lease: Lease, terms: Terms, scorebook: Scorebook
    ) -> None:
        self._link = link
        self._engine = engine
        self._lease = lease
        self._terms = terms
        self._scorebook = scorebook
        self._log = get_logger(game_id=scorebook.game, actor=scorebook.actor).bind()
        self._loop = asyncio.get_running_loop()
        self._stall = StallWatch(self._loop.time)
        self._inbox: asyncio.Queue[_Inbox] = asyncio.Queue()
        self._chores = Chores(self._inbox.put_nowait)
        self._search: asyncio.Task[None] | None = None
        self._reader: asyncio.Task[None] | None = None
        self._play = words.Play()
        self._finish: words.Finish | None = None
        self._position: Position | None = None
        self._connection = 0
        self._failures = 0
        self._refusals = 0
        self._received_s = 0.0
        self._gap_allowed_s = 0.0
        self._pause: timedelta | None = None
        self._limited_until_s = 0.0
        self._next_post: asyncio.TimerHandle | None = None

    async def play(self) -> words.Finish:
        """Plays to the end and returns how the game ended.

        Raises:
            Replaced: the game is another actor's now.
            Unplayable: Lichess does not let us play it.
            EngineError: no engine is left to play with.
            InvariantBroken: a mistake of our own.
        """
        self._chores.start(self._stall.run())
        self._reader = self._chores.start(self._read())
        try:
            while self._finish is None:
                self._take(await self._inbox.get())
            return self._finish
        finally:
            await self._chores.close()
            await self._link.close()

    def _take(self, item: _Inbox) -> None:
        if isinstance(item, Exception):
            raise item
        if isinstance(item, _PostNow):
            self._post(item.ply, item.uci)
            return
        if isinstance(item, _FromStream):
            if item.connection != self._connection:
                return
            item = item.event
        self._play, effects = step(self._play, item)
        for effect in effects:
            self._carry_out(effect)

    def _carry_out(self, effect: words.Effect) -> None:
        match effect:
            case words.Think(ply=ply):
                self._search = self._chores.start(self._think(ply))
            case words.Forget():
                self._forget()
            case words.Post(ply=ply, uci=uci):
                self._post(ply, uci)
            case words.PostAgain():
                self._post_again(effect)
            case words.Resync():
                self._resync()
            case words.Finish():
                self._finish = effect
            case _:
                self._carry_out_rare(effect)

    def _carry_out_rare(self, effect: words.RareEffect) -> None:
        match effect:
            case words.WatchEcho(ply=ply):
                self._later(ECHO_LIMIT, words.EchoOverdue(ply=ply))
            case words.WatchNoShow(ply=ply):
                self._later(self._terms.abort_after, words.NoShow(ply=ply))
            case words.Abort():
                self._chores.start(self._abort(self._play.ply))
            case words.ClaimVictory():
                self._chores.start(self._claim_victory())

    # The stream.

    async def _read(self) -> None:
        """One connection: its lines go to the inbox, its end as `StreamLost`."""
        self._connection += 1
        connection = self._connection
        try:
            async with aclosing(self._link.lines()) as lines:
                async for line in lines:
                    self._received_s = self._loop.time()
                    event = None if line is None else self._event_of(line)
                    if event is not None:
                        self._inbox.put_nowait(_FromStream(connection, event))
        except LichessError as error:
            self._lost(connection, error)

    def _event_of(self, line: GameLine) -> words.Event | None:
        match line:
            case GameFull():
                self._failures = self._refusals = 0
                color = color_of(line, self._terms.bot)
                self._position = Position(line)
                self._scorebook.opened(line, color)
                return words.Opened(full=line, color=color)
            case GameState():
                self._scorebook.advanced(line)
                return words.Advanced(state=line)
            case OpponentGone():
                return words.OpponentLeft(line=line)
            case ChatLine():
                return None
            case Unexpected(why=why, is_harmless=is_harmless):
                self._log.warning(names.LINE_UNEXPECTED, why=why)
                return None if is_harmless else self._gap()

    def _gap(self) -> words.Event | None:
        """A line that we needed cannot be read: a fresh stream tells the whole game again."""
        if self._loop.time() < self._gap_allowed_s:
            return None
        self._gap_allowed_s = self._loop.time() + GAP_PAUSE.total_seconds()
        return words.StreamLost()

    def _lost(self, connection: int, error: LichessError) -> None:
        self._failures += 1
        self._refusals = self._refusals + 1 if isinstance(error, Refused) else 0
        if self._refusals >= GAME_MISSING_TRIES:
            self._inbox.put_nowait(Unplayable(str(error)))
            return
        if isinstance(error, RateLimited):
            self._pause = self._limited_pause(error.retry_after, self._failures)
        self._scorebook.lost_stream(is_limited=isinstance(error, RateLimited))
        self._log.warning(names.STREAM_LOST, why=str(error), failures=self._failures)
        self._inbox.put_nowait(_FromStream(connection, words.StreamLost()))

    def _resync(self) -> None:
        if self._reader is not None:
            self._reader.cancel()
        self._connection += 1  # what the old one still has to say is void
        self._reader = self._chores.start(self._reopen())

    async def _reopen(self) -> None:
        """Asks whether the game is still ours, waits a little, and opens the stream anew."""
        await self._lease.renew()
        pause, self._pause = self._pause, None
        pause = pause or self._backoff(self._failures)
        await asyncio.sleep(pause.total_seconds())
        await self._read()

    def _backoff(self, attempt: int) -> timedelta:
        """Our clock runs: the long pauses that spare an idle server are not for a game."""
        return min(next_delay(attempt, self._terms.draw()), LONGEST_PAUSE)

    def _limited_pause(self, asked: timedelta | None, attempt: int) -> timedelta:
        """What Lichess asked for, but never so long that it alone would cost the game.

        When it names no time, from a second on, doubling.
        """
        pause = asked or LIMITED_PAUSE + next_delay(attempt + 2, self._terms.draw())
        state = self._play.state
        left = None
        if state is not None:
            left = state.white_time if self._play.color == chess.WHITE else state.black_time
        return pause if left is None else min(pause, max(left / 4, LIMITED_PAUSE))

    # The engine.

    async def _think(self, ply: int) -> None:
        state, position = self._play.state, self._position
        if state is None or position is None:
            return
        received_s = self._received_s
        board = position.after(state.moves)
        budget = budget_for(
            state,
            self._play.color,
            self._terms.limits,
            overhead=self._terms.overhead,
            elapsed=timedelta(seconds=self._loop.time() - received_s),
        )
        request = SearchRequest(board=board, limit=budget.limit, deadline=budget.deadline)
        result = await self._engine.search(request)
        self._scorebook.thought(result, received_s)
        self._inbox.put_nowait(words.Chosen(ply=ply, uci=board.uci(result.move)))

    def _forget(self) -> None:
        if self._search is not None:
            self._search.cancel()
            self._search = None

    # Our moves.

    def _post(self, ply: int, uci: str) -> None:
        """Sends the move if it is still the one to send and nothing newer is known."""
        play = self._play
        if play.phase is not words.Phase.POSTING or (play.ply, play.chosen) != (ply, uci):
            return
        if self._stall.take():
            self._log.warning(names.LOOP_STALLED, ply=ply)
            self._inbox.put_nowait(_FromStream(self._connection, words.StreamLost()))
        elif (wait_s := self._limited_until_s - self._loop.time()) > 0:
            self._post_later(timedelta(seconds=wait_s), ply, uci)
        elif self._inbox.empty() and self._link.is_current():
            self._log.info(names.MOVE_POSTING, ply=ply, move=uci, epoch=self._scorebook.epoch)
            self._chores.start(self._send(ply, uci))
        else:
            self._post_later(UNREAD_PAUSE, ply, uci)

    async def _send(self, ply: int, uci: str) -> None:
        self._scorebook.posting(self._loop.time())
        outcome = await self._link.move(uci)
        if not isinstance(outcome, Posted):
            self._log.warning(names.MOVE_NOT_TAKEN, ply=ply, move=uci, outcome=repr(outcome))
        self._scorebook.answered(outcome)
        self._inbox.put_nowait(words.Answered(ply=ply, outcome=outcome))

    def _post_again(self, again: words.PostAgain) -> None:
        delay = self._backoff(again.attempt)
        if again.is_limited:
            delay = self._limited_pause(again.after, again.attempt)
            self._limited_until_s = self._loop.time() + delay.total_seconds()
        self._post_later(delay, again.ply, again.uci)

    def _post_later(self, delay: timedelta, ply: int, uci: str) -> None:
        """One move waits at a time: there is only one to send."""
        if self._next_post is not None:
            self._next_post.cancel()
        self._next_post = self._later(delay, _PostNow(ply, uci))

    # What has no position needs a fresh word of the WorkerSet.

    async def _abort(self, ply: int) -> None:
        if await self._lease.is_fresh():
            outcome = await self._link.abort()
            self._log.info(names.GAME_ABORTING, ply=ply, outcome=repr(outcome))
            if isinstance(outcome, Posted):
                return
        self._later(self._terms.abort_after, words.NoShow(ply=ply))

    async def _claim_victory(self) -> None:
        if await self._lease.is_fresh():
            outcome = await self._link.claim_victory()
            self._log.info(names.VICTORY_CLAIMED, outcome=repr(outcome))
            if isinstance(outcome, Unanswered | Limited):
                gone = OpponentGone(gone=True, claim_win_in=timedelta(0))
                self._later(CLAIM_AGAIN_AFTER, words.OpponentLeft(line=gone))

    def _later(self, delay: timedelta, item: _Inbox) -> asyncio.TimerHandle:
        return self._chores.later(delay, lambda: self._inbox.put_nowait(item))
