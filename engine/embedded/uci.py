"""The conversation: UCI on standard input and output.

One thread does everything. While it searches, the search calls `_listen` every few milliseconds:
`stop`, `ponderhit`, `isready`, `quit` and the end of the input are answered there, everything else
waits until the search is over. Bad input never ends the process: it is skipped, with one
`info string` that says why.

Source: UCI protocol, April 2006.
"""

import io
import signal
import sys
import time
from collections import deque
from collections.abc import Callable

from engine.embedded.commands import Go, parse_go, parse_option, parse_position
from engine.embedded.fen import START, parse_fen
from engine.embedded.generate import find_move
from engine.embedded.lines import LineReader
from engine.embedded.moves import move_text
from engine.embedded.search import MATE, MATE_BOUND, MAX_DEPTH, Iteration, Limits, Searcher
from engine.embedded.timeman import Budget, budget_for, fixed_budget
from engine.embedded.tt import TranspositionTable

_NAME = "Crabstick embedded"
_HASH_MB = (8, 1, 1024)
_OVERHEAD_MS = (20, 0, 5000)
_OPTIONS = (
    "option name Hash type spin default {} min {} max {}".format(*_HASH_MB),
    "option name Move Overhead type spin default {} min {} max {}".format(*_OVERHEAD_MS),
    "option name Ponder type check default false",
    "option name UCI_Chess960 type check default false",
)


class Conversation:
    """One engine process's talk with its user interface.

    Args:
        lines: where commands come from.
        write: sends one line.
        clock_ms: reads a monotonic clock, in milliseconds.
    """

    def __init__(
        self, lines: LineReader, write: Callable[[str], None], clock_ms: Callable[[], float]
    ) -> None:
        self._lines = lines
        self._write = write
        self._searcher = Searcher(TranspositionTable(_HASH_MB[0]), clock_ms, self._listen)
        self._overhead_ms = _OVERHEAD_MS[0]
        self._chess960 = False
        self._setup: str | None = None
        self._moves: list[str] = []
        self._position = parse_fen(START)
        self._postponed: deque[str] = deque()
        self._awaited_budget: Budget | None = None
        self._must_wait = False
        self._pondering = False
        self._told_to_stop = False
        self._leaving = False
        self._commands: dict[str, Callable[[list[str]], None]] = {
            "uci": self._introduce,
            "isready": self._say_ready,
            "ucinewgame": self._start_game,
            "setoption": self._set_option,
            "position": self._set_position,
            "go": self._go,
            "quit": self._quit,
        }

    def run(self) -> None:
        """Talks until `quit` or the end of the input."""
        while not self._leaving:
            line = self._postponed.popleft() if self._postponed else self._lines.wait()
            if line is None:
                return
            self._handle(line)

    def _handle(self, line: str) -> None:
        """Carries out one command; unknown words in front of it are skipped, as UCI says."""
        words = line.split()
        for index, word in enumerate(words):
            if word in self._commands:
                try:
                    self._commands[word](words[index + 1 :])
                except ValueError as error:
                    self._write(f"info string ignored: {error}")
                return

    def _introduce(self, _: list[str]) -> None:
        """Answers `uci`."""
        for line in (f"id name {_NAME}", "id author the crabstick maintainers", *_OPTIONS, "uciok"):
            self._write(line)

    def _say_ready(self, _: list[str]) -> None:
        """Answers `isready`."""
        self._write("readyok")

    def _quit(self, _: list[str]) -> None:
        """Obeys `quit`."""
        self._leaving = True
        self._searcher.stop()

    def _start_game(self, _: list[str]) -> None:
        """Obeys `ucinewgame`."""
        self._searcher.forget()

    def _set_option(self, words: list[str]) -> None:
        """Obeys `setoption`; a name that is not ours is skipped.

        Raises:
            ValueError: the value is no number.
        """
        name, value = parse_option(words)
        if name == "hash":
            self._searcher.table = TranspositionTable(_within(_HASH_MB, value))
        elif name == "move overhead":
            self._overhead_ms = _within(_OVERHEAD_MS, value)
        elif name == "uci_chess960":
            self._chess960 = value.lower() == "true"

    def _set_position(self, words: list[str]) -> None:
        """Obeys `position`; when the game has only gone on, just the new moves are played.

        Raises:
            ValueError: the position or a move is not legal; the legal part has been played.
        """
        setup, moves = parse_position(words)
        known = len(self._moves)
        if setup != self._setup or moves[:known] != self._moves:
            self._position = parse_fen(setup or START)
            self._setup, self._moves, known = setup, [], 0
        for text in moves[known:]:
            move = find_move(self._position, text)
            if move is None:
                raise ValueError(f"{text!r} is not a legal move")
            self._position.make(move)
            self._moves.append(text)

    def _go(self, words: list[str]) -> None:
        """Obeys `go`: searches and answers `bestmove`."""
        command = parse_go(words)
        position = self._position
        budget = self._budget(command)
        waits = command.ponder or command.infinite
        self._must_wait, self._told_to_stop = waits, False
        self._pondering, self._awaited_budget = command.ponder, budget
        limits = Limits(
            depth=min(command.depth or MAX_DEPTH, MAX_DEPTH),
            nodes=command.nodes,
            budget=None if waits else budget,
            root_moves=tuple(
                move
                for text in command.search_moves
                if (move := find_move(position, text)) is not None
            ),
        )
        line = self._searcher.search(position, limits, self._report)
        while self._must_wait and not self._leaving:
            self._hear(self._lines.wait())
        if not self._leaving:
            self._answer(line)

    def _budget(self, command: Go) -> Budget | None:
        """Works out the time for a search; None: no limit."""
        if command.move_time_ms is not None:
            return fixed_budget(command.move_time_ms)
        clock = command.clocks[self._position.turn]
        return None if clock is None else budget_for(clock, self._overhead_ms)

    def _listen(self) -> None:
        """Hears what has arrived during a search."""
        for line in self._lines.arrived():
            self._hear(line)
        if self._lines.has_ended and not self._told_to_stop:
            self._quit([])

    def _hear(self, line: str | None) -> None:
        """Reacts to a line during a search (None: the input has ended).

        What comes after `stop`, be it `quit`, has its turn when the search has answered.
        """
        match line:
            case str() if self._told_to_stop:
                self._postponed.append(line)
            case None | "quit":
                self._quit([])
            case "stop":
                self._must_wait, self._told_to_stop = False, True
                self._searcher.stop()
            case "ponderhit" if self._pondering:
                self._must_wait = self._pondering = False
                if self._awaited_budget is not None:
                    self._searcher.allot(self._awaited_budget)
            case "isready":
                self._say_ready([])
            case _:
                self._postponed.append(line)

    def _report(self, found: Iteration) -> None:
        """Sends one `info` line."""
        score = f"cp {found.score}"
        if abs(found.score) >= MATE_BOUND:
            plies = MATE - abs(found.score)
            score = f"mate {(plies + 1) // 2 if found.score > 0 else -(plies // 2)}"
        speed = int(found.nodes / max(found.time_ms, 1) * 1000)
        line = " ".join(self._text(move) for move in found.line)
        self._write(
            f"info depth {found.depth} score {score} nodes {found.nodes} nps {speed}"
            f" time {int(found.time_ms)}" + (f" pv {line}" if line else "")
        )

    def _answer(self, line: tuple[int, ...]) -> None:
        """Sends `bestmove`, with the expected reply if there is one."""
        if not line:
            self._write("bestmove (none)")
            return
        reply = f" ponder {self._text(line[1])}" if len(line) > 1 else ""
        self._write(f"bestmove {self._text(line[0])}{reply}")

    def _text(self, move: int) -> str:
        """Writes a move as the user interface wants castling."""
        return move_text(move, chess960=self._chess960)


def _within(spin: tuple[int, int, int], value: str) -> int:
    """Reads a spin option's value into its bounds (default, least, most)."""
    return min(max(int(value), spin[1]), spin[2])


def _clock_ms() -> float:
    """Reads the monotonic clock."""
    return time.monotonic() * 1000


def main() -> int:
    """Talks on standard input and output until the other side leaves; returns the exit status."""
    if not sys.stdin.isatty():
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is meant for our host; we end by EOF
    with io.FileIO(sys.stdout.fileno(), "w", closefd=False) as output:

        def write(line: str) -> None:
            output.write(f"{line}\n".encode())

        try:
            Conversation(LineReader(sys.stdin.fileno()), write, _clock_ms).run()
        except (BrokenPipeError, KeyboardInterrupt):
            return 0
    return 0
