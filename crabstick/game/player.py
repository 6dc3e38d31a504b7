"""Plays one game: feeds `crabstick.rules.game` with what happens, carries out what it says.

Knows neither Ray nor HTTP: it is given a game link, an engine and a lease. The lines come from
`game_stream`, the moves go out by `sender`; this module decides and has the engine think.
"""

import asyncio
from datetime import timedelta

from crabstick.game.context import FromStream, GameContext, InboxItem, PlaySettings
from crabstick.game.game_telemetry import GameTelemetry
from crabstick.game.lease import Lease
from crabstick.game.position import Position
from crabstick.game.sender import ECHO_LIMIT, Sender
from crabstick.game.stream import GameStream
from crabstick.lichess.interface import GamePort
from crabstick.rules import game_events as events
from crabstick.rules.clock import budget_for
from crabstick.rules.game import step
from crabstick.rules.overhead import UNTIMED_PLIES
from crabstick.telemetry import names
from engine.interface import Engine
from engine.spec import SearchRequest

__all__ = ["Player"]


class Player:
    """One game from the first line of its stream to the last."""

    def __init__(
        self,
        link: GamePort,
        engine: Engine,
        lease: Lease,
        settings: PlaySettings,
        telemetry: GameTelemetry,
    ) -> None:
        self._engine = engine
        self._context = GameContext(link, lease, settings, telemetry)
        self._stream = GameStream(self._context)
        self._sender = Sender(self._context, self._stream)
        self._search: asyncio.Task[None] | None = None
        self._play = events.Play()
        self._position: Position | None = None
        self._finish: events.Finish | events.Leave | None = None

    async def play(self) -> events.Finish | events.Leave:
        """Plays to the end and returns how the game ended, or that it was handed over.

        Raises:
            Replaced: the game is another actor's now.
            Unplayable: Lichess does not let us play it.
            EngineError: no engine is left to play with.
            InvariantBroken: a mistake of our own.
        """
        self._sender.watch_for_stalls()
        self._stream.open()
        try:
            while self._finish is None:
                self._take(await self._context.inbox.get())
            return self._finish
        finally:
            await self._context.tasks.close()
            await self._context.link.close()

    def leave(self, within: timedelta) -> None:
        """Hands the game over between two moves, or in mid-thought when `within` is up."""
        self._context.tell(events.LeaveAsked())
        self._context.later(within, events.LeaveAsked(at_once=True))

    def look(self, ply: int) -> None:
        """It is our turn: unless we know of a move after `ply`, a line of the stream got lost."""
        if self._play.phase is events.Phase.WAITING and self._play.ply == ply:
            self._context.log.warning(names.LINE_MISSED, ply=ply)
            self._stream.doubt()

    def _take(self, item: InboxItem) -> None:
        match item:
            case Exception():
                raise item
            case events.Post():
                self._sender.post(self._play, item)
            case FromStream(event=event):
                if not self._stream.is_void(item):
                    self._step(event)
            case _:
                self._step(item)

    def _step(self, event: events.Event) -> None:
        if isinstance(event, events.Opened):
            self._position = Position(event.full)
            self._context.pace.shown(event.full.state, event.color)
        elif isinstance(event, events.Advanced):
            self._context.pace.shown(event.state, self._play.color)
        self._play, effects = step(self._play, event)
        for effect in effects:
            self._carry_out(effect)
        if self._play.phase is events.Phase.WAITING:
            self._follow()

    def _follow(self) -> None:
        """Plays our own move on the board, on the opponent's time."""
        if self._position is not None and self._play.state is not None:
            self._position.follow(self._play.state.moves)

    def _carry_out(self, effect: events.Effect) -> None:
        match effect:
            case events.Think(ply=ply):
                self._search = self._context.tasks.start(self._think(ply))
            case events.Forget():
                self._forget()
            case events.Resync():
                self._stream.open_anew(self._time_left())
            case events.WatchEcho(ply=ply):
                self._context.later(ECHO_LIMIT, events.EchoOverdue(ply=ply))
            case events.WatchNoShow(ply=ply):
                self._context.later(self._context.settings.abort_after, events.NoShow(ply=ply))
            case events.Finish() | events.Leave():
                self._finish = effect
            case _:
                self._send(effect)

    def _send(self, request: events.Request) -> None:
        match request:
            case events.Post():
                self._sender.post(self._play, request)
            case events.PostAgain():
                self._sender.post_again(request, self._time_left())
            case events.Abort():
                self._sender.abort(self._play.ply)
            case events.ClaimVictory():
                self._sender.claim_victory()

    def _time_left(self) -> timedelta | None:
        """Our clock at this moment; None without one."""
        left = self._play.time_left
        is_running = self._play.is_our_turn and self._play.ply >= UNTIMED_PLIES
        return left - self._stream.since_told() if left is not None and is_running else left

    # The engine.

    async def _think(self, ply: int) -> None:
        state, position = self._play.state, self._position
        if state is None or position is None:
            return
        settings, received_s = self._context.settings, self._stream.received_s
        board = position.after(state.moves)
        budget = budget_for(
            state,
            self._play.color,
            settings.limits,
            overhead=self._context.pace.overhead,
            elapsed=self._stream.since_told(),
        )
        request = SearchRequest(board=board, limit=budget.limit, deadline=budget.deadline)
        result = await self._engine.search(request)
        self._context.telemetry.thought(result, received_s)
        self._context.tell(events.Chosen(ply=ply, uci=board.uci(result.move)))

    def _forget(self) -> None:
        if self._search is not None:
            self._search.cancel()
            self._search = None
