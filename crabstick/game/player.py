"""Plays one game: feeds events to `crabstick.rules.game_state_machine` and carries out the effects.

Knows neither Ray nor HTTP: the caller provides the link to Lichess, the lease and the engine.
`stream` reads the lines, `sender` posts the moves; this module decides, keeps the board
and finds the moves: in books and tablebases, on servers, else by the engine.
"""

import asyncio
from dataclasses import replace
from datetime import timedelta

import chess

from crabstick.errors import InvariantBroken
from crabstick.game.context import FromStream, GameContext, InboxItem
from crabstick.game.move_sources import LOOK_UP_SHARE, Found, MoveSources
from crabstick.game.sender import ECHO_LIMIT, Sender
from crabstick.game.stream import GameStream
from crabstick.rules.adjudication import with_score
from crabstick.rules.engine_choice import Traits
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
    Intent,
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
from crabstick.rules.lichess_types import GameFull, GameState
from crabstick.rules.time_management import UNTIMED_PLIES, budget_for, pause_for
from crabstick.rules.variants import start_board
from crabstick.settings.model import PositionSettings
from crabstick.telemetry import log_events
from engine.interface import Engine, SearchRequest, SearchResult

LOOK_UP_LIMIT = timedelta(seconds=1)
"""For files; servers have a limit of their own."""


class Player:
    """One game, from the first line of its stream to the last."""

    def __init__(
        self, context: GameContext, engine: Engine, sources: MoveSources | None = None
    ) -> None:
        self._context = context
        self._settings = context.settings
        self._engine = engine
        self._sources = sources
        self._scores: tuple[int, ...] = ()
        for problem in sources.problems if sources else ():
            context.pass_over(problem)
        self._stream = GameStream(context)
        self._sender = Sender(context, self._stream)
        self._search: asyncio.Task[None] | None = None
        self._position: Position | None = None
        self._start: PositionSettings | None = None
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
            full = event.full
            self._position = Position(full)
            game = Traits(variant=full.variant, color=event.color, fen=full.initial_fen)
            self._start = self._settings.position_of(game)
            context.overheads = context.overheads.shown(full.state, event.color)
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

    # The move.

    async def _think(self, ply: int) -> None:
        context, play, position = self._context, self._context.play, self._position
        if play.state is None or position is None:
            return
        received_s = self._stream.received_s
        board = position.after(play.state.moves)
        began_s = asyncio.get_running_loop().time()
        found = await self._look_up(position.full, board)
        looked_up = timedelta(seconds=asyncio.get_running_loop().time() - began_s)
        if found is not None and not found.root_moves:
            result = found.result
            self._engine.stop_pondering()
        else:
            result = await self._ask_engine(board, play.state, found)
        if found is not None and result.source == found.result.source:
            context.log.info(log_events.MOVE_FOUND, move=result.move.uci(), source=result.source)
            context.telemetry.count("crabstick_source_moves_total", result.source)
        result = replace(result, think_time=result.think_time + looked_up)
        intent: Intent = "play"
        if (rules := self._settings.adjudication) is not None:
            self._scores = with_score(self._scores, result.centipawns, result.mate_in)
            state = context.play.state or play.state  # a later line may have a draw offer
            intent = rules.intent(position.full, state, self._scores, board)
        if self._settings.min_move_time and intent == "play":
            pause_s = await self._hold_back(position.full, received_s)
            received_s += pause_s  # deliberate, so not overhead
        context.telemetry.thought(result, received_s)
        context.put(Chosen(ply=ply, uci=board.uci(result.move), intent=intent))

    async def _ask_engine(
        self, board: chess.Board, state: GameState, found: Found | None
    ) -> SearchResult:
        """The engine's move; one among the best of a tablebase, where that `found` some."""
        context, own = self._context, self._start
        budget = budget_for(
            context.play.state or state,
            context.play.color,
            own.limits.bounds() if own and own.limits else self._settings.limits,
            overhead=context.overheads.expected(self._settings.overhead),
            elapsed=self._stream.since_line(),
        )
        request = SearchRequest(
            board=board,
            limit=budget.limit,
            deadline=budget.deadline,
            root_moves=found.root_moves if found is not None else (),
            ponder=self._settings.ponder and context.play.time_left is not None,
            options=own.options if own else {},
        )
        result = await self._engine.search(request)
        if found is not None and result.move not in found.root_moves:
            # Some engines ignore which moves they may play.
            return replace(found.result, think_time=result.think_time)
        return result

    async def _look_up(self, full: GameFull, board: chess.Board) -> Found | None:
        """A move from files or servers; once files fail, none is asked in this game again."""
        context, left, sources = self._context, self._time_left(), self._sources
        if sources is None:
            return None
        within = LOOK_UP_LIMIT if left is None else min(LOOK_UP_LIMIT, left * LOOK_UP_SHARE)
        try:
            found = await sources.find(full.variant, board, within)
            if found is None and sources.online is not None:
                return await sources.online.find(context, full.variant, board, left)
        except Exception as error:  # noqa: BLE001 -- a damaged file may raise anything
            self._sources = None
            context.pass_over(repr(error))
            return None
        return found

    async def _hold_back(self, full: GameFull, began_s: float) -> float:
        """Waits until the turn has lasted as long as wanted; returns for how many seconds."""
        network = min(self._context.overheads.recent, default=timedelta(0))
        spent = timedelta(seconds=asyncio.get_running_loop().time() - began_s) + network
        initial = full.clock.initial if full.clock else timedelta(0)
        pause = pause_for(self._settings.min_move_time, spent, self._time_left(), initial)
        await asyncio.sleep(pause.total_seconds())
        return pause.total_seconds()

    def _stop_search(self) -> None:
        if self._search is not None:
            self._search.cancel()
            self._search = None


class Position:
    """The board of one game: replaying 100 plies would cost 1 ms, a new ply costs 11 µs."""

    def __init__(self, full: GameFull) -> None:
        self.full = full
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

    `Board.copy` copies each of them, which at ply 100 takes a third of a move's whole overhead.
    Some variants' boards keep further lists.
    """
    if type(board) is not chess.Board:
        return board.copy()
    copied = board.copy(stack=False)
    copied.move_stack = board.move_stack.copy()
    copied._stack = board._stack.copy()  # noqa: SLF001 -- python-chess is pinned to 1.11
    return copied
