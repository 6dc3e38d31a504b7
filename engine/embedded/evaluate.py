"""What a position is worth to the side to move, in centipawns.

The sum of `worth` is already in the position; here it is blended by phase, and the endings that a
sum cannot play are helped: a lone king is driven to the edge, and a lone minor piece wins nothing.
"""

from engine.embedded.board import Position
from engine.embedded.geometry import BLACK, PAWN, ROOK, WHITE
from engine.embedded.worth import FULL_PHASE, KIND_VALUE, centrality, unpack

_TEMPO = 10
_EDGE_WEIGHT = 20
_NEAR_WEIGHT = 10
_FARTHEST = 14


def evaluate(position: Position) -> int:
    """Judges a position in centipawns from the point of view of the side to move."""
    middlegame, endgame, phase = unpack(position.worth)
    if position.turn == BLACK:
        middlegame, endgame = -middlegame, -endgame
    phase = min(phase, FULL_PHASE)
    score = (middlegame * phase + endgame * (FULL_PHASE - phase)) // FULL_PHASE + _TEMPO
    white, black = position.pieces
    if len(white) > 1 and len(black) > 1:
        return score
    return _against_a_lone_king(position, score)


def _against_a_lone_king(position: Position, score: int) -> int:
    """Corrects a score when at least one side has nothing but its king."""
    strong = WHITE if len(position.pieces[WHITE]) > 1 else BLACK
    kinds = [position.board[square] & 7 for square in position.pieces[strong]]
    if sum(KIND_VALUE[kind] for kind in kinds) < KIND_VALUE[ROOK] and PAWN not in kinds:
        return 0
    hunter, hunted = position.kings[strong], position.kings[1 - strong]
    apart = abs((hunter & 7) - (hunted & 7)) + abs((hunter >> 3) - (hunted >> 3))
    drive = _EDGE_WEIGHT * (6 - centrality(hunted)) + _NEAR_WEIGHT * (_FARTHEST - apart)
    return score + drive if position.turn == strong else score - drive
