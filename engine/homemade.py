"""`python -P -m engine.homemade module:Class [argument ...]`: a Python class as a UCI engine.

The module is found in the working directory. The class is made with the arguments, and
`search(board, limits)` returns a `chess.Move` or its UCI text; `limits` is a `chess.engine.Limit`.
What the class prints goes to stderr. An exception ends the process, with a sentence on stderr.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import chess
import chess.variant
from chess.engine import Limit

from engine.errors import OURS

_CLOCKS: Final = ("white_clock", "black_clock", "white_inc", "black_inc", "time")
_WORDS: Final = dict(zip(("wtime", "btime", "winc", "binc", "movetime"), _CLOCKS, strict=True))
_BOARDS: Final = {str(board.uci_variant): board for board in chess.variant.VARIANTS}
_OPTIONS: Final = (
    f"option name UCI_Variant type combo default chess var {' var '.join(_BOARDS)}\n"
    "option name UCI_Chess960 type check default false"
)


def limits_of(words: list[str]) -> Limit:
    """The limits in the words of a `go` command."""
    limits = Limit()
    for word, number in zip(words[::2], map(int, words[1::2]), strict=False):
        is_clock = word in _WORDS
        setattr(limits, _WORDS.get(word, word), number / 1000 if is_clock else number)
    return limits


def board_of(words: list[str], variant: str, *, chess960: bool) -> chess.Board:
    """The board in the words of a `position` command."""
    start, _, moves = " ".join(words).partition(" moves ")
    kind = _BOARDS[variant]
    fen = kind.starting_fen if start == "startpos" else start.removeprefix("fen ")
    board = kind(fen, chess960=chess960)
    for move in moves.split():
        board.push_uci(move)
    return board


def serve(player: Any, lines: Iterable[str], send: Callable[[str], object]) -> None:  # noqa: ANN401 -- the user's
    """Answers UCI's commands, until `quit` or the end of the lines."""
    board, settings = chess.Board(), {"UCI_Variant": "chess", "UCI_Chess960": "false"}
    for line in lines:
        match line.split():
            case ["uci"]:
                send(f"id name {type(player).__name__}\n{_OPTIONS}\nuciok\n")
            case ["isready"]:
                send("readyok\n")
            case ["setoption", "name", name, "value", value]:
                settings[name] = value
            case ["position", *words]:
                is_960 = settings["UCI_Chess960"] == "true"
                board = board_of(words, settings["UCI_Variant"], chess960=is_960)
            case ["go", *words]:
                send(f"bestmove {player.search(board, limits_of(words))}\n")
            case ["quit"]:
                return
            case _:
                pass


def explain(err: BaseException, module: str, name: str) -> str:
    """What is wrong with the class, in a sentence."""
    if isinstance(err, ModuleNotFoundError) and f"{module}.".startswith(f"{err.name}."):
        return f"engine.path is {module}:{name}, but {Path.cwd()} has no module {err.name}"
    if isinstance(err, AttributeError) and err.obj is sys.modules.get(module):
        return f"engine.path is {module}:{name}, but {module} has no class {name}"
    return f"engine.path: {module}.{name} raised {type(err).__name__}: {str(err)[:200]}"


def main(path: str, *arguments: str) -> None:
    """Serves the class `path` on stdin and stdout, which the class itself does not see."""
    stdin, stdout = os.fdopen(os.dup(0)), os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 -- a text
    module, _, name = path.partition(":")
    try:
        serve(getattr(import_module(module), name)(*arguments), stdin, stdout.write)
    except (Exception, SystemExit) as err:  # noqa: BLE001 -- of the user's class
        sys.exit(OURS + explain(err, module, name))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the host, which then sends quit
    main(*sys.argv[1:])
