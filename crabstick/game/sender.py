"""Sends our moves, aborts and claims, and keeps two actors from playing one game.

A move is sent only while our own stream is open, every line read from it has been handled, and our
event loop has not stalled; after a stall the stream is reopened first. An abort or a claim does not
depend on a position, so it needs a recent confirmation by the WorkerSet instead.

A move waits after a 429 of its own, but not after a 429 of another request.
"""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

from crabstick.asyncio_tools import StallDetector
from crabstick.game.context import GameContext
from crabstick.game.stream import GameStream
from crabstick.rules.game_events import Answered, EchoOverdue, NoShow, OpponentLeft, Post, PostAgain
from crabstick.rules.game_state_machine import Phase
from crabstick.rules.lichess_types import Limited, OpponentGone, Posted, PostOutcome, Unanswered
from crabstick.rules.retry import (
    LIMITED_GAME_DELAY,
    cool_down,
    limited_game_delay,
    next_game_delay,
)
from crabstick.telemetry import log_events

UNREAD_PAUSE = timedelta(milliseconds=1)
ECHO_LIMIT = timedelta(seconds=5)
"""After this time the stream is reopened: its first line has the moves and the clocks."""
CLAIM_AGAIN_AFTER = timedelta(seconds=2)


class Sender:
    """The posts of one game; their outcomes go into the inbox."""

    def __init__(self, context: GameContext, stream: GameStream) -> None:
        self._context = context
        self._settings = context.settings
        self._stream = stream
        self._clock = asyncio.get_running_loop().time
        self._stall = StallDetector(self._clock)
        self._limited_until_s = 0.0
        self._waiting: asyncio.TimerHandle | None = None

    def watch_for_stalls(self) -> None:
        """Begins to watch for stalls of our event loop."""
        self._context.tasks.start(self._stall.run())

    # Moves.

    def post(self, move: Post) -> None:
        """Sends the move, unless the game has moved on; waits while anything newer is unread."""
        context, play = self._context, self._context.play
        if play.phase is not Phase.POSTING or play.ply != move.ply or play.chosen != move.uci:
            return
        if self._stall.check():
            context.log.warning(log_events.LOOP_STALLED, ply=move.ply)
            self._stream.presume_lost()
        elif (wait_s := self._limited_until_s - self._clock()) > 0:
            self._post_later(timedelta(seconds=wait_s), move)
        elif context.inbox.empty() and context.link.is_current():
            context.log.info(log_events.MOVE_POSTING, ply=move.ply, move=move.uci)
            context.overheads = context.overheads.sent(play.state, self._stream.since_line())
            context.tasks.start(self._send(move))
        else:
            self._post_later(UNREAD_PAUSE, move)

    def post_again(self, again: PostAgain, left: timedelta | None) -> None:
        """Sends the move again after a pause; if our clock (`left`) is up, waits for the end."""
        if left is not None and left <= timedelta(0):
            self._context.log.warning(log_events.MOVE_TOO_LATE, ply=again.ply, move=again.uci)
            self._context.put_later(ECHO_LIMIT, EchoOverdue(ply=again.ply))
            return
        draw = self._settings.draw()
        delay = next_game_delay(again.attempt, draw, left=left)
        if again.is_limited:
            delay = limited_game_delay(again.after, again.attempt, draw, left=left)
            self._limited_until_s = self._clock() + delay.total_seconds()
        self._post_later(delay, Post(ply=again.ply, uci=again.uci, intent=again.intent))

    def _post_later(self, delay: timedelta, move: Post) -> None:
        """Only one move can wait: the next one is chosen after this one was accepted."""
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = self._context.tasks.call_later(delay, lambda: self.post(move))

    async def _send(self, move: Post) -> None:
        context = self._context
        context.telemetry.posting(self._clock())
        if move.intent == "resign":
            outcome = await self._command(context.link.resign())
            context.log.info(log_events.GAME_RESIGNED, ply=move.ply, outcome=repr(outcome))
            if isinstance(outcome, Posted):
                context.put(Answered(ply=move.ply, outcome=outcome))
                return
        outcome = await context.link.move(move.uci, offering_draw=move.intent == "draw")
        if isinstance(outcome, Limited):
            context.hit_limit("move", outcome.retry_after or LIMITED_GAME_DELAY)
        if isinstance(outcome, Posted):
            context.telemetry.count("crabstick_moves_total")
        else:
            context.log.warning(
                log_events.MOVE_NOT_TAKEN, ply=move.ply, move=move.uci, outcome=repr(outcome)
            )
        context.put(Answered(ply=move.ply, outcome=outcome))

    # Aborts and claims.

    async def abort(self, ply: int) -> None:
        """Aborts the game; if that fails, raises `NoShow` once more after another wait."""
        context = self._context
        if await context.lease.is_fresh() and not context.rate_limits.wait("command"):
            outcome = await self._command(context.link.abort())
            context.log.info(log_events.GAME_ABORTING, ply=ply, outcome=repr(outcome))
            if isinstance(outcome, Posted):
                return
        context.put_later(self._settings.abort_after, NoShow(ply=ply))

    async def claim_victory(self) -> None:
        """Claims the win over an opponent who left."""
        context = self._context
        if not await context.lease.is_fresh():
            return
        pause = context.rate_limits.wait("command")
        if not pause:
            outcome = await self._command(context.link.claim_victory())
            context.log.info(log_events.VICTORY_CLAIMED, outcome=repr(outcome))
            if not isinstance(outcome, Unanswered | Limited):
                return
            pause = CLAIM_AGAIN_AFTER
        gone = OpponentGone(gone=True, claim_win_in=timedelta(0))
        context.put_later(pause, OpponentLeft(line=gone))

    async def _command(self, command: Awaitable[PostOutcome]) -> PostOutcome:
        """Sends a command; a 429 is shared with all processes, but delays no move."""
        outcome = await command
        if isinstance(outcome, Limited):
            self._context.hit_limit("command", cool_down(outcome.retry_after))
        return outcome
