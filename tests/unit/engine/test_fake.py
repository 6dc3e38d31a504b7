"""`python -m engine.fake`, its conversation held over two pipes in this very process."""

import os
import runpy
import signal
import sys
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


def test_it_shakes_hands_as_the_protocol_says() -> None:
    answer = conversation("uci", "setoption name Hash value 8", "ucinewgame", "isready", "quit")
    assert answer.startswith("id name crabstick fake\n")
    assert answer.endswith("uciok\nreadyok\n")


def test_it_leaves_at_the_end_of_its_stdin() -> None:
    assert conversation("isready") == "readyok\n"


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


def test_a_lost_game_has_no_move() -> None:
    mate = "position startpos moves f2f3 e7e5 g2g4 d8h4"
    assert the_move(conversation(mate, "go")) == "(none)"


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


def test_a_slow_start_is_a_start() -> None:
    assert conversation("uci", mode="slow-start").endswith("uciok\n")


def test_one_mode_is_never_ready() -> None:
    assert conversation("isready", mode="not-ready") == ""


@pytest.mark.parametrize("mode", ["delay", "ignore-stop", "hungry", "garbage"])
def test_some_modes_still_bring_a_move(mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeUci, "write", lambda self, block: os.write(self._stdout, block[:2000]))
    assert the_move(conversation("go", "stop", mode=mode)) == "g1h3"


def test_a_thinking_engine_needs_no_stop_to_move() -> None:
    stdin, to_fake = os.pipe()
    from_fake, stdout = os.pipe()
    fake._AT_GO["delay"](FakeUci("delay", delay_s=0.0, pipes=(stdin, stdout)))
    assert the_move(os.read(from_fake, 4096).decode()) == "g1h3"
    for descriptor in (stdin, to_fake, from_fake, stdout):
        os.close(descriptor)


def test_a_thinking_engine_can_quit() -> None:
    with pytest.raises(SystemExit):
        conversation("go", "quit", mode="delay", delay_s=9)


def test_a_crash_has_words_and_a_status(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        conversation("go", mode="crash")
    assert (caught.value.code, capfd.readouterr().err) == (3, "fake: cannot go on\n")


def test_a_quiet_engine_only_moves() -> None:
    assert conversation("go", mode="quiet") == "bestmove g1h3\n"


def test_a_hang_ends_only_by_a_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "pause", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        conversation("go", mode="hang")


def test_a_deaf_engine_closes_its_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "pause", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    stdin, to_fake = os.pipe()
    with pytest.raises(KeyboardInterrupt):
        fake._AT_GO["deaf"](FakeUci("deaf", pipes=(stdin, to_fake)))
    with pytest.raises(BrokenPipeError):
        os.write(to_fake, b"stop\n")
    os.close(to_fake)


def test_a_flood_ends_when_nobody_reads() -> None:
    stdin, to_fake = os.pipe()
    from_fake, stdout = os.pipe()
    os.close(from_fake)
    with pytest.raises(BrokenPipeError):
        fake._AT_GO["flood"](FakeUci("flood", pipes=(stdin, stdout)))
    for descriptor in (stdin, to_fake, stdout):
        os.close(descriptor)


def test_the_command_line_has_every_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[FakeUci] = []
    monkeypatch.setattr(FakeUci, "run", partialmethod(started.append))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    for mode in MODES:
        fake.main(["--mode", mode, "--delay-ms", "50"])
    assert [(it.mode, it.delay_s) for it in started] == [(mode, 0.05) for mode in MODES]


def test_an_unknown_mode_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        fake.main(["--mode", "dance"])
    assert "invalid choice: 'dance'" in capsys.readouterr().err


def test_the_module_can_be_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["fake", "--help"])
    with pytest.raises(SystemExit):
        runpy.run_path(fake.__file__, run_name="__main__")
    assert "python -m engine.fake" in capsys.readouterr().out
