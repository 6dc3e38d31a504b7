"""`python -m tests.chaos.faulty_engine FOLDER`: the bundled engine, which fails on demand.

The engine pretends to think, and plays any move at the beginning of a game: faults should meet
searches, games should last, and chess should not load the machine.

A file in FOLDER whose name is the pid of our parent, the EngineActor, names a mode of
`engine.fake`; the next search follows that mode and deletes the file.

All is one process, as faults need it: the bundled engine runs in a thread, and reads a pipe instead
of the real stdin.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from threading import Thread

import chess

from engine import fairy

MEMORY_BYTES = 1 << 30
STDIN = 0
THINK_S = 0.15
EASY = "go depth 2"
IDLE_PLIES = 40
CHUNK_BYTES = 1 << 24
FLOOD = b"blah\n" * 2000


def commands(lines: Iterable[str], order: Path) -> Iterator[str]:
    """The lines that the engine gets: all but the searches that are answered here.

    Args:
        lines: what the host sends.
        order: the file that may name a mode.
    """
    position = ""
    for line in lines:
        if line.startswith("position "):
            position = line
        if not line.startswith("go"):
            yield line
            continue
        time.sleep(THINK_S)
        search = _fault(order) if order.exists() else _idle(position)
        if search:
            yield search


def _fault(order: Path) -> str:
    mode = order.read_text(encoding="utf-8")
    order.unlink()
    return _run_fault(mode)


def _idle(position: str) -> str:
    """Plays any move at once, unless the game is old enough to be won."""
    setup, _, played = position.removeprefix("position ").partition(" moves ")
    moves = played.split()
    if len(moves) >= IDLE_PLIES:
        return EASY
    board = chess.Board() if setup == "startpos" else chess.Board(setup.removeprefix("fen "))
    for text in moves:
        board.push_uci(text)
    os.write(1, f"bestmove {random.choice(list(board.legal_moves))}\n".encode())
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


def _run(order: Path) -> None:
    host = os.fdopen(os.dup(STDIN), encoding="utf-8", errors="replace")
    reader, writer = os.pipe()
    os.dup2(reader, STDIN)
    engine = Thread(target=lambda: os._exit(fairy.main()), daemon=True)
    engine.start()
    for line in commands((line.strip() for line in iter(host.readline, "")), order):
        os.write(writer, f"{line}\n".encode())
    os.write(writer, b"quit\n")
    engine.join()


def main() -> None:
    """Talks on standard input and output until the other side leaves."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        _run(Path(sys.argv[1]) / str(os.getppid()))
    except Exception as error:  # noqa: BLE001 -- no cleanup: the engine's thread may be at work
        os.write(2, f"{error!r}\n".encode())
        os._exit(1)


if __name__ == "__main__":
    main()
