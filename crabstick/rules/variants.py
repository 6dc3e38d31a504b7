"""Lichess's variants, and python-chess's boards for them."""

from typing import Final, Literal, get_args

import chess
import chess.variant

Variant = Literal[
    "standard",
    "chess960",
    "fromPosition",
    "antichess",
    "atomic",
    "crazyhouse",
    "horde",
    "kingOfTheHill",
    "racingKings",
    "threeCheck",
]
"""Source: Lichess API, `VariantKey`."""
VARIANTS: Final[tuple[str, ...]] = get_args(Variant)
START: Final = "startpos"
"""Lichess's word for the usual position of a variant, in place of a FEN."""


def start_board(variant: str, initial_fen: str = START) -> chess.Board:
    """The board of a game before its first move.

    Raises:
        ValueError: no such variant, or no such position.
    """
    is_usual = variant in {"standard", "chess960", "fromPosition"}
    board_class = chess.Board if is_usual else chess.variant.find_variant(variant)
    fen = board_class.starting_fen if initial_fen == START else initial_fen
    board = board_class(fen, chess960=variant in {"chess960", "fromPosition"})
    if variant == "fromPosition" and not board.has_chess960_castling_rights():
        board.chess960 = False  # an engine without Chess960 can play it
    return board
