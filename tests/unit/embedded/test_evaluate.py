"""The evaluation is fair to both sides and knows which endings it can win."""

import chess
import pytest
from hypothesis import given, settings

from engine.embedded.evaluate import evaluate
from engine.embedded.fen import START, parse_fen
from engine.embedded.worth import WORTH, centrality, unpack, worth_of
from tests.unit.embedded.walks import choices, setups, walk


@settings(max_examples=20, deadline=None)
@given(setups(), choices())
def test_swapping_the_colours_changes_nothing_for_the_side_to_move(
    board: chess.Board, picks: list[int]
) -> None:
    for theirs, ours in walk(board, picks):
        mirrored = theirs.mirror()
        assert evaluate(parse_fen(mirrored.fen())) == evaluate(ours)


@settings(max_examples=20, deadline=None)
@given(setups(), choices())
def test_a_packed_worth_unpacks_to_the_sums_of_its_parts(
    board: chess.Board, picks: list[int]
) -> None:
    for _, ours in walk(board, picks):
        parts = [unpack(WORTH[piece][square]) for square, piece in enumerate(ours.board)]
        expected = tuple(sum(part[index] for part in parts) for index in range(3))
        assert unpack(worth_of(ours.board)) == expected


def test_the_starting_position_is_worth_only_the_move() -> None:
    assert evaluate(parse_fen(START)) == evaluate(parse_fen(START.replace(" w ", " b "))) == 10


def test_the_centre_is_in_the_middle() -> None:
    assert centrality(chess.A1) == centrality(chess.H8) == 0
    assert centrality(chess.D4) == centrality(chess.E5) == 6


def test_a_queen_more_is_winning() -> None:
    assert evaluate(parse_fen("4k3/pppp4/8/8/8/8/PPPP4/3QK3 w - - 0 1")) > 800


@pytest.mark.parametrize("piece", ["B", "N"])
def test_a_lone_minor_piece_wins_nothing(piece: str) -> None:
    assert evaluate(parse_fen(f"4k3/8/8/8/8/8/8/3{piece}K3 w - - 0 1")) == 0


def test_bare_kings_are_a_draw() -> None:
    assert evaluate(parse_fen("4k3/8/8/8/8/8/8/4K3 w - - 0 1")) == 0


def test_a_pawn_beside_a_lone_king_is_worth_something() -> None:
    assert evaluate(parse_fen("4k3/8/8/8/8/8/3P4/4K3 w - - 0 1")) > 0


def test_a_lone_king_is_better_hunted_at_the_edge() -> None:
    centre = evaluate(parse_fen("8/8/8/3k4/8/3K4/8/7R w - - 0 1"))
    edge = evaluate(parse_fen("3k4/8/3K4/8/8/8/8/7R w - - 0 1"))
    assert edge > centre


def test_a_lone_king_is_better_hunted_with_the_king_near() -> None:
    far = evaluate(parse_fen("3k4/8/8/8/8/8/3K4/7R w - - 0 1"))
    near = evaluate(parse_fen("3k4/8/3K4/8/8/8/8/7R w - - 0 1"))
    assert near > far
