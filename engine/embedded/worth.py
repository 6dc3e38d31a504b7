"""The tables of piece worth: material and placement, filled by a few formulae of our own.

Two measures fill them: closeness to the centre and the advance towards the far rank. Every piece
has a middlegame and an endgame worth in centipawns, blended by how many pieces are left. The two
and the phase travel packed in one int, so that `board` keeps all three up to date by one addition
per touched square.
"""

from engine.embedded.geometry import BISHOP, BLACK, KING, KNIGHT, PAWN, QUEEN, ROOK

KIND_VALUE = (0, 100, 320, 330, 500, 950, 0)
"""By kind: a round worth for ordering captures and for pruning hopeless ones."""

FULL_PHASE = 24
"""The phase of the starting position; it falls to 0 as pieces (not pawns) leave the board."""

_MIDDLEGAME = (0, 85, 320, 335, 480, 970, 0)
_ENDGAME = (0, 110, 300, 315, 530, 950, 0)
_PHASE = (0, 0, 1, 1, 2, 4, 0)
_SEVENTH = 6

_BITS = 24
_HALF = 1 << (_BITS - 1)
_MASK = (1 << _BITS) - 1


def centrality(square: int) -> int:
    """Measures closeness to the centre: 0 in a corner, 6 on d4, e4, d5 and e5."""
    return _middle(square & 7) + _middle(square >> 3)


def _middle(line: int) -> int:
    """Measures a file's or rank's closeness to the middle: 0 at the edge, 3 in the middle."""
    return min(line, 7 - line)


def _placement(kind: int, square: int) -> tuple[int, int]:
    """Gives the middlegame and endgame bonus of a white piece on a square."""
    rank, file_middle = square >> 3, _middle(square & 7)
    centre, at_home = centrality(square) - 3, rank == 0
    bonuses = {
        PAWN: (3 * (rank - 1) + 3 * file_middle * _middle(rank), 2 * (rank - 1) ** 2),
        KNIGHT: (9 * centre - 8 * at_home, 7 * centre),
        BISHOP: (4 * centre - 10 * at_home, 4 * centre),
        ROOK: (3 * file_middle + 18 * (rank == _SEVENTH), 2 * rank),
        QUEEN: (centre - 6 * at_home, 6 * centre),
        KING: (-14 * rank - 11 * file_middle, 11 * centre),
    }
    return bonuses[kind]


def _pack(middlegame: int, endgame: int, phase: int) -> int:
    """Joins three numbers in one int whose sums are the sums of the three."""
    return (phase << 2 * _BITS) + (endgame << _BITS) + middlegame


def unpack(packed: int) -> tuple[int, int, int]:
    """Splits a sum of packed worths into middlegame, endgame (White's view) and phase."""
    middlegame = ((packed + _HALF) & _MASK) - _HALF
    packed = (packed - middlegame) >> _BITS
    endgame = ((packed + _HALF) & _MASK) - _HALF
    return middlegame, endgame, (packed - endgame) >> _BITS


def _worth(piece: int, square: int) -> int:
    """Computes one entry of WORTH; black pieces count negative, on the mirrored square."""
    kind, is_black = piece & 7, piece >> 3 == BLACK
    if not PAWN <= kind <= KING:
        return 0
    middlegame, endgame = _placement(kind, square ^ 56 if is_black else square)
    sign = -1 if is_black else 1
    return _pack(
        sign * (_MIDDLEGAME[kind] + middlegame),
        sign * (_ENDGAME[kind] + endgame),
        _PHASE[kind],
    )


WORTH = [[_worth(piece, square) for square in range(64)] for piece in range(16)]
"""By piece and square: the packed worth from White's point of view; nothing for EMPTY."""


def worth_of(board: list[int]) -> int:
    """Sums the packed worth of all pieces from scratch."""
    return sum(WORTH[piece][square] for square, piece in enumerate(board))
