"""The embedded engine never loses on time.

The clocks here are real: each side pays for the time from asking to hearing the answer.
"""

import sys
import time
from collections.abc import Iterator

import chess
import chess.engine
import pytest

pytestmark = pytest.mark.engine

COMMAND = [sys.executable, "-m", "engine.embedded"]

MIDDLEGAME = "r4rk1/1pp1qppp/p1np1n2/2b1p1B1/2B1P1b1/P1NP1N2/1PP1QPPP/R4RK1 w - - 0 10"
WILD = "r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1"
ENDGAME = "8/2p5/3p4/KP5r/1R3p1k/8/4P1P1/8 w - - 0 1"


@pytest.fixture(scope="module")
def engine() -> Iterator[chess.engine.SimpleEngine]:
    with chess.engine.SimpleEngine.popen_uci(COMMAND, timeout=20) as process:
        process.ping()
        yield process


def timed(
    engine: chess.engine.SimpleEngine, board: chess.Board, limit: chess.engine.Limit
) -> tuple[chess.Move, float]:
    """Asks for a move; gives it and the seconds it took."""
    started = time.monotonic()
    move = engine.play(board, limit).move
    assert move is not None
    return move, time.monotonic() - started


@pytest.mark.parametrize("left_s", [0.5, 1.0])
@pytest.mark.parametrize("fen", [chess.STARTING_FEN, MIDDLEGAME, WILD, ENDGAME])
def test_an_answer_comes_while_there_is_time(
    engine: chess.engine.SimpleEngine, fen: str, left_s: float
) -> None:
    limit = chess.engine.Limit(white_clock=left_s, black_clock=left_s)
    _, taken_s = timed(engine, chess.Board(fen), limit)
    assert taken_s < left_s


@pytest.mark.parametrize(("start_s", "increment_s"), [(3.0, 0.0), (1.0, 0.1)])
def test_a_whole_game_is_played_within_the_clock(
    engine: chess.engine.SimpleEngine, start_s: float, increment_s: float
) -> None:
    board, clocks = chess.Board(), {chess.WHITE: start_s, chess.BLACK: start_s}
    while not board.is_game_over(claim_draw=True) and board.ply() < 160:
        limit = chess.engine.Limit(
            white_clock=clocks[chess.WHITE],
            black_clock=clocks[chess.BLACK],
            white_inc=increment_s,
            black_inc=increment_s,
        )
        move, taken_s = timed(engine, board, limit)
        clocks[board.turn] -= taken_s
        assert clocks[board.turn] > 0, f"the flag fell at ply {board.ply()}"
        clocks[board.turn] += increment_s
        board.push(move)
    assert board.ply() >= 20


def test_a_fallen_flag_still_gets_an_answer(engine: chess.engine.SimpleEngine) -> None:
    limit = chess.engine.Limit(white_clock=0.001, black_clock=0.001)
    move, _ = timed(engine, chess.Board(), limit)
    assert move in chess.Board().legal_moves
