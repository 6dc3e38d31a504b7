"""The engine misbehaves once for each order, and plays well otherwise."""

import os
from pathlib import Path

import chess
import pytest

from tests.chaos.faulty_engine import EASY, IDLE_PLIES, FaultyLines, order_fault, program


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> int:
    """What the engine reads from; a test writes to the descriptor."""
    reader, writer = os.pipe()
    monkeypatch.setattr("tests.chaos.faulty_engine.STDIN", reader)
    monkeypatch.setattr("tests.chaos.faulty_engine.THINK_S", 0)
    return writer


OLD = "position startpos moves" + " g1f3 g8f6 f3g1 f6g8" * (IDLE_PLIES // 4)


def test_an_old_game_is_searched_a_little(stdin: int, tmp_path: Path) -> None:
    lines = FaultyLines(tmp_path / "1")
    os.write(stdin, f"uci\n{OLD}\ngo movetime 100\n".encode())
    assert [lines.wait(), lines.wait(), lines.wait()] == ["uci", OLD, EASY]


def test_a_young_game_gets_any_legal_move(
    stdin: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = FaultyLines(tmp_path / "1")
    os.write(stdin, b"position startpos moves e2e4 e7e5 g1f3\ngo movetime 100\n")
    assert [lines.wait(), lines.wait()][1] == ""
    board = chess.Board("rnbqkbnr/pppp1ppp/8/4p3/4P3/5N2/PPPP1PPP/RNBQKB1R b KQkq - 1 2")
    assert board.parse_uci(capfd.readouterr().out.split()[1]) in board.legal_moves


def test_an_order_spoils_the_next_search_and_no_other(
    stdin: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    order = order_fault(tmp_path, 1, "illegal")
    lines = FaultyLines(order)
    os.write(stdin, f"{OLD}\ngo movetime 100\ngo movetime 100\n".encode())
    assert [lines.wait() for _ in range(3)] == [OLD, "", EASY]
    assert capfd.readouterr().out == "bestmove a1b4\n"
    assert not order.exists()


def test_orders_go_to_one_actor_each(tmp_path: Path) -> None:
    assert order_fault(tmp_path, 1, "illegal") != order_fault(tmp_path, 2, "illegal")


def test_the_program_can_be_run(tmp_path: Path) -> None:
    path = program(tmp_path)
    assert os.access(path, os.X_OK)
    assert str(tmp_path) in path.read_text(encoding="utf-8")
