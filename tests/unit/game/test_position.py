"""The board that follows a game stream."""

import chess
import chess.variant
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.errors import InvariantBroken
from crabstick.game.position import Position, color_of
from tests.builders import a_full

OPENING = ["e2e4", "e7e5", "g1f3", "b8c6"]


@pytest.mark.parametrize(
    ("bot", "color"), [("crabstick", chess.WHITE), ("CrabStick", chess.WHITE), ("x", chess.BLACK)]
)
def test_our_colour_is_found_by_our_name_in_any_case(bot: str, color: chess.Color) -> None:
    assert color_of(a_full(), bot) == color


def played(*moves: str) -> chess.Board:
    board = chess.Board()
    for uci in moves:
        board.push_uci(uci)
    return board


@given(st.lists(st.integers(0, len(OPENING)), max_size=8))
def test_the_board_is_the_one_after_the_plies_whatever_came_before(lengths: list[int]) -> None:
    position = Position(a_full())
    for length in lengths:
        board = position.after(tuple(OPENING[:length]))
        assert (board, board.move_stack) == (
            played(*OPENING[:length]),
            played(*OPENING[:length]).move_stack,
        )


@given(st.lists(st.tuples(st.booleans(), st.integers(0, len(OPENING))), max_size=8))
def test_following_changes_no_board(lines: list[tuple[bool, int]]) -> None:
    position = Position(a_full())
    for is_ours, length in lines:
        if is_ours:
            position.follow(tuple(OPENING[:length]))
        else:
            assert position.after(tuple(OPENING[:length])) == played(*OPENING[:length])


def test_a_returned_board_belongs_to_the_caller() -> None:
    position = Position(a_full())
    mine = position.after(("e2e4",))
    mine.push_uci("c7c5")
    mine.pop()
    mine.pop()
    assert position.after(("e2e4", "e7e5")) == played("e2e4", "e7e5")
    assert mine == chess.Board()


def test_a_returned_board_knows_repetitions() -> None:
    shuffle = ("g1f3", "g8f6", "f3g1", "f6g8") * 2
    position = Position(a_full())
    position.after(shuffle[:3])
    assert position.after(shuffle).is_repetition(3)


def test_another_line_than_ours_is_followed() -> None:
    position = Position(a_full())
    position.after(("e2e4", "e7e5"))
    assert position.after(("d2d4", "d7d5", "c2c4")) == played("d2d4", "d7d5", "c2c4")


def test_a_game_starts_from_its_own_position() -> None:
    fen = "8/8/8/4k3/8/8/4P3/4K3 b - - 0 1"
    position = Position(a_full(variant="fromPosition", initial_fen=fen))
    assert position.after(("e5e4",)).fen() == "8/8/8/8/4k3/8/4P3/4K3 w - - 1 2"


def test_castling_in_chess960_is_the_king_taking_its_rook() -> None:
    fen = "r1k4r/pppppppp/8/8/8/8/PPPPPPPP/R1K4R w KQkq - 0 1"
    board = Position(a_full(variant="chess960", initial_fen=fen)).after(("c1h1",))
    assert board.piece_at(chess.G1) == chess.Piece(chess.KING, chess.WHITE)


def test_variants_have_boards_of_their_own() -> None:
    board = Position(a_full(variant="atomic")).after(("e2e4",))
    assert isinstance(board, chess.variant.AtomicBoard)


def test_an_illegal_move_raises() -> None:
    with pytest.raises(InvariantBroken, match="cannot follow the game"):
        Position(a_full()).after(("e2e5",))
