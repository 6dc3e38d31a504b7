"""The program's outermost layer: standard input, standard output, signals."""

import os
import runpy
import signal
import sys
from collections.abc import Iterator

import pytest

from engine.embedded.uci import main


@pytest.fixture(autouse=True)
def interrupt() -> Iterator[None]:
    """Restores what Ctrl-C does."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def plug(monkeypatch: pytest.MonkeyPatch, readable: int, writable: int) -> None:
    """Makes two descriptors the standard input and output."""
    monkeypatch.setattr(sys, "stdin", os.fdopen(readable))
    monkeypatch.setattr(sys, "stdout", os.fdopen(writable, "w"))


def unplug() -> None:
    """Closes the standard input and output."""
    sys.stdin.close()
    sys.stdout.close()


def test_it_talks_on_standard_input_and_output(monkeypatch: pytest.MonkeyPatch) -> None:
    (their_input, our_output), (our_input, their_output) = os.pipe(), os.pipe()
    os.write(our_output, b"isready\nposition startpos\ngo movetime 1\n")
    plug(monkeypatch, their_input, their_output)
    os.write(our_output, b"stop\nquit\n")
    assert main() == 0
    unplug()
    heard = os.read(our_input, 65_536)
    os.close(our_output)
    os.close(our_input)
    assert heard.startswith(b"readyok\n")
    assert b"bestmove " in heard


def test_ctrl_c_is_left_to_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    (their_input, our_output), (our_input, their_output) = os.pipe(), os.pipe()
    os.close(our_output)
    plug(monkeypatch, their_input, their_output)
    with pytest.raises(SystemExit) as leaving:
        runpy.run_module("engine.embedded", run_name="__main__")
    unplug()
    os.close(our_input)
    assert leaving.value.code == 0
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_ctrl_c_on_a_terminal_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    (keyboard, terminal), (our_input, their_output) = os.openpty(), os.pipe()
    os.write(keyboard, b"quit\n")
    before = signal.getsignal(signal.SIGINT)
    plug(monkeypatch, terminal, their_output)
    assert main() == 0
    unplug()
    os.close(keyboard)
    os.close(our_input)
    assert signal.getsignal(signal.SIGINT) == before


def test_nobody_listening_is_a_reason_to_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    (their_input, our_output), (our_input, their_output) = os.pipe(), os.pipe()
    os.write(our_output, b"isready\n")
    os.close(our_input)
    plug(monkeypatch, their_input, their_output)
    assert main() == 0
    unplug()
    os.close(our_output)
