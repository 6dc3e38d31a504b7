"""Which games start from a position of the settings, as odds and themes do.

Pure. FENs are compared as python-chess writes them: Lichess, too, leaves out castling rights and en
passant squares that cannot be.
"""

from contextlib import suppress
from typing import Final

import chess

from crabstick.rules.engine_choice import Traits

_REST: Final = ("w", "KQkq", "-", "0", "1")
_FAULTS: Final = {
    chess.STATUS_NO_WHITE_KING: "White has no king",
    chess.STATUS_NO_BLACK_KING: "Black has no king",
    chess.STATUS_TOO_MANY_KINGS: "a side has several kings",
    chess.STATUS_PAWNS_ON_BACKRANK: "a pawn stands on the first or the last rank",
    chess.STATUS_OPPOSITE_CHECK: "the side that is not to move is in check",
}


def fits(position: Traits, game: Traits, *, any_color: bool = False) -> bool:
    """Whether a game starts from `position`, whose FEN may lack its last fields.

    Where `position` has a colour, a game whose colours are yet to be drawn does not fit.
    """
    given = position.fen.split()
    is_ours = any_color or position.color in {None, game.color}
    if is_ours and game.variant == "fromPosition" and game.fen.split()[:1] == given[:1]:
        with suppress(ValueError):
            return complete(game.fen).split()[: len(given)] == given
    return False


def complete(fen: str) -> str:
    """The whole FEN for one that may lack its last fields.

    Without a side to move White is to move, unless Black is in check; without castling rights,
    kings and rooks on their usual squares have them.

    Raises:
        ValueError: Lichess lets nobody play that; says why.
    """
    board, *given = fen.split() or ["-"]
    try:
        fields = (board, *given, *_REST[len(given) :])
        start = chess.Board(" ".join(fields), chess960=len(given) > 1)
    except ValueError as error:
        why = str(error).partition(": ")[0]
    else:
        start.turn ^= not given and start.was_into_check()
        found = (words for fault, words in _FAULTS.items() if start.status() & fault)
        why = next(found, "" if any(start.legal_moves) else "there is no legal move")
        if not why:
            return start.fen()
    raise ValueError(f"must be the FEN of a position that can be played: {why}")
