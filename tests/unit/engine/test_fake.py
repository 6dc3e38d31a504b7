"""`python -m engine.fake`, its conversation held over two pipes in this very process."""

import os
import signal
from functools import partialmethod

import chess
import pytest

from engine import fake
from engine.fake import MODES, FakeUci


def conversation(*lines: str, mode: str = "instant", after: int = 0, delay_s: float = 0.0) -> str:
    """What the fake answers to `lines` and the end of its stdin."""
    stdin, to_fake = os.pipe()
    from_fake, stdout = os.pipe()
    os.write(to_fake, "".join(f"{line}\n" for line in lines).encode())
    os.close(to_fake)
    try:
        FakeUci(mode, after, delay_s, (stdin, stdout)).run()
        os.close(stdout)
        return os.read(from_fake, 65536).decode(errors="replace")
    finally:
        os.close(stdin)
        os.close(from_fake)


def the_move(answer: str) -> str:
    return answer.rpartition("bestmove ")[2].strip()


def test_it_answers_the_uci_handshake() -> None:
    answer = conversation("uci", "setoption name Hash value 8", "ucinewgame", "isready", "quit")
    assert answer.startswith("id name crabstick fake\n")
    assert answer.endswith("uciok\nreadyok\n")


def test_it_follows_a_game_by_its_new_moves() -> None:
    board, lines = chess.Board(), []
    for move in ("e2e4", "e7e5", "g1f3"):
        board.push_uci(move)
        lines.append("position startpos moves " + " ".join(map(str, board.move_stack)))
    assert the_move(conversation(*lines, "go")) == str(next(iter(board.legal_moves)))


@pytest.mark.parametrize(
    ("before", "position", "board"),
    [
        ("position startpos", "position startpos moves e2e4", chess.Board()),
        ("position startpos moves e2e4 e7e5", "position startpos moves e2e4", chess.Board()),
        ("position startpos", "position fen 7k/8/8/8/8/8/8/K7 w - - 0 1", None),
        (
            "position fen 7k/8/8/8/8/8/8/K7 w - - 0 1",
            "position fen 7k/8/8/8/8/8/8/K7 w - - 0 12 moves a1a2",
            None,
        ),
    ],
)
def test_another_game_starts_from_its_own_position(
    before: str, position: str, board: chess.Board | None
) -> None:
    head, _, moves = position.partition(" moves ")
    expected = board or chess.Board(head.removeprefix("position fen "))
    for move in moves.split():
        expected.push_uci(move)
    answer = conversation(before, position, "go")
    assert the_move(answer) == str(next(iter(expected.legal_moves)))


def test_it_misbehaves_only_after_so_many_searches() -> None:
    answer = conversation("go", "go", "go", mode="illegal", after=2)
    moves = [line for line in answer.splitlines() if line.startswith("bestmove")]
    assert moves == ["bestmove g1h3", "bestmove g1h3", "bestmove a1b4"]


@pytest.mark.parametrize(
    ("mode", "answer"),
    [
        ("no-uci", "Hello, I am no engine.\n"),
        ("silent", ""),
        ("odd-option", "option name Threads type spin default many min 1 max 8\nuciok\n"),
    ],
)
def test_a_bad_start(mode: str, answer: str) -> None:
    assert conversation("uci", mode=mode) == answer


@pytest.mark.parametrize("mode", ["delay", "ignore-stop", "hungry", "garbage"])
def test_some_modes_still_bring_a_move(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeUci, "write", lambda self, block: os.write(self._stdout, block[:2000]))
    assert the_move(conversation("go", "stop", mode=mode)) == "g1h3"


def test_a_thinking_engine_can_quit() -> None:
    with pytest.raises(SystemExit):
        conversation("go", "quit", mode="delay", delay_s=9)


def test_a_crash_has_words_and_a_status(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        conversation("go", mode="crash")
    assert (caught.value.code, capfd.readouterr().err) == (3, "fake: cannot go on\n")


def test_the_command_line_has_every_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[FakeUci] = []
    monkeypatch.setattr(FakeUci, "run", partialmethod(started.append))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    for mode in MODES:
        fake.main(["--mode", mode, "--delay-ms", "50"])
    assert [(it.mode, it.delay_s) for it in started] == [(mode, 0.05) for mode in MODES]
