"""The engine misbehaves once for each order, and plays well otherwise."""

import os
from pathlib import Path

import chess
import pytest

from tests.chaos.faulty_engine import EASY, IDLE_PLIES, commands, order_fault, program


@pytest.fixture(autouse=True)
def _no_thinking(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.chaos.faulty_engine.THINK_S", 0)


OLD = "position startpos moves" + " g1f3 g8f6 f3g1 f6g8" * (IDLE_PLIES // 4)


def test_an_old_game_is_searched_a_little(tmp_path: Path) -> None:
    lines = ["uci", OLD, "go movetime 100"]
    assert [*commands(lines, tmp_path / "1")] == ["uci", OLD, EASY]


def test_a_young_game_gets_any_legal_move(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    position = "position startpos moves e2e4 e7e5 g1f3"
    assert [*commands([position, "go movetime 100"], tmp_path / "1")] == [position]
    board = chess.Board("rnbqkbnr/pppp1ppp/8/4p3/4P3/5N2/PPPP1PPP/RNBQKB1R b KQkq - 1 2")
    assert board.parse_uci(capfd.readouterr().out.split()[1]) in board.legal_moves


def test_an_order_spoils_the_next_search_and_no_other(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    order = order_fault(tmp_path, 1, "illegal")
    lines = [OLD, "go movetime 100", "go movetime 100"]
    assert [*commands(lines, order)] == [OLD, EASY]
    assert capfd.readouterr().out == "bestmove a1b4\n"
    assert not order.exists()


def test_orders_go_to_one_actor_each(tmp_path: Path) -> None:
    assert order_fault(tmp_path, 1, "illegal") != order_fault(tmp_path, 2, "illegal")


def test_the_program_can_be_run(tmp_path: Path) -> None:
    path = program(tmp_path)
    assert os.access(path, os.X_OK)
    assert str(tmp_path) in path.read_text(encoding="utf-8")
