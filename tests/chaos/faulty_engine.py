"""`python -m tests.chaos.faulty_engine FOLDER`: the embedded engine, which fails on demand.

The engine pretends to think, and plays any move at the beginning of a game: faults should meet
searches, games should last, and chess should not load the machine.

A file in FOLDER whose name is the pid of our parent, the EngineActor, names a mode of
`engine.fake`; the next search follows that mode and deletes the file.
"""

import os
import random
import signal
import sys
import time
from pathlib import Path

from engine.embedded.commands import parse_position
from engine.embedded.fen import START, parse_fen
from engine.embedded.generate import find_move, legal_moves
from engine.embedded.lines import LineReader
from engine.embedded.moves import move_text
from engine.embedded.uci import Conversation

MEMORY_BYTES = 1 << 30
STDIN = 0
THINK_S = 0.15
EASY = "go depth 2"
IDLE_PLIES = 40
CHUNK_BYTES = 1 << 24
FLOOD = b"blah\n" * 2000


class FaultyLines(LineReader):
    """Passes commands on, except a search that is ordered to fail.

    Args:
        order: the file that may name a mode.
    """

    def __init__(self, order: Path) -> None:
        super().__init__(STDIN)
        self._order = order
        self._position = ""

    def wait(self) -> str | None:
        """The next line for the engine."""
        line = super().wait()
        if line is not None and line.startswith("position "):
            self._position = line
        if line is None or not line.startswith("go"):
            return line
        time.sleep(THINK_S)
        if not self._order.exists():
            return _idle(self._position)
        mode = self._order.read_text(encoding="utf-8")
        self._order.unlink()
        return _run_fault(mode)


def _idle(position: str) -> str:
    """Plays any move at once, unless the game is old enough to be won."""
    setup, played = parse_position(position.split()[1:])
    if len(played) >= IDLE_PLIES:
        return EASY
    board = parse_fen(setup or START)
    for text in played:
        move = find_move(board, text)
        if move is not None:
            board.make(move)
    move = random.choice(legal_moves(board))
    os.write(1, f"bestmove {move_text(move, chess960=False)}\n".encode())
    return ""


def _run_fault(mode: str) -> str:
    match mode:
        case "illegal":
            os.write(1, b"bestmove a1b4\n")
        case "nonsense":
            os.write(1, b"\xff\xfe\x00\ninfo depth x score\nbestmove xyzzy\n")
        case "flood":
            while True:
                os.write(1, FLOOD)
        case "hungry":
            return _eat()
        case _:
            return EASY
    return ""


def _eat() -> str:
    """Allocates more memory than the limit; the process dies of that, or plays on."""
    hoard = [bytearray(os.urandom(1) * CHUNK_BYTES) for _ in range(MEMORY_BYTES // CHUNK_BYTES)]
    del hoard
    return EASY


def order_fault(folder: Path, actor_pid: int, mode: str) -> Path:
    """Orders the engine of that actor to fail; the engine deletes the returned file then."""
    order = folder / str(actor_pid)
    draft = order.with_suffix(".new")
    draft.write_text(mode, encoding="utf-8")
    return draft.rename(order)


def program(folder: Path) -> Path:
    """Writes a program that runs this engine with `folder`: settings can only name a path."""
    path = folder / "engine"
    path.write_text(
        f"#!/bin/sh\nexec {sys.executable} -m tests.chaos.faulty_engine {folder}\n",
        encoding="utf-8",
    )
    path.chmod(0o755)
    return path


def main() -> None:
    """Talks on standard input and output until the other side leaves."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    order = Path(sys.argv[1]) / str(os.getppid())

    def write(line: str) -> None:
        os.write(1, f"{line}\n".encode())

    Conversation(FaultyLines(order), write, lambda: time.monotonic() * 1000).run()


if __name__ == "__main__":
    main()
