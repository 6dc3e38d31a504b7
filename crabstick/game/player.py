"""Plays one game: feeds events to `crabstick.rules.game_state_machine` and carries out the effects.

Knows neither Ray nor HTTP: the caller provides the link to Lichess, the lease and the engine.
`stream` reads the lines, `sender` posts the moves; this module decides, keeps the board
and runs the searches.
"""

import asyncio
from datetime import timedelta

import chess

from crabstick.errors import InvariantBroken
from crabstick.game.context import FromStream, GameContext, InboxItem
from crabstick.game.sender import ECHO_LIMIT, Sender
from crabstick.game.stream import GameStream
from crabstick.rules.game_events import (
    Abort,
    Advanced,
    Chosen,
    ClaimVictory,
    EchoOverdue,
    Effect,
    Event,
    Finish,
    HandOver,
    HandOverRequested,
    Opened,
    Post,
    PostAgain,
    Request,
    Resync,
    Schedule,
    StopSearch,
    Think,
)
from crabstick.rules.game_state_machine import Phase, step
from crabstick.rules.lichess_types import GameFull
from crabstick.rules.time_management import UNTIMED_PLIES, budget_for
from crabstick.rules.variants import start_board
from crabstick.telemetry import log_events
from engine.interface import Engine, SearchRequest


class Player:
    """One game, from the first line of its stream to the last."""

    def __init__(self, context: GameContext, engine: Engine) -> None:
        self._context = context
        self._settings = context.settings
        self._engine = engine
        self._stream = GameStream(context)
        self._sender = Sender(context, self._stream)
        self._search: asyncio.Task[None] | None = None
        self._position: Position | None = None
        self._end: Finish | HandOver | None = None

    async def play(self) -> Finish | HandOver:
        """Plays to the end; returns how the game ended, or that it was handed over.

        Raises:
            Replaced: another actor owns the game now.
            Unplayable: Lichess does not let us play it.
            EngineError: no engine is left to play with.
            InvariantBroken: a bug of our own.
        """
        self._sender.watch_for_stalls()
        self._stream.open()
        try:
            while self._end is None:
                self._handle(await self._context.inbox.get())
            return self._end
        finally:
            await self._context.tasks.close()
            await self._context.link.close()

    def hand_over(self, within: timedelta) -> None:
        """Hands the game over between two moves, or in mid-search after `within`."""
        self._context.put(HandOverRequested())
        self._context.put_later(within, HandOverRequested(at_once=True))

    def resync(self, ply: int) -> None:
        """Reopens the stream if we wait at `ply`, where Lichess says that it is our turn."""
        play = self._context.play
        if play.phase is Phase.WAITING and play.ply == ply:
            self._context.log.warning(log_events.LINE_MISSED, ply=ply)
            self._stream.presume_lost()

    def _handle(self, item: InboxItem) -> None:
        match item:
            case Exception():
                raise item
            case FromStream(event=event):
                if not self._stream.is_stale(item):
                    self._step(event)
            case _:
                self._step(item)

    def _step(self, event: Event) -> None:
        context = self._context
        if isinstance(event, Opened):
            self._position = Position(event.full)
            context.overheads = context.overheads.shown(event.full.state, event.color)
        elif isinstance(event, Advanced):
            context.overheads = context.overheads.shown(event.state, context.play.color)
        context.play, effects = step(context.play, event)
        for effect in effects:
            self._carry_out(effect)
        if context.play.phase is Phase.WAITING:
            self._follow()

    def _follow(self) -> None:
        """Plays our own move on the board while the opponent thinks."""
        state = self._context.play.state
        if self._position is not None and state is not None:
            self._position.follow(state.moves)

    def _carry_out(self, effect: Effect) -> None:
        context = self._context
        match effect:
            case Think(ply=ply):
                self._search = context.tasks.start(self._think(ply))
            case StopSearch():
                self._stop_search()
            case Resync():
                self._stream.reopen(self._time_left())
            case Schedule(event=EchoOverdue() as overdue):
                context.put_later(ECHO_LIMIT, overdue)
            case Schedule(event=no_show):
                context.put_later(self._settings.abort_after, no_show)
            case Finish() | HandOver():
                self._end = effect
            case _:
                self._send(effect)

    def _send(self, request: Request) -> None:
        match request:
            case Post():
                self._sender.post(request)
            case PostAgain():
                self._sender.post_again(request, self._time_left())
            case Abort():
                self._context.tasks.start(self._sender.abort(self._context.play.ply))
            case ClaimVictory():
                self._context.tasks.start(self._sender.claim_victory())

    def _time_left(self) -> timedelta | None:
        """Our clock at this moment; None without one."""
        play = self._context.play
        left, is_running = play.time_left, play.is_our_turn and play.ply >= UNTIMED_PLIES
        return left - self._stream.since_line() if left is not None and is_running else left

    # The engine.

    async def _think(self, ply: int) -> None:
        context, play, position = self._context, self._context.play, self._position
        if play.state is None or position is None:
            return
        received_s = self._stream.received_s
        board = position.after(play.state.moves)
        budget = budget_for(
            play.state,
            play.color,
            self._settings.limits,
            overhead=context.overheads.expected(self._settings.overhead),
            elapsed=self._stream.since_line(),
        )
        request = SearchRequest(board=board, limit=budget.limit, deadline=budget.deadline)
        result = await self._engine.search(request)
        context.telemetry.thought(result, received_s)
        context.put(Chosen(ply=ply, uci=board.uci(result.move)))

    def _stop_search(self) -> None:
        if self._search is not None:
            self._search.cancel()
            self._search = None


class Position:
    """The board of one game: replaying 100 plies would cost 1 ms, a new ply costs 11 µs."""

    def __init__(self, full: GameFull) -> None:
        self._start = start_board(full.variant, full.initial_fen)
        self._board = self._start.copy()
        self._moves: tuple[str, ...] = ()

    def after(self, moves: tuple[str, ...]) -> chess.Board:
        """A new board with `moves` played from the game's start.

        Raises:
            InvariantBroken: see `follow`.
        """
        self.follow(moves)
        return _fast_copy(self._board)

    def follow(self, moves: tuple[str, ...]) -> None:
        """Plays the new plies of `moves`; called while there is time, it makes `after` cheaper.

        Raises:
            InvariantBroken: Lichess sent a move that python-chess calls illegal.
        """
        known = len(self._moves)
        if moves[:known] != self._moves:  # a takeback, or other moves than those we know
            self._board, known = self._start.copy(), 0
        try:
            for uci in moves[known:]:
                self._board.push_uci(uci)
        except ValueError as error:
            raise InvariantBroken(f"cannot follow the game: {error}") from None
        self._moves = moves


def _fast_copy(board: chess.Board) -> chess.Board:
    """A copy that shares its past moves, which never change.

    `Board.copy` copies each of them, which at ply 100 takes a third of a move's whole overhead. Some
    variants' boards keep further lists.
    """
    if type(board) is not chess.Board:
        return board.copy()
    copied = board.copy(stack=False)
    copied.move_stack = board.move_stack.copy()
    copied._stack = board._stack.copy()  # noqa: SLF001 -- python-chess is pinned to 1.11
    return copied
