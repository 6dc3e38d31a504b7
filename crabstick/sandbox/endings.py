"""When and how a game ends by the rules of chess: pure functions of the position.

No I/O here. Source: Lichess; a mate takes precedence over every draw.
"""

from dataclasses import dataclass

import chess

from crabstick.sandbox.state import Game, position_key
from crabstick.sandbox.vocabulary import DRAW, MATE, OUT_OF_TIME, STALEMATE, Status

__all__ = [
    "Ending",
    "by_flag",
    "by_the_board",
    "can_mate",
    "is_drawable",
    "is_threefold",
]

_HALF_MOVES_TO_DRAW = 100
_THREEFOLD = 3
_FIVEFOLD = 5
_EARLIEST_DRAW_PLY = 60


@dataclass(frozen=True, slots=True)
class Ending:
    """How a game ends; without a winner it is a draw, or aborted."""

    status: Status
    winner: chess.Color | None = None


def by_the_board(game: Game) -> Ending | None:
    """Tell how the last move ended the game, if it did."""
    board = game.board
    if not any(board.generate_legal_moves()):
        return Ending(MATE, not board.turn) if board.is_check() else Ending(STALEMATE)
    if board.is_insufficient_material() or board.halfmove_clock >= _HALF_MOVES_TO_DRAW:
        return Ending(DRAW)
    repeated = game.seen[position_key(board)]
    early = repeated >= _THREEFOLD and game.has_bot and is_drawable(game)
    if repeated >= _FIVEFOLD or early:
        return Ending(DRAW)
    return None


def by_flag(game: Game) -> Ending:
    """Tell how the game ends now that the side to move has no time left."""
    winner = not game.board.turn
    if game.draw_offer is winner:
        return Ending(DRAW)
    return Ending(OUT_OF_TIME, winner if can_mate(game, winner) else None)


def can_mate(game: Game, color: chess.Color) -> bool:
    """Tell whether a side still has the material to win."""
    return not game.board.has_insufficient_material(color)


def is_threefold(game: Game) -> bool:
    """Tell whether the position was there three times."""
    return game.seen[position_key(game.board)] >= _THREEFOLD


def is_drawable(game: Game) -> bool:
    """Tell whether the rules of the game allow a draw yet."""
    return "noEarlyDraw" not in game.terms.rules or game.ply >= _EARLIEST_DRAW_PLY
