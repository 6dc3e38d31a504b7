"""How a game ends by the rules of chess: pure functions of the position.

No I/O here. Source: Lichess; mate takes precedence over any draw.
"""

from dataclasses import dataclass

import chess

from crabstick.sandbox.state import SandboxGame, position_key
from crabstick.sandbox.vocabulary import DRAW, MATE, OUT_OF_TIME, STALEMATE, Status

_HALF_MOVES_TO_DRAW = 100
_THREEFOLD = 3
_FIVEFOLD = 5
_EARLIEST_DRAW_PLY = 60


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a game; without a winner a draw, or aborted."""

    status: Status
    winner: chess.Color | None = None


def ending_on_board(game: SandboxGame) -> Ending | None:
    """The ending on the board after the last move; None when the game goes on."""
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


def ending_on_time(game: SandboxGame) -> Ending:
    """The ending when the side to move has run out of time."""
    winner = not game.board.turn
    if game.draw_offer is winner:
        return Ending(DRAW)
    return Ending(OUT_OF_TIME, winner if can_mate(game, winner) else None)


def can_mate(game: SandboxGame, color: chess.Color) -> bool:
    """Whether a side has the material to win."""
    return not game.board.has_insufficient_material(color)


def is_threefold(game: SandboxGame) -> bool:
    """Whether the position has occurred three times."""
    return game.seen[position_key(game.board)] >= _THREEFOLD


def is_drawable(game: SandboxGame) -> bool:
    """Whether the rules of the game already allow a draw."""
    return "noEarlyDraw" not in game.terms.rules or game.ply >= _EARLIEST_DRAW_PLY
