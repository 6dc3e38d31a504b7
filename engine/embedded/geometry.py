"""Squares and lines: every table that depends on the empty board alone.

A square is 0 (a1) to 63 (h8), rank by rank. A piece is its kind plus 8 if it is black; 0 is an
empty square. The tables are computed once at import (a few milliseconds).
"""

from typing import TypeAlias

Squares: TypeAlias = tuple[int, ...]

WHITE, BLACK = 0, 1
EMPTY, PAWN, KNIGHT, BISHOP, ROOK, QUEEN, KING = range(7)

_SIZE = 8
_ORTHOGONAL = ((1, 0), (0, 1), (-1, 0), (0, -1))
_DIAGONAL = ((1, 1), (-1, 1), (-1, -1), (1, -1))
_KNIGHT = ((1, 2), (2, 1), (2, -1), (1, -2), (-1, -2), (-2, -1), (-2, 1), (-1, 2))


def _walk(square: int, step: tuple[int, int], limit: int = _SIZE) -> Squares:
    """Lists the squares met from `square` by repeating a (file, rank) step, nearest first."""
    file, rank = square % 8, square // 8
    found = []
    for _ in range(limit):
        file, rank = file + step[0], rank + step[1]
        if not (0 <= file < _SIZE and 0 <= rank < _SIZE):
            break
        found.append(rank * 8 + file)
    return tuple(found)


def _rays(steps: tuple[tuple[int, int], ...]) -> tuple[tuple[Squares, ...], ...]:
    """For each square its non-empty lines of sight."""
    return tuple(
        tuple(ray for step in steps if (ray := _walk(square, step))) for square in range(64)
    )


def _steps(steps: tuple[tuple[int, int], ...]) -> tuple[Squares, ...]:
    """For each square the squares one step away."""
    return tuple(
        tuple(target for step in steps for target in _walk(square, step, 1)) for square in range(64)
    )


def _lines() -> tuple[list[Squares], list[Squares], list[int]]:
    """Computes LINES, BETWEEN and LINE_SLIDER."""
    lines: list[Squares] = [()] * 4096
    between: list[Squares] = [()] * 4096
    sliders = [EMPTY] * 4096
    for slider in (ROOK, BISHOP):
        for origin, rays in enumerate(RAYS[slider]):
            for ray in rays:
                for distance, towards in enumerate(ray):
                    lines[origin << 6 | towards] = ray
                    between[origin << 6 | towards] = ray[:distance]
                    sliders[origin << 6 | towards] = slider
    return lines, between, sliders


def _reach(piece: int) -> bytearray:
    """Computes one entry of REACH."""
    reach, kind = bytearray(4096), piece & 7
    for origin in range(64):
        if kind == PAWN:
            targets = PAWN_HITS[piece >> 3][origin]
        elif kind in STEPS:
            targets = STEPS[kind][origin]
        else:
            targets = tuple(target for ray in RAYS[kind][origin] for target in ray)
        for target in targets:
            reach[origin << 6 | target] = 1
    return reach


_ROOK_RAYS, _BISHOP_RAYS = _rays(_ORTHOGONAL), _rays(_DIAGONAL)
RAYS = {
    BISHOP: _BISHOP_RAYS,
    ROOK: _ROOK_RAYS,
    QUEEN: tuple(_ROOK_RAYS[square] + _BISHOP_RAYS[square] for square in range(64)),
}
"""By sliding kind and square: its lines of sight on an empty board, nearest square first."""
STEPS = {KNIGHT: _steps(_KNIGHT), KING: _steps(_ORTHOGONAL + _DIAGONAL)}
"""By stepping kind and square: where it goes."""
PAWN_HITS = (_steps(((-1, 1), (1, 1))), _steps(((-1, -1), (1, -1))))
"""By colour and square: the squares that a pawn there attacks."""
LINES, BETWEEN, LINE_SLIDER = _lines()
"""By `origin << 6 | towards`: the line of sight from origin over towards to the edge; the squares
between the two; ROOK or BISHOP, whichever moves along. `()` and EMPTY if they share no line."""
REACH = [_reach(piece) if PAWN <= piece & 7 <= KING else bytearray() for piece in range(16)]
"""By piece, then by `origin << 6 | target`: 1 if it attacks target on an empty board."""
