"""The board obeys the rules of chess: counted against known numbers, compared with python-chess."""

import chess
import pytest
from hypothesis import given, settings

from engine.embedded.board import Position
from engine.embedded.fen import START, parse_fen, write_fen
from engine.embedded.generate import find_move, legal_moves, pseudo_legal_moves
from engine.embedded.geometry import BLACK, WHITE
from engine.embedded.moves import move_text
from engine.embedded.worth import worth_of
from tests.unit.embedded.walks import choices, legal_texts, setups, state, walk

_LAW = settings(max_examples=15, deadline=None)

PERFT = [
    (START, 3, 8902),
    ("r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1", 3, 97862),
    ("8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1", 4, 43238),
    ("r3k2r/Pppp1ppp/1b3nbN/nP6/BBP1P3/q4N2/Pp1P2PP/R2Q1RK1 w kq - 0 1", 3, 9467),
    ("rnbq1k1r/pp1Pbppp/2p5/8/2B5/8/PPP1NnPP/RNBQK2R w KQ - 1 8", 3, 62379),
    ("r4rk1/1pp1qppp/p1np1n2/2b1p1B1/2B1P1b1/P1NP1N2/1PP1QPPP/R4RK1 w - - 0 10", 3, 89890),
]
"""Six positions and how many ways there are to play on. Source: chessprogramming wiki, Perft."""


def perft(position: Position, depth: int) -> int:
    """Counts the ways to play `depth` plies on."""
    count = 0
    for move in pseudo_legal_moves(position):
        if position.make(move):
            count += 1 if depth == 1 else perft(position, depth - 1)
            position.unmake()
    return count


def played(fen: str, *moves: str) -> Position:
    """Plays moves from a position."""
    position = parse_fen(fen)
    for text in moves:
        move = find_move(position, text)
        assert move is not None, text
        assert position.make(move), text
    return position


@pytest.mark.parametrize(("fen", "depth", "expected"), PERFT)
def test_the_moves_of_the_standard_positions_are_counted_exactly(
    fen: str, depth: int, expected: int
) -> None:
    assert perft(parse_fen(fen), depth) == expected


@_LAW
@given(setups(), choices())
def test_legal_moves_are_those_of_python_chess(board: chess.Board, picks: list[int]) -> None:
    for theirs, ours in walk(board, picks):
        expected = sorted(theirs.uci(move) for move in theirs.legal_moves)
        assert legal_texts(ours, chess960=theirs.chess960) == expected


@_LAW
@given(setups(), choices())
def test_check_is_seen_when_python_chess_sees_it(board: chess.Board, picks: list[int]) -> None:
    for theirs, ours in walk(board, picks):
        assert ours.checked == theirs.is_check()


@_LAW
@given(setups(), choices())
def test_the_key_and_the_worth_are_those_computed_from_scratch(
    board: chess.Board, picks: list[int]
) -> None:
    for _, ours in walk(board, picks):
        assert ours.key == ours.computed_key()
        assert ours.worth == worth_of(ours.board)


@_LAW
@given(setups(), choices())
def test_equal_keys_mean_equal_positions(board: chess.Board, picks: list[int]) -> None:
    seen: dict[int, str] = {}
    for theirs, ours in walk(board, picks):
        same = " ".join(theirs.fen(en_passant="xfen").split()[:4])
        assert seen.setdefault(ours.key, same) == same
    assert len(set(seen.values())) == len(seen)


@_LAW
@given(setups(), choices())
def test_unmake_restores_everything_that_make_changes(board: chess.Board, picks: list[int]) -> None:
    for _, ours in walk(board, picks):
        before = state(ours)
        for move in pseudo_legal_moves(ours):
            if ours.make(move):
                ours.unmake()
            assert state(ours) == before


@_LAW
@given(setups(), choices())
def test_a_skipped_turn_can_be_taken_back(board: chess.Board, picks: list[int]) -> None:
    for _, ours in walk(board, picks):
        before = state(ours)
        ours.skip_turn()
        assert ours.key == ours.computed_key()
        ours.unmake()
        assert state(ours) == before


@_LAW
@given(setups(), choices())
def test_noisy_moves_are_the_captures_and_queen_promotions(
    board: chess.Board, picks: list[int]
) -> None:
    for theirs, ours in walk(board, picks):
        noisy = set(pseudo_legal_moves(ours, noisy_only=True))
        found = [move for move in legal_moves(ours) if move in noisy]
        expected = [
            theirs.uci(move)
            for move in theirs.legal_moves
            if move.promotion == chess.QUEEN or (move.promotion is None and theirs.is_capture(move))
        ]
        assert sorted(move_text(move, chess960=True) for move in found) == sorted(expected)


def test_a_copy_lives_its_own_life() -> None:
    original = played(START, "e2e4", "e7e5")
    twin, before = original.copy(), state(original)
    assert state(twin) == before
    move = find_move(twin, "g1f3")
    assert move is not None
    twin.make(move)
    assert state(original) == before


def test_a_copy_can_take_back_the_moves_of_its_original() -> None:
    twin = played(START, "e2e4").copy()
    twin.unmake()
    assert write_fen(twin) == START


def test_a_position_is_repeated_when_it_comes_back() -> None:
    there_and_back = ("g1f3", "g8f6", "f3g1", "f6g8")
    assert not played(START, *there_and_back[:3]).is_repeated()
    assert played(START, *there_and_back).is_repeated()


def test_lost_castling_rights_make_another_position() -> None:
    fen = "r3k2r/8/8/8/8/8/8/R3K2R w KQkq - 0 1"
    assert not played(fen, "h1g1", "h8g8", "g1h1", "g8h8").is_repeated()


def test_en_passant_is_noted_only_when_a_pawn_stands_ready() -> None:
    assert played(START, "e2e4").en_passant == 0
    assert played(START, "e2e4", "a7a6", "e4e5", "d7d5").en_passant == chess.D6


def test_a_move_that_exposes_the_king_is_refused() -> None:
    position = parse_fen("4k3/8/8/8/4r3/8/4N3/4K3 w - - 0 1")
    assert find_move(position, "e2c3") is None


def test_only_pieces_count_as_pieces() -> None:
    assert parse_fen(START).has_pieces()
    assert not parse_fen("4k3/pppp4/8/8/8/8/PPPP4/4K3 w - - 0 1").has_pieces()


def test_attacks_end_at_the_first_piece() -> None:
    position = parse_fen("4k3/8/8/8/R2p3r/8/8/4K3 w - - 0 1")
    assert position.is_attacked(chess.D4, WHITE)
    assert not position.is_attacked(chess.E4, WHITE)
    assert position.is_attacked(chess.E4, BLACK)
