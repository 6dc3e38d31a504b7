"""`python -m engine.fake`: a UCI engine that misbehaves on demand, for tests and benchmarks.

The engine plays the first legal move; after `--after` searches it misbehaves as `--mode` says.
Starting and moving are cheap (no asyncio, no replay of the game), so that a benchmark measures the
host and not the engine.
"""

import argparse
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import chess

_HELLO = (
    "id name crabstick fake",
    "id author crabstick",
    "option name Hash type spin default 16 min 1 max 65536",
    "option name Move Overhead type spin default 10 min 0 max 5000",
    "option name Clear Hash type button",
    "option name Style type combo default Solid var Solid var Risky",
    "option name OwnBook type check default false",
    "option name SyzygyPath type string default <empty>",
    "uciok",
)


class FakeUci:
    """One UCI conversation over two file descriptors, to read from and to write to.

    `delay_s` is the duration of the modes `delay`, `ignore-stop` and `slow-start`.
    """

    def __init__(
        self, mode: str, after: int = 0, delay_s: float = 0.1, pipes: tuple[int, int] = (0, 1)
    ) -> None:
        self.mode = mode
        self.delay_s = delay_s
        self.hash_mb = 16
        self.stdin, self._stdout = pipes
        self._after = after
        self._board = chess.Board()
        self._position = ""
        self._unread = b""

    def run(self) -> None:
        """Serves until `quit` or the end of stdin."""
        while (line := self.read_line()) not in {None, "quit"}:
            match str(line).split():
                case ["uci"]:
                    start = _AT_START.get(self.mode)
                    start(self, *_HELLO) if start else self.send(*_HELLO)
                case ["isready"] if self.mode != "not-ready":
                    self.send("readyok")
                case ["setoption", "name", "Hash", "value", hash_mb]:
                    self.hash_mb = int(hash_mb)
                case ["position", *_]:
                    self._set_position(str(line))
                case ["go", *_]:
                    self._after -= 1
                    misbehave = _AT_GO.get(self.mode) if self._after < 0 else None
                    misbehave(self) if misbehave else self.play()
                case _:
                    pass

    def send(self, *lines: str) -> None:
        """Writes lines in one system call."""
        self.write("".join(f"{line}\n" for line in lines).encode())

    def write(self, block: bytes) -> None:
        """Writes raw bytes."""
        os.write(self._stdout, block)

    def read_line(self, timeout_s: float | None = None) -> str | None:
        """The next line; None at the end of stdin, an empty line after the timeout."""
        while b"\n" not in self._unread:
            if timeout_s is not None and not select.select([self.stdin], [], [], timeout_s)[0]:
                return ""
            chunk = os.read(self.stdin, 65536)
            if not chunk:
                return None
            self._unread += chunk
        line, self._unread = self._unread.split(b"\n", 1)
        return line.decode().strip()

    def play(self) -> None:
        """Sends the first legal move."""
        self.send("info depth 1 nodes 20 score cp 13 pv e2e4", f"bestmove {self.first_move()}")

    def first_move(self) -> chess.Move | str:
        """The first legal move; `(none)` when there is none."""
        return next(iter(self._board.legal_moves), "(none)")

    def _set_position(self, line: str) -> None:
        tail = line.removeprefix(self._position)
        if not self._position or tail[:1] not in {"", " "}:
            head, _, tail = line.partition(" moves ")
            fen = head.removeprefix("position fen ")
            self._board = chess.Board() if head == "position startpos" else chess.Board(fen)
        for word in tail.split():
            if word != "moves":
                self._board.push(chess.Move.from_uci(word))
        self._position = line


def _slow_start(fake: FakeUci, *hello: str) -> None:
    time.sleep(fake.delay_s)
    fake.send(*hello)


def _crash(*_: object) -> NoReturn:
    os.write(2, b"fake: cannot go on\n")
    sys.exit(3)


def _think(fake: FakeUci) -> None:
    """Thinks for the delay, or until `stop`."""
    if fake.read_line(fake.delay_s) in {None, "quit"}:
        sys.exit()
    fake.play()


def _ignore_stop(fake: FakeUci) -> None:
    time.sleep(fake.delay_s)
    fake.play()


def _hang(_: FakeUci) -> NoReturn:
    while True:
        signal.pause()


def _deaf(fake: FakeUci) -> NoReturn:
    """Closes stdin, like an engine whose reader thread died."""
    os.close(fake.stdin)
    _hang(fake)


def _quiet(fake: FakeUci) -> None:
    fake.send(f"bestmove {fake.first_move()}")


def _answers(*lines: str) -> Callable[..., None]:
    def answer(fake: FakeUci, *_: str) -> None:
        fake.send(*lines)

    return answer


def _garbage(fake: FakeUci) -> None:
    """Sends a good move between binary data, broken lines, unexpected lines and a long line."""
    fake.write(
        b"\xff\xfe\x00\n\r\n\ninfo depth x score cp y nodes\ninfo score mate\nreadyok\nuciok\n"
    )
    fake.write(b"info depth 2 score cp 1 pv " + b"e2e4 " * 50_000 + b"\n")
    fake.play()


def _flood(block: bytes) -> Callable[[FakeUci], None]:
    def flood(fake: FakeUci) -> NoReturn:
        while True:
            fake.write(block)

    return flood


def _hungry(fake: FakeUci) -> None:
    """Allocates as much memory as Hash says."""
    memory = bytearray(fake.hash_mb * 1024 * 1024)
    fake.play()
    del memory


_AT_START: dict[str, Callable[..., Any]] = {
    "slow-start": _slow_start,
    "no-uci": _answers("Hello, I am no engine."),
    "silent": _answers(),
    "quit-at-start": _crash,
    "odd-option": _answers("option name Threads type spin default many min 1 max 8", "uciok"),
}
_AT_GO: dict[str, Callable[[FakeUci], None]] = {
    "delay": _think,
    "ignore-stop": _ignore_stop,
    "hang": _hang,
    "deaf": _deaf,
    "quiet": _quiet,
    "crash": _crash,
    "illegal": _answers("bestmove a1b4"),
    "nonsense": _answers("bestmove xyzzy"),
    "no-move": _answers("bestmove (none)"),
    "garbage": _garbage,
    "flood": _flood(b"blah\n" * 2000),
    "flood-line": _flood(b"blah" * 2000),
    "flood-info": _flood(b"info depth 1 score cp 1 pv e2e4\n" * 200),
    "flood-moves": _flood(b"bestmove e2e4\n" * 2000),
    "hungry": _hungry,
}
MODES = ("instant", "not-ready", *_AT_START, *_AT_GO)
"""`instant` behaves well."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Serves one conversation on stdin and stdout."""
    parser = argparse.ArgumentParser(prog="python -m engine.fake", description="a fake UCI engine")
    parser.add_argument("--mode", choices=MODES, default="instant")
    parser.add_argument("--after", type=int, default=0, help="searches before it misbehaves")
    parser.add_argument("--delay-ms", type=int, default=100, help="for the modes that take time")
    given = parser.parse_args(arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the host, which then sends quit
    FakeUci(given.mode, given.after, given.delay_ms / 1000).run()


if __name__ == "__main__":
    main()
