"""Positions are read and written as python-chess does, and nonsense is refused."""

import chess
import pytest
from hypothesis import given, settings

from engine.embedded.fen import START, parse_fen, write_fen
from engine.embedded.generate import find_move
from engine.embedded.moves import move_text, parse_square, square_text
from tests.unit.embedded.walks import choices, legal_texts, setups, walk

CASTLES = "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1"


@settings(max_examples=25, deadline=None)
@given(setups(), choices())
def test_a_position_is_written_as_python_chess_writes_it(
    board: chess.Board, picks: list[int]
) -> None:
    for theirs, ours in walk(board, picks):
        assert write_fen(ours) == theirs.fen(en_passant="xfen")


@settings(max_examples=25, deadline=None)
@given(setups(), choices())
def test_a_written_position_reads_back_as_the_same_position(
    board: chess.Board, picks: list[int]
) -> None:
    for _, ours in walk(board, picks):
        assert parse_fen(write_fen(ours)).key == ours.key


def test_the_counters_may_be_missing() -> None:
    short = "rnbqkbnr/pppppppp/8/8/8/8/PPPPPPPP/RNBQKBNR w KQkq"
    assert write_fen(parse_fen(short)) == START


def test_castling_rights_may_be_given_by_file() -> None:
    assert write_fen(parse_fen(CASTLES.replace("KQkq", "HAha"))) == CASTLES


def test_an_inner_castling_rook_is_written_by_file() -> None:
    inner = "4k3/8/8/8/8/8/8/4KR1R w F - 0 1"
    assert write_fen(parse_fen(inner)) == inner


@pytest.mark.parametrize("text", ["e1g1", "e1h1", "e1c1", "e1a1"])
def test_castling_is_understood_in_both_spellings(text: str) -> None:
    assert find_move(parse_fen(CASTLES), text) is not None


def test_castling_is_written_as_the_user_interface_wants_it() -> None:
    move = find_move(parse_fen(CASTLES), "e1g1")
    assert move is not None
    assert move_text(move, chess960=False) == "e1g1"
    assert move_text(move, chess960=True) == "e1h1"


def test_a_king_move_is_not_mistaken_for_castling_in_chess960() -> None:
    position = parse_fen("4k3/8/8/8/8/8/8/5K1R w H - 0 1")
    king_move, castling = find_move(position, "f1g1"), find_move(position, "f1h1")
    assert king_move is not None
    assert castling is not None
    assert king_move != castling
    assert move_text(king_move, chess960=True) == "f1g1"


def test_a_castled_rook_may_not_have_shielded_the_king() -> None:
    position = parse_fen("4k3/8/8/8/8/8/8/rR2K3 w B - 0 1")
    assert find_move(position, "e1b1") is None
    assert "e1b1" not in legal_texts(position, chess960=True)


def test_no_move_has_a_spelling_too() -> None:
    assert move_text(0, chess960=False) == "0000"


def test_squares_have_their_usual_names() -> None:
    assert [parse_square(name) for name in ("a1", "h1", "a8", "h8")] == [0, 7, 56, 63]
    assert square_text(27) == "d4"


@pytest.mark.parametrize(
    ("fen", "complaint"),
    [
        ("", "a FEN needs a board"),
        ("8/8/8/8/8/8/8/8", "a FEN needs a board"),
        ("8/8/8/8/8/8/8/8 w - - 0 1", "each side needs one king"),
        ("4k3/8/8/8/8/8/8/4K2 w - - 0 1", "has not eight squares"),
        ("4k3/8/8/8/8/8/4K3 w - - 0 1", "has not eight ranks"),
        ("4k3/8/8/8/8/8/8/4KX2 w - - 0 1", "is no piece"),
        ("4k2P/8/8/8/8/8/8/4K3 w - - 0 1", "a pawn stands on"),
        ("4k3/8/8/8/8/8/4R3/4K3 w - - 0 1", "has just moved is in check"),
        ("4k3/8/8/8/8/8/8/4K3 x - - 0 1", "a side to move"),
        ("4k3/8/8/8/8/8/8/4K3 w K - 0 1", "there is no such rook"),
        ("4k3/8/8/8/8/8/4K3/7R w K - 0 1", "the king is not at home"),
        ("4k3/8/8/8/8/8/8/4K3 w - e9 0 1", "is not a square"),
        ("4k3/8/8/8/8/8/8/4K3 w - - many 1", "invalid literal"),
    ],
)
def test_a_position_that_cannot_be_is_refused(fen: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_fen(fen)
