"""The fake server's side of one game: the board, the stream, and faults to come."""

from collections import deque
from datetime import timedelta

import chess

from crabstick.errors import InvariantBroken, LichessError
from crabstick.rules.lichess_types import (
    Clock,
    GameFull,
    GameId,
    GameLine,
    GameState,
    LichessPlayer,
    PostOutcome,
)
from crabstick.rules.variants import START, start_board
from tests.fakes.stream import FakeStream

_ID = GameId("abcdefgh")
_US = LichessPlayer(name="crabby", title="BOT")
_THEM = LichessPlayer(name="zeekat")
_FIVE_PLUS_THREE = Clock(initial=timedelta(minutes=5), increment=timedelta(seconds=3))
_TOO_LATE_TO_ABORT = 2  # plies
_ENDS = {chess.Termination.CHECKMATE: "mate", chess.Termination.STALEMATE: "stalemate"}


class FakeMatch:
    """One game of standard chess, perhaps from a position; the test plays the opponent.

    Our commands return None, or Lichess's text for a refusal.
    """

    def __init__(
        self,
        game_id: GameId = _ID,
        our_color: chess.Color = chess.WHITE,
        *,
        opponent: LichessPlayer = _THEM,
        clock: Clock = _FIVE_PLUS_THREE,
        initial_fen: str = START,
    ) -> None:
        self.id = game_id
        self.our_color = our_color
        self.players = {our_color: _US, not our_color: opponent}
        self.clock = clock
        self.variant = "standard" if initial_fen == START else "fromPosition"
        self.initial_fen = initial_fen
        self.board = start_board(self.variant, initial_fen)
        self.status = "started"
        self.winner: chess.Color | None = None
        self.opponent_is_gone = False
        self.opponent_offers_draw = False
        self.next_outcomes: deque[PostOutcome] = deque()
        """The outcomes of the next posts, which have no effect."""
        self.lost_answers = 0
        """The number of posts that take effect but whose outcome is `Unanswered`."""
        self._stream: FakeStream[GameLine] = FakeStream()

    @property
    def state(self) -> GameState:
        """The current `gameState` line; both clocks stand still."""
        return GameState(
            moves=tuple(move.uci() for move in self.board.move_stack),
            white_time=self.clock.initial,
            black_time=self.clock.initial,
            white_increment=self.clock.increment,
            black_increment=self.clock.increment,
            status=self.status,
            winner=self.winner,
            white_draw=self.opponent_offers_draw and self.our_color == chess.BLACK,
            black_draw=self.opponent_offers_draw and self.our_color == chess.WHITE,
        )

    @property
    def full(self) -> GameFull:
        """The current `gameFull` line."""
        return GameFull(
            id=self.id,
            variant=self.variant,
            rated=False,
            speed="blitz",
            white=self.players[chess.WHITE],
            black=self.players[chess.BLACK],
            initial_fen=self.initial_fen,
            clock=self.clock,
            state=self.state,
        )

    def open_stream(self) -> FakeStream[GameLine]:
        """Opens a stream and ends the earlier one; the stream ends at once if the game is over."""
        self._stream.end()
        self._stream = FakeStream()
        self._stream.send(self.full)
        if self.state.is_over:
            self._stream.end()
        return self._stream

    def send(self, line: GameLine | None) -> None:
        """Sends a line (None: a keep-alive) to the open stream."""
        self._stream.send(line)

    def end_stream(self, how: LichessError | None = None) -> None:
        """Ends the game's stream: cleanly, unless another error is given."""
        self._stream.end(how)

    def opponent_plays(self, uci: str) -> None:
        """The opponent moves.

        Raises:
            InvariantBroken: it is our turn, or the move is illegal.
        """
        refusal = self._play(uci, not self.our_color)
        if refusal is not None:
            raise InvariantBroken(f"The opponent cannot play {uci}: {refusal}")

    def offer_draw(self) -> None:
        """The opponent offers a draw."""
        self.opponent_offers_draw = True
        self.send(self.state)

    def finish(self, status: str, winner: chess.Color | None = None) -> None:
        """Ends the game, and the stream after its last line."""
        self.status, self.winner = status, winner
        self.send(self.state)
        self.end_stream()

    def move(self, uci: str, *, offering_draw: bool = False) -> str | None:
        """We move, or take the opponent's draw instead."""
        if offering_draw and self.opponent_offers_draw and self.status == "started":
            self.finish("draw")
            return None
        self.opponent_offers_draw = False
        return self._play(uci, self.our_color)

    def abort(self) -> str | None:
        """We abort."""
        if self.status != "started" or self.board.ply() >= _TOO_LATE_TO_ABORT:
            return "This game can no longer be aborted"
        self.finish("aborted")
        return None

    def resign(self) -> str | None:
        """We resign, or abort while that is possible."""
        if self.status != "started":
            return "This game cannot be resigned"
        if self.board.ply() < _TOO_LATE_TO_ABORT:
            return self.abort()
        self.finish("resign", not self.our_color)
        return None

    def claim_victory(self) -> str | None:
        """We claim the win; no effect where claims are impossible."""
        if self.board.turn == self.our_color or self.board.ply() < _TOO_LATE_TO_ABORT:
            return None
        if not self.opponent_is_gone:
            return "You cannot claim the win on this game"
        self.finish("timeout", self.our_color)
        return None

    def _play(self, uci: str, color: chess.Color) -> str | None:
        if self.status != "started" or self.board.turn != color:
            return "Not your turn, or game already over"
        move = chess.Move.from_uci(uci)
        if not self.board.is_legal(move):
            squares = chess.square_name(move.from_square), chess.square_name(move.to_square)
            return "Piece on {} cannot move to {}".format(*squares)
        self.board.push(move)
        outcome = self.board.outcome()
        if outcome is None:
            self.send(self.state)
        else:
            self.finish(_ENDS.get(outcome.termination, "draw"), outcome.winner)
        return None
