"""The generator of pseudo-legal moves: all that obeys the way pieces go.

Whether a move leaves the own king attacked is found by `Position.make`, since most moves are never
played. Speed rules this file: the loops are written out.
"""

from engine.embedded.board import Castling, Position
from engine.embedded.geometry import (
    BISHOP,
    EMPTY,
    KNIGHT,
    PAWN,
    PAWN_HITS,
    QUEEN,
    RAYS,
    ROOK,
    STEPS,
    WHITE,
)
from engine.embedded.moves import CASTLING, DOUBLE_STEP, EN_PASSANT, SORT_SHIFT, spellings

_TO_QUEEN = QUEEN << 12
_PROMOTIONS = (_TO_QUEEN, KNIGHT << 12, ROOK << 12, BISHOP << 12)


def pseudo_legal_moves(  # noqa: C901, PLR0912 (see above)
    position: Position, *, noisy_only: bool = False
) -> list[int]:
    """Lists the moves of the side to move; `noisy_only`: captures and promotions to queen."""
    board, us = position.board, position.turn
    moves: list[int] = []
    for source in position.pieces[us]:
        kind = board[source] & 7
        if kind == PAWN:
            _add_pawn_moves(position, source, moves, noisy_only=noisy_only)
        elif kind in STEPS:
            for target in STEPS[kind][source]:
                captured = board[target]
                if captured:
                    if captured >> 3 != us:
                        moves.append(source | target << 6)
                elif not noisy_only:
                    moves.append(source | target << 6)
        else:
            for ray in RAYS[kind][source]:
                for target in ray:
                    captured = board[target]
                    if captured:
                        if captured >> 3 != us:
                            moves.append(source | target << 6)
                        break
                    if not noisy_only:
                        moves.append(source | target << 6)
    if position.rights and not noisy_only and not position.checked:
        moves.extend(
            castling.king_from | castling.rook_from << 6 | CASTLING << SORT_SHIFT
            for castling in position.castlings
            if castling.right & position.rights and _may_castle(position, castling)
        )
    return moves


def _add_pawn_moves(position: Position, source: int, moves: list[int], *, noisy_only: bool) -> None:
    """Adds one pawn's moves to a list."""
    board, us = position.board, position.turn
    ahead, start, last_but_one = (8, 1, 6) if us == WHITE else (-8, 6, 1)
    rank, target = source >> 3, source + ahead
    if rank == last_but_one:
        _add_promotions(position, source, moves, noisy_only=noisy_only)
        return
    for hit in PAWN_HITS[us][source]:
        captured = board[hit]
        if captured and captured >> 3 != us:
            moves.append(source | hit << 6)
        elif hit == position.en_passant and hit:
            moves.append(source | hit << 6 | EN_PASSANT << SORT_SHIFT)
    if not noisy_only and board[target] == EMPTY:
        moves.append(source | target << 6)
        if rank == start and board[target + ahead] == EMPTY:
            moves.append(source | (target + ahead) << 6 | DOUBLE_STEP << SORT_SHIFT)


def _add_promotions(position: Position, source: int, moves: list[int], *, noisy_only: bool) -> None:
    """Adds the moves of a pawn that stands before the last rank."""
    board, us = position.board, position.turn
    ahead = source + 8 if us == WHITE else source - 8
    targets = [hit for hit in PAWN_HITS[us][source] if board[hit] and board[hit] >> 3 != us]
    if board[ahead] == EMPTY:
        targets.append(ahead)
    kinds = (_TO_QUEEN,) if noisy_only else _PROMOTIONS
    moves.extend(source | target << 6 | kind for target in targets for kind in kinds)


def _may_castle(position: Position, castling: Castling) -> bool:
    """Tells whether a castling has its right, mover, free squares and a safe way for the king."""
    if castling.colour != position.turn:
        return False
    board, enemy = position.board, 1 - position.turn
    return not any(board[square] for square in castling.must_be_empty) and not any(
        position.is_attacked(square, enemy) for square in castling.must_be_safe
    )


def legal_moves(position: Position) -> list[int]:
    """Lists the legal moves, in no useful order."""
    legal = []
    for move in pseudo_legal_moves(position):
        if position.make(move):
            position.unmake()
            legal.append(move)
    return legal


def find_move(position: Position, text: str) -> int | None:
    """Finds the legal move that a UCI text means; castling may be e1g1 or e1h1. None if none."""
    by_text: dict[str, int] = {}
    for move in legal_moves(position):
        first, *others = spellings(move)
        by_text[first] = move
        for other in others:
            by_text.setdefault(other, move)
    return by_text.get(text)
