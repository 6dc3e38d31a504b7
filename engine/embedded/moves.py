"""Moves as numbers, and as UCI writes them.

A move is one int: from square (6 bits), to square (6), kind promoted to (3), sort of move (2). The
four sorts are a plain move and those that need more than lifting a piece and putting it down.
Castling is written king takes own rook, whatever the notation outside. 0 is no move.
"""

from engine.embedded.geometry import BISHOP, EMPTY, KNIGHT, QUEEN, ROOK

NO_MOVE = 0
MOVE_BITS = 17
MOVE_MASK = (1 << MOVE_BITS) - 1
SORT_SHIFT = 15
PLAIN, DOUBLE_STEP, EN_PASSANT, CASTLING = range(4)

_PROMOTION_LETTERS = {EMPTY: "", KNIGHT: "n", BISHOP: "b", ROOK: "r", QUEEN: "q"}


def castling_targets(king_from: int, rook_from: int) -> tuple[int, int]:
    """Tells where king and rook land when they castle: g and f, or c and d, on their rank."""
    rank = king_from & 56
    return (rank | 6, rank | 5) if rook_from > king_from else (rank | 2, rank | 3)


def square_text(square: int) -> str:
    """Names a square: 0 is a1."""
    return "abcdefgh"[square & 7] + "12345678"[square >> 3]


def parse_square(text: str) -> int:
    """Reads a square's name.

    Raises:
        ValueError: it is none.
    """
    if len(text) != 2 or text[0] not in "abcdefgh" or text[1] not in "12345678":  # noqa: PLR2004
        raise ValueError(f"{text!r} is not a square")
    return "abcdefgh".index(text[0]) + 8 * "12345678".index(text[1])


def move_text(move: int, *, chess960: bool) -> str:
    """Writes a move in UCI; castling as e1h1 in Chess960 and as e1g1 otherwise."""
    if move == NO_MOVE:
        return "0000"
    source, target = move & 63, move >> 6 & 63
    if move >> SORT_SHIFT == CASTLING and not chess960:
        target = castling_targets(source, target)[0]
    return square_text(source) + square_text(target) + _PROMOTION_LETTERS[move >> 12 & 7]


def spellings(move: int) -> tuple[str, ...]:
    """Lists every UCI text that means this move; only castling has two, the safe one first."""
    text = move_text(move, chess960=True)
    if move >> SORT_SHIFT != CASTLING:
        return (text,)
    return (text, move_text(move, chess960=False))
