"""Sends what our side does: moves, aborts, claims. The rule that keeps two actors apart is here.

A move is sent only while our own stream is open, every line read from it has been acted on, and our
loop has not stalled; otherwise the stream is opened anew first. What has no position (an abort, a
claim) needs a fresh word of the WorkerSet instead.

A move waits for a 429 that it met itself, and for nobody else's.
"""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta

from crabstick.game.context import GameContext
from crabstick.game.stall import StallDetector
from crabstick.game.stream import GameStream
from crabstick.rules import game_events as events
from crabstick.rules.model import Limited, OpponentGone, Posted, PostOutcome, Unanswered
from crabstick.rules.retry import (
    LIMITED_GAME_DELAY,
    cool_down,
    limited_game_delay,
    next_game_delay,
)
from crabstick.telemetry import names

__all__ = ["ECHO_LIMIT", "Sender"]

UNREAD_PAUSE = timedelta(milliseconds=1)
ECHO_LIMIT = timedelta(seconds=5)
"""Past it, the stream is opened anew: its first line tells position and clocks."""
CLAIM_AGAIN_AFTER = timedelta(seconds=2)


class Sender:
    """The posts of one game; how Lichess takes a move goes into the inbox."""

    def __init__(self, context: GameContext, stream: GameStream) -> None:
        self._context = context
        self._stream = stream
        self._stall = StallDetector(context.loop.time)
        self._limited_until_s = 0.0
        self._waiting: asyncio.TimerHandle | None = None

    def watch_for_stalls(self) -> None:
        """Begins to notice when our loop stands still."""
        self._context.tasks.start(self._stall.run())

    # Moves.

    def post(self, play: events.Play, move: events.Post) -> None:
        """Sends the move if it is still the one to send and nothing newer is known."""
        if play.phase is not events.Phase.POSTING or (play.ply, play.chosen) != (
            move.ply,
            move.uci,
        ):
            return
        context = self._context
        if self._stall.take():
            context.log.warning(names.LOOP_STALLED, ply=move.ply)
            self._stream.doubt()
        elif (wait_s := self._limited_until_s - context.loop.time()) > 0:
            self._post_later(timedelta(seconds=wait_s), move)
        elif context.inbox.empty() and context.link.is_current():
            epoch = context.telemetry.epoch
            context.log.info(names.MOVE_POSTING, ply=move.ply, move=move.uci, epoch=epoch)
            context.pace.sent(play.state, self._stream.since_told())
            context.tasks.start(self._send(move))
        else:
            self._post_later(UNREAD_PAUSE, move)

    def post_again(self, again: events.PostAgain, left: timedelta | None) -> None:
        """Sends the same move after a pause, unless our clock (`left`) is up: the server knows."""
        if left is not None and left <= timedelta(0):
            self._context.log.warning(names.MOVE_TOO_LATE, ply=again.ply, move=again.uci)
            self._context.later(ECHO_LIMIT, events.EchoOverdue(ply=again.ply))
            return
        draw = self._context.settings.draw()
        delay = next_game_delay(again.attempt, draw, left=left)
        if again.is_limited:
            delay = limited_game_delay(again.after, again.attempt, draw, left=left)
            self._limited_until_s = self._context.loop.time() + delay.total_seconds()
        self._post_later(delay, events.Post(ply=again.ply, uci=again.uci))

    def _post_later(self, delay: timedelta, move: events.Post) -> None:
        """One move waits at a time: there is only one to send."""
        if self._waiting is not None:
            self._waiting.cancel()
        self._waiting = self._context.later(delay, move)

    async def _send(self, move: events.Post) -> None:
        context = self._context
        context.telemetry.posting(context.loop.time())
        outcome = await context.link.move(move.uci)
        if isinstance(outcome, Limited):
            context.telemetry.limited("move", outcome.retry_after or LIMITED_GAME_DELAY)
        if not isinstance(outcome, Posted):
            context.log.warning(
                names.MOVE_NOT_TAKEN, ply=move.ply, move=move.uci, outcome=repr(outcome)
            )
        context.telemetry.answered(outcome)
        context.tell(events.Answered(ply=move.ply, outcome=outcome))

    # What has no position needs a fresh word of the WorkerSet.

    def abort(self, ply: int) -> None:
        """Aborts the game, or tells of the no-show once more after another wait."""
        self._context.tasks.start(self._abort(ply))

    def claim_victory(self) -> None:
        """Claims the win over an opponent who left."""
        self._context.tasks.start(self._claim_victory())

    async def _abort(self, ply: int) -> None:
        context = self._context
        if await context.lease.is_fresh() and not context.telemetry.board.wait("command"):
            outcome = await self._command(context.link.abort())
            context.log.info(names.GAME_ABORTING, ply=ply, outcome=repr(outcome))
            if isinstance(outcome, Posted):
                return
        context.later(context.settings.abort_after, events.NoShow(ply=ply))

    async def _claim_victory(self) -> None:
        context = self._context
        if not await context.lease.is_fresh():
            return
        pause = context.telemetry.board.wait("command")
        if not pause:
            outcome = await self._command(context.link.claim_victory())
            context.log.info(names.VICTORY_CLAIMED, outcome=repr(outcome))
            if not isinstance(outcome, Unanswered | Limited):
                return
            pause = CLAIM_AGAIN_AFTER
        gone = OpponentGone(gone=True, claim_win_in=timedelta(0))
        context.later(pause, events.OpponentLeft(line=gone))

    async def _command(self, command: Awaitable[PostOutcome]) -> PostOutcome:
        """What became of it; a 429 is told to all, and holds for no move."""
        outcome = await command
        if isinstance(outcome, Limited):
            self._context.telemetry.limited("command", cool_down(outcome.retry_after))
        return outcome
