"""`python -P -m engine.homemade module:Class [argument ...]`: a Python class as a UCI engine.

The module is found in the working directory. The class is made with the arguments, and
`search(board, limits)` returns a `chess.Move` or its UCI text; `limits` is a `chess.engine.Limit`.
What the class prints goes to stderr. An exception ends the process.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final

import chess
import chess.variant
from chess.engine import Limit

_CLOCKS: Final = {
    "wtime": "white_clock",
    "btime": "black_clock",
    "winc": "white_inc",
    "binc": "black_inc",
    "movetime": "time",
}
_COUNTS: Final = ("depth", "nodes")
_BOARDS: Final = {str(board.uci_variant): board for board in chess.variant.VARIANTS}


def limits_of(words: list[str]) -> Limit:
    """The limits in the words of a `go` command."""
    given = dict(zip(words[1::2], words[2::2], strict=False))
    limits = Limit()
    for word in given.keys() & {*_CLOCKS, *_COUNTS}:
        number = int(given[word])
        setattr(limits, _CLOCKS.get(word, word), number / 1000 if word in _CLOCKS else number)
    return limits


def board_of(words: list[str], variant: str, *, chess960: bool) -> chess.Board:
    """The board in the words of a `position` command."""
    at = words.index("moves") if "moves" in words else len(words)
    kind = _BOARDS[variant]
    fen = kind.starting_fen if words[1] == "startpos" else " ".join(words[2:at])
    board = kind(fen, chess960=chess960)
    for move in words[at + 1 :]:
        board.push_uci(move)
    return board


def serve(player: Any, lines: Iterator[str], send: Callable[[str], None]) -> None:  # noqa: ANN401 -- the user's
    """Answers UCI's commands, until the lines end."""
    board, settings = chess.Board(), {"UCI_Variant": "chess", "UCI_Chess960": "false"}
    for line in lines:
        words = line.split() or [""]
        if words[0] == "uci":
            send(f"id name {type(player).__name__}")
            variants = " ".join(f"var {name}" for name in _BOARDS)
            send(f"option name UCI_Variant type combo default chess {variants}")
            send("option name UCI_Chess960 type check default false\nuciok")
        elif words[0] == "isready":
            send("readyok")
        elif words[0] == "setoption":
            settings[words[2]] = words[-1]
        elif words[0] == "position":
            is_960 = settings["UCI_Chess960"] == "true"
            board = board_of(words, settings["UCI_Variant"], chess960=is_960)
        elif words[0] == "go":
            send(f"bestmove {player.search(board, limits_of(words))}")


def _read(file: int, lines: "SimpleQueue[str]") -> None:
    with open(file, encoding="utf-8") as stdin:
        for line in stdin:
            if line.strip() == "quit":
                break
            lines.put(line)
    os._exit(0)  # also in the middle of a search


def main(path: str, *arguments: str) -> None:
    """Serves the class `path` on stdin and stdout, which the class itself does not see."""
    stdin, stdout = os.dup(0), os.dup(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 -- a text
    lines: SimpleQueue[str] = SimpleQueue()
    Thread(target=_read, args=(stdin, lines), daemon=True).start()
    module, _, name = path.partition(":")
    player = getattr(import_module(module), name)(*arguments)
    serve(player, iter(lines.get, None), lambda text: _write(stdout, f"{text}\n".encode()))


def _write(file: int, block: bytes) -> None:
    while block:
        block = block[os.write(file, block) :]


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the host, which then sends quit
    main(*sys.argv[1:])
