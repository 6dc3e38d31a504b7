"""The embedded engine mates a lone king with rook or queen, in a real process, every time."""

import random
import sys
from collections.abc import Iterator

import chess
import chess.engine
import pytest

pytestmark = pytest.mark.engine

COMMAND = [sys.executable, "-m", "engine.embedded"]


@pytest.fixture(scope="module")
def engine() -> Iterator[chess.engine.SimpleEngine]:
    with chess.engine.SimpleEngine.popen_uci(COMMAND, timeout=20) as process:
        yield process


def an_ending(piece: str, draw: random.Random) -> chess.Board:
    """Places white king, white piece and black king; White is to move and stands safe."""
    while True:
        squares = draw.sample(chess.SQUARES, 3)
        board = chess.Board(None)
        for square, symbol in zip(squares, ("K", piece, "k"), strict=True):
            board.set_piece_at(square, chess.Piece.from_symbol(symbol))
        if board.is_valid() and not board.attackers(chess.BLACK, squares[1]):
            return board


def mated_after(
    engine: chess.engine.SimpleEngine, board: chess.Board, defend: random.Random | None
) -> int | None:
    """Plays on until mate; gives White's moves, None if the game ends otherwise.

    The lone king moves at random, or as well as the engine can (`defend` is None).
    """
    limit = chess.engine.Limit(nodes=5000)
    while not board.is_game_over(claim_draw=True):
        if board.turn == chess.WHITE or defend is None:
            move = engine.play(board, limit, game=board.turn).move
            assert move is not None
        else:
            move = defend.choice(sorted(board.legal_moves, key=chess.Move.uci))
        board.push(move)
    return board.fullmove_number - 1 if board.is_checkmate() else None


@pytest.mark.parametrize(
    ("seed", "piece", "defence"),
    [(1, "R", "best"), (2, "R", "random"), (1, "Q", "random"), (3, "Q", "best")],
)
def test_a_lone_king_is_mated_within_fifty_moves(
    engine: chess.engine.SimpleEngine, seed: int, piece: str, defence: str
) -> None:
    draw = random.Random(seed)
    moves = mated_after(engine, an_ending(piece, draw), draw if defence == "random" else None)
    assert moves is not None
    assert moves <= 50
