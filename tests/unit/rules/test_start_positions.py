"""Which games start from a position of the settings."""

from dataclasses import replace
from random import Random

import chess
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.rules.engine_choice import Traits
from crabstick.rules.start_positions import complete, fits

QUEEN_ODDS = "rnb1kbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq - 0 1"
ROOK_ODDS = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/1NBQKBNR"
COUNTS = st.integers(1, 6)


def from_position(fen: str, color: chess.Color | None = None) -> Traits:
    return Traits(variant="fromPosition", fen=fen, color=color)


@st.composite
def boards(draw: st.DrawFn) -> chess.Board:
    """Positions of random games that go on."""
    board, random = chess.Board(), Random(draw(st.integers()))
    for _ in range(draw(st.integers(0, 30))):
        moves = [*board.legal_moves]
        board.push(random.choice(moves))
        if board.is_game_over():
            board.pop()
            break
    return board


@given(boards(), COUNTS)
def test_a_game_fits_by_the_fields_that_are_given(board: chess.Board, count: int) -> None:
    fields = board.fen().split()
    position = from_position(" ".join(fields[:count]))
    assert fits(position, from_position(board.fen()))
    others = [*fields[:count], *complete(fields[0]).split()[count:]]
    assert fits(position, from_position(" ".join(others)))


@given(boards(), boards(), COUNTS)
def test_another_position_does_not_fit(one: chess.Board, other: chess.Board, count: int) -> None:
    alike = one.fen().split()[:count] == other.fen().split()[:count]
    position = from_position(" ".join(one.fen().split()[:count]))
    assert fits(position, from_position(other.fen())) == alike


@pytest.mark.parametrize("ours", [chess.WHITE, chess.BLACK, None])
def test_a_side_has_to_be_ours_and_not_yet_to_be_drawn(ours: chess.Color | None) -> None:
    game = from_position(QUEEN_ODDS, ours)
    assert fits(from_position(QUEEN_ODDS), game)
    assert fits(from_position(QUEEN_ODDS, chess.BLACK), game) == (ours is chess.BLACK)
    assert fits(from_position(QUEEN_ODDS, chess.BLACK), game, any_color=True)


def test_only_games_from_a_position_fit() -> None:
    position = from_position(QUEEN_ODDS)
    assert not fits(position, replace(position, variant="chess960"))
    assert not fits(position, from_position(""))
    assert not fits(position, from_position("startpos"))
    assert not fits(position, from_position(f"{QUEEN_ODDS} nonsense"))


def test_rights_that_cannot_be_are_no_difference() -> None:
    """Lichess leaves them out."""
    position = from_position(complete(f"{ROOK_ODDS} w KQkq e3 0 1"))
    assert fits(position, from_position(f"{ROOK_ODDS} w Kkq - 0 1"))


@pytest.mark.parametrize(
    ("fen", "whole"),
    [
        (ROOK_ODDS, f"{ROOK_ODDS} w Kkq - 0 1"),
        (f"{ROOK_ODDS} b", f"{ROOK_ODDS} b Kkq - 0 1"),
        (f" {ROOK_ODDS}  w - -", f"{ROOK_ODDS} w - - 0 1"),
        ("4k3/8/8/8/8/8/8/4RK2", "4k3/8/8/8/8/8/8/4RK2 b - - 0 1"),
        ("1r2k1r1/8/8/8/8/8/8/1R2K1R1 w GBgb", "1r2k1r1/8/8/8/8/8/8/1R2K1R1 w KQkq - 0 1"),
    ],
)
def test_what_is_not_given_is_completed(fen: str, whole: str) -> None:
    assert complete(fen) == whole


@pytest.mark.parametrize(
    ("fen", "why"),
    [
        ("", "expected 8 rows"),
        ("rnb w", "expected 8 rows in position part of fen"),
        (f"{ROOK_ODDS} white", "expected 'w' or 'b' for turn part of fen"),
        (f"{QUEEN_ODDS} 7", "more parts than expected"),
        ("8/8/8/8/8/8/8/4K3", "Black has no king"),
        ("4k3/8/8/8/8/8/8/8", "White has no king"),
        ("4k3/8/8/8/8/8/8/3KK3", "a side has several kings"),
        ("4k3/8/8/8/8/8/8/P3K3", "a pawn stands on the first or the last rank"),
        ("4k3/8/8/8/8/8/8/4RK2 w", "the side that is not to move is in check"),
        ("k7/2K5/1Q6/8/8/8/8/8 b", "there is no legal move"),
        ("k3R3/8/8/8/8/8/4r3/4K3", "the side that is not to move is in check"),
    ],
)
def test_what_cannot_be_played_is_refused_with_the_reason(fen: str, why: str) -> None:
    with pytest.raises(ValueError, match=r"must be the FEN of a position that can be") as caught:
        complete(fen)
    assert why in str(caught.value)
