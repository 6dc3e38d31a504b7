"""Positions as text: FEN in both directions.

Castling rights are read as KQkq (the outermost rook) and as files (HAha), and written as X-FEN
does: letters unless another rook stands further out. Nothing that could upset the search passes:
`parse_fen` refuses positions that no game can reach in an obvious way.
"""

from engine.embedded.board import Castling, Position
from engine.embedded.geometry import BLACK, EMPTY, KING, PAWN, PAWN_HITS, ROOK, WHITE
from engine.embedded.moves import castling_targets, parse_square, square_text

START = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"
"""The starting position of ordinary chess."""

_LETTERS = ".PNBRQK..pnbrqk."
_BOARD_FIELDS = 2


def parse_fen(text: str) -> Position:
    """Reads a FEN; the fields after the side to move may be missing.

    Raises:
        ValueError: the text is no FEN, or the position cannot occur in a game.
    """
    fields = text.split()
    if len(fields) < _BOARD_FIELDS or fields[1] not in ("w", "b"):
        raise ValueError("a FEN needs a board and a side to move, w or b")
    fields += ["-", "-", "0", "1"][len(fields) - _BOARD_FIELDS :]
    board = _parse_board(fields[0])
    castlings = (_castling(board, letter) for letter in fields[2] if letter != "-")
    by_right = {castling.right: castling for castling in castlings}
    position = Position(board, tuple(by_right[right] for right in sorted(by_right)))
    position.turn = WHITE if fields[1] == "w" else BLACK
    position.en_passant = _parse_en_passant(position, fields[3])
    position.quiet_plies = max(0, int(fields[4]))
    position.full_moves = max(1, int(fields[5]))
    position.refresh()
    if position.is_attacked(position.kings[1 - position.turn], position.turn):
        raise ValueError("the side that has just moved is in check")
    return position


def _parse_board(text: str) -> list[int]:
    """Reads the first field of a FEN."""
    ranks = text.split("/")
    board = [piece for rank in reversed(ranks) for piece in _parse_rank(rank)]
    if len(ranks) != 8:  # noqa: PLR2004 (a board)
        raise ValueError("the board has not eight ranks")
    if board.count(KING) != 1 or board.count(KING | 8) != 1:
        raise ValueError("each side needs one king")
    if any(piece & 7 == PAWN for piece in board[:8] + board[56:]):
        raise ValueError("a pawn stands on the first or last rank")
    return board


def _parse_rank(text: str) -> list[int]:
    """Reads one rank of a FEN, a to h."""
    squares: list[int] = []
    for letter in text:
        if letter in "12345678":
            squares += [EMPTY] * int(letter)
        elif letter in "PNBRQKpnbrqk":
            squares.append(_LETTERS.index(letter))
        else:
            raise ValueError(f"{letter!r} is no piece")
    if len(squares) != 8:  # noqa: PLR2004 (a rank)
        raise ValueError(f"the rank {text!r} has not eight squares")
    return squares


def _castling(board: list[int], letter: str) -> Castling:
    """Reads one letter of the castling field against the board."""
    colour = WHITE if letter.isupper() else BLACK
    rank = 0 if colour == WHITE else 56
    king, rook = board.index(KING | colour << 3), ROOK | colour << 3
    if king & 56 != rank:
        raise ValueError(f"castling {letter!r}: the king is not at home")
    rooks = [square for square in range(rank, rank + 8) if board[square] == rook]
    side = letter.lower()
    if side == "k":
        candidates = [square for square in rooks if square > king][-1:]
    elif side == "q":
        candidates = [square for square in rooks if square < king][:1]
    else:
        candidates = [square for square in rooks if square_text(square)[0] == side]
    if not candidates:
        raise ValueError(f"castling {letter!r}: there is no such rook")
    return _castling_of(king, candidates[0], colour)


def _castling_of(king_from: int, rook_from: int, colour: int) -> Castling:
    """Works out which squares a castling needs empty and which safe."""
    king_to, rook_to = castling_targets(king_from, rook_from)
    touched = (king_from, rook_from, king_to, rook_to)
    way = range(min(king_from, king_to), max(king_from, king_to) + 1)
    return Castling(
        right=(1 if rook_from > king_from else 2) << 2 * colour,
        colour=colour,
        king_from=king_from,
        rook_from=rook_from,
        must_be_empty=tuple(
            square
            for square in range(min(touched), max(touched) + 1)
            if square not in (king_from, rook_from)
        ),
        must_be_safe=tuple(square for square in way if square not in (king_from, king_to)),
    )


def _parse_en_passant(position: Position, text: str) -> int:
    """Reads the en passant field; keeps the square only if a pawn stands ready to take."""
    if text == "-":
        return 0
    square, us = parse_square(text), position.turn
    board, passed = position.board, position.board[square ^ 8]
    ready = any(board[origin] == PAWN | us << 3 for origin in PAWN_HITS[1 - us][square])
    right_rank = square >> 3 == (5 if us == WHITE else 2)
    genuine = right_rank and board[square] == EMPTY and passed == PAWN | (1 - us) << 3
    return square if ready and genuine else 0


def write_fen(position: Position) -> str:
    """Writes a position as FEN; en passant only where a pawn stands ready to take."""
    ranks = []
    for rank in range(7, -1, -1):
        letters = "".join(_LETTERS[piece] for piece in position.board[rank * 8 : rank * 8 + 8])
        for run in range(8, 0, -1):
            letters = letters.replace("." * run, str(run))
        ranks.append(letters)
    return " ".join(
        (
            "/".join(ranks),
            "w" if position.turn == WHITE else "b",
            _castling_field(position) or "-",
            square_text(position.en_passant) if position.en_passant else "-",
            str(position.quiet_plies),
            str(position.full_moves),
        )
    )


def _castling_field(position: Position) -> str:
    """Writes the castling field, white first and king's side first."""
    letters = []
    for castling in position.castlings:
        if castling.right & position.rights:
            usual = "kqkq"[castling.right.bit_length() - 1]
            letter = (
                usual if _is_outermost(position, castling) else square_text(castling.rook_from)[0]
            )
            letters.append(letter if castling.colour else letter.upper())
    return "".join(letters)


def _is_outermost(position: Position, castling: Castling) -> bool:
    """Tells whether no other rook stands between the castling rook and the edge."""
    rank, rook = castling.rook_from & 56, position.board[castling.rook_from]
    outside = (
        range(castling.rook_from + 1, rank + 8)
        if castling.rook_from > castling.king_from
        else range(rank, castling.rook_from)
    )
    return all(position.board[square] != rook for square in outside)
