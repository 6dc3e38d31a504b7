"""A UCI engine that ponders, and writes down what it hears: `ponder_fake.py LOG [MODE]`.

It expects the first legal answer to its first legal move, and while it ponders it is idle until
`stop` or `ponderhit`. In the mode `crash` it ends as soon as it ponders, in `deaf` it then hears
nothing, in `eager` it moves although it only ponders, in `slow` it takes its time after `stop`, in
`hasty` it moves without an `info` line.
"""

import os
import sys
import time
from pathlib import Path

import chess
from typing_extensions import override

from engine.fake import FakeUci


class PonderingUci(FakeUci):
    """One conversation on stdin and stdout."""

    def __init__(self, log: Path, mode: str = "") -> None:
        super().__init__("instant")
        self._log = log
        self._heard = ""
        self._ponder_mode = mode

    @override
    def read_line(self, timeout_s: float | None = None) -> str | None:
        line = super().read_line(timeout_s)
        with self._log.open("a") as log:
            log.write(f"{line}\n")
        self._heard = line or ""
        return line

    @override
    def send(self, *lines: str) -> None:
        own = ["option name Ponder type check default false"] if "uciok" in lines else []
        super().send(*own, *lines)

    @override
    def play(self) -> None:
        if "ponder" in self._heard:
            self._ponder()
        elif self._ponder_mode != "hasty":
            self.send("info depth 7 nodes 20 score cp 13 pv e2e4")
        self.send(f"bestmove {self._expected()}")

    def _expected(self) -> str:
        move = self.first_move()
        board = self._board.copy()
        if isinstance(move, chess.Move):
            board.push(move)
        answer = next(iter(board.legal_moves), None)
        return f"{move} ponder {answer}" if answer else str(move)

    def _ponder(self) -> None:
        self.send(f"info depth 9 nodes 90 score cp 31 pv {self.first_move()}")
        if self._ponder_mode == "crash":
            os.write(2, b"fake: cannot ponder\n")
            sys.exit(3)
        if self._ponder_mode == "deaf":
            time.sleep(3600)
        if self._ponder_mode == "eager":
            return
        while (line := self.read_line()) not in {"stop", "ponderhit"}:
            if line in {None, "quit"}:
                sys.exit()
        time.sleep(0.2 if self._ponder_mode == "slow" else 0)


if __name__ == "__main__":
    PonderingUci(Path(sys.argv[1]), *sys.argv[2:]).run()
