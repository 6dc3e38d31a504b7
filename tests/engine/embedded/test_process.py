"""The embedded engine as a process: what a host sees of it."""

import subprocess
import sys
from collections.abc import Iterator

import chess
import chess.engine
import pytest

pytestmark = pytest.mark.engine

COMMAND = [sys.executable, "-m", "engine.embedded"]


@pytest.fixture
def engine() -> Iterator[chess.engine.SimpleEngine]:
    with chess.engine.SimpleEngine.popen_uci(COMMAND, timeout=20) as process:
        yield process


def raw() -> subprocess.Popen[str]:
    """Starts the engine with bare pipes."""
    return subprocess.Popen(
        COMMAND,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        bufsize=1,
    )


def test_a_host_can_name_and_configure_it(engine: chess.engine.SimpleEngine) -> None:
    engine.configure({"Hash": 2, "Move Overhead": 50})
    engine.ping()
    assert engine.id["name"] == "Crabstick embedded"
    assert {"Hash", "Move Overhead", "UCI_Chess960"} <= set(engine.options)


def test_it_plays_a_legal_game_of_chess960(engine: chess.engine.SimpleEngine) -> None:
    board = chess.Board.from_chess960_pos(1)
    while not board.is_game_over(claim_draw=True) and board.ply() < 60:
        move = engine.play(board, chess.engine.Limit(nodes=300)).move
        assert move is not None
        assert move in board.legal_moves
        board.push(move)
    assert board.ply() > 10


def test_it_analyses_until_it_is_stopped(engine: chess.engine.SimpleEngine) -> None:
    with engine.analysis(chess.Board()) as analysis:
        for info in analysis:
            if info.get("depth", 0) >= 3:
                break
        analysis.stop()
        assert analysis.wait().move in set(chess.Board().legal_moves)


def test_it_goes_on_from_a_right_guess(engine: chess.engine.SimpleEngine) -> None:
    board = chess.Board()
    limit = chess.engine.Limit(white_clock=5, black_clock=5)
    first = engine.play(board, limit, ponder=True)
    assert first.move is not None
    assert first.ponder is not None
    board.push(first.move)
    board.push(first.ponder)
    assert engine.play(board, limit, ponder=True).move in set(board.legal_moves)


def test_two_processes_answer_alike_by_nodes() -> None:
    board = chess.Board("r3k2r/p1ppqpb1/bn2pnp1/3PN3/1p2P3/2N2Q1p/PPPBBPPP/R3K2R w KQkq - 0 1")
    moves = []
    for _ in range(2):
        with chess.engine.SimpleEngine.popen_uci(COMMAND, timeout=20) as process:
            moves.append(process.play(board, chess.engine.Limit(nodes=5000)).move)
    assert moves[0] == moves[1]


@pytest.mark.parametrize("commands", ["", "uci\n", "position startpos\ngo infinite\n"])
def test_it_leaves_when_its_input_ends(commands: str) -> None:
    process = raw()
    _, complaints = process.communicate(commands, timeout=20)
    assert process.returncode == 0
    assert complaints == ""


def test_it_leaves_quietly_when_nobody_listens_any_more() -> None:
    process = raw()
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    process.stdin.write("position startpos\ngo infinite\n")
    process.stdin.flush()
    assert process.wait(timeout=20) == 0
    assert process.stderr.read() == ""
    process.stdin.close()
    process.stderr.close()


def test_bad_input_never_makes_it_stumble() -> None:
    process = raw()
    nonsense = (
        "\n\x00\npositron\nposition fen x\nposition startpos moves a1a9\nsetoption name\n"
        "setoption name Hash value \ngo depth x nodes 1 wtime\nposition\n\xff\nstop\nponderhit\n"
    )
    heard, complaints = process.communicate(f"{nonsense}isready\nquit\n", timeout=20)
    assert process.returncode == 0
    assert complaints == ""
    assert heard.splitlines()[-1] == "readyok"
