"""The board behind a game stream, advanced by the new plies only."""

import chess
import chess.variant

from crabstick.errors import InvariantBroken
from crabstick.rules.lichess_types import GameFull


def color_of(full: GameFull, bot: str) -> chess.Color:
    """The side that the account named `bot` plays; Lichess compares names without case."""
    return chess.WHITE if full.white.name.lower() == bot.lower() else chess.BLACK


class Position:
    """The position of one game: replaying 100 plies would cost 1 ms, a new ply costs 11 µs."""

    def __init__(self, full: GameFull) -> None:
        board_class = (
            chess.Board
            if full.variant in {"standard", "chess960", "fromPosition"}
            else chess.variant.find_variant(full.variant)
        )
        is_960 = full.variant in {"chess960", "fromPosition"}
        start = board_class.starting_fen if full.initial_fen == "startpos" else full.initial_fen
        self._start = board_class(start, chess960=is_960)
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
        if moves[:known] != self._moves:  # a takeback, or another line than ours
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
    """
    copied = board.copy(stack=False)
    copied.move_stack = board.move_stack.copy()
    copied._stack = board._stack.copy()  # noqa: SLF001 -- python-chess is pinned to 1.11
    return copied
