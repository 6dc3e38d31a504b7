"""Move policies of a sparring opponent: functions from a board to a legal move.

Pure; the random generator is an argument. All policies are weak on purpose, and take two
milliseconds at most.
"""

import random
from collections.abc import Callable
from typing import TypeAlias

import chess

MovePolicy: TypeAlias = Callable[[chess.Board], chess.Move]

_VALUES = (0, 1, 3, 3, 5, 9, 0)
"""In pawns, indexed by python-chess's piece types."""


def first_legal(board: chess.Board) -> chess.Move:
    """The first legal move in python-chess's order."""
    return next(board.generate_legal_moves())


def random_mover(rng: random.Random) -> MovePolicy:
    """A policy that plays random legal moves."""

    def pick(board: chess.Board) -> chess.Move:
        return rng.choice(list(board.legal_moves))

    return pick


def greedy(board: chess.Board) -> chess.Move:
    """Takes the most valuable piece, or wins in one; ignores the opponent's reply."""
    return max(board.legal_moves, key=lambda move: _gain(board, move))


def _gain(board: chess.Board, move: chess.Move) -> int:
    taken = board.piece_type_at(move.to_square) or 0
    gain = 10 * (_VALUES[taken] + _VALUES[move.promotion or 0])
    board.push(move)
    if board.is_checkmate() or board.is_variant_loss():
        gain += 1000
    elif board.is_check():
        gain += 1
    board.pop()
    return gain
