"""Plays one game: feeds `crabstick.rules.game` with what happens, carries out what it says.

Knows neither Ray nor HTTP: it is given a game link, an engine and a lease. The lines come from
`game_stream`, the moves go out by `sender`; this module decides and has the engine think.
"""

import asyncio
from datetime import timedelta

from actors.game_stream import GameStream
from actors.lease import Lease
from actors.position import Position
from actors.scorebook import Scorebook
from actors.seat import FromStream, Item, Seat, Terms
from actors.sender import ECHO_LIMIT, Sender
from crabstick.lichess.port import GamePort
from crabstick.rules import play as words
from crabstick.rules.clock import budget_for
from crabstick.rules.game import step
from crabstick.rules.overhead import UNTIMED_PLIES
from crabstick.telemetry import names
from engine.process import Engine
from engine.spec import SearchRequest

__all__ = ["Player"]


class Player:
    """One game from the first line of its stream to the last."""

    def __init__(
        self, link: GamePort, engine: Engine, lease: Lease, terms: Terms, scorebook: Scorebook
    ) -> None:
        self._engine = engine
        self._seat = Seat(link, lease, terms, scorebook)
        self._stream = GameStream(self._seat)
        self._sender = Sender(self._seat, self._stream)
        self._search: asyncio.Task[None] | None = None
        self._play = words.Play()
        self._position: Position | None = None
        self._finish: words.Finish | words.Leave | None = None

    async def play(self) -> words.Finish | words.Leave:
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
                self._take(await self._seat.inbox.get())
            return self._finish
        finally:
            await self._seat.chores.close()
            await self._seat.link.close()

    def leave(self, within: timedelta) -> None:
        """Hands the game over between two moves, or in mid-thought when `within` is up."""
        self._seat.tell(words.LeaveAsked())
        self._seat.later(within, words.LeaveAsked(at_once=True))

    def look(self, ply: int) -> None:
        """It is our turn: unless we know of a move after `ply`, a line of the stream got lost."""
        if self._play.phase is words.Phase.WAITING and self._play.ply == ply:
            self._seat.log.warning(names.LINE_MISSED, ply=ply)
            self._stream.doubt()

    def _take(self, item: Item) -> None:
        match item:
            case Exception():
                raise item
            case words.Post():
                self._sender.post(self._play, item)
            case FromStream(event=event):
                if not self._stream.is_void(item):
                    self._step(event)
            case _:
                self._step(item)

    def _step(self, event: words.Event) -> None:
        if isinstance(event, words.Opened):
            self._position = Position(event.full)
            self._seat.pace.shown(event.full.state, event.color)
        elif isinstance(event, words.Advanced):
            self._seat.pace.shown(event.state, self._play.color)
        self._play, effects = step(self._play, event)
        for effect in effects:
            self._carry_out(effect)
        if self._play.phase is words.Phase.WAITING:
            self._follow()

    def _follow(self) -> None:
        """Plays our own move on the board, on the opponent's time."""
        if self._position is not None and self._play.state is not None:
            self._position.follow(self._play.state.moves)

    def _carry_out(self, effect: words.Effect) -> None:
        match effect:
            case words.Think(ply=ply):
                self._search = self._seat.chores.start(self._think(ply))
            case words.Forget():
                self._forget()
            case words.Resync():
                self._stream.open_anew(self._time_left())
            case words.WatchEcho(ply=ply):
                self._seat.later(ECHO_LIMIT, words.EchoOverdue(ply=ply))
            case words.WatchNoShow(ply=ply):
                self._seat.later(self._seat.terms.abort_after, words.NoShow(ply=ply))
            case words.Finish() | words.Leave():
                self._finish = effect
            case _:
                self._send(effect)

    def _send(self, request: words.Request) -> None:
        match request:
            case words.Post():
                self._sender.post(self._play, request)
            case words.PostAgain():
                self._sender.post_again(request, self._time_left())
            case words.Abort():
                self._sender.abort(self._play.ply)
            case words.ClaimVictory():
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
        terms, received_s = self._seat.terms, self._stream.received_s
        board = position.after(state.moves)
        budget = budget_for(
            state,
            self._play.color,
            terms.limits,
            overhead=self._seat.pace.overhead,
            elapsed=self._stream.since_told(),
        )
        request = SearchRequest(board=board, limit=budget.limit, deadline=budget.deadline)
        result = await self._engine.search(request)
        self._seat.scorebook.thought(result, received_s)
        self._seat.tell(words.Chosen(ply=ply, uci=board.uci(result.move)))

    def _forget(self) -> None:
        if self._search is not None:
            self._search.cancel()
            self._search = None
