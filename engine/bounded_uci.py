"""python-chess's `UciProtocol` with bounds on an engine's output and time.

python-chess handles every line of output, at a cost quadratic in the lines of a chunk. Here one
regular expression picks the few useful lines of a chunk, only those reach python-chess, and an
engine that floods is killed. So no engine can block the event loop.

A `Deadline` ends a search from outside: `stop`, a grace period, then a kill. It costs one timer.
"""

import re
from asyncio import BaseTransport, SubprocessTransport
from contextlib import suppress
from datetime import timedelta
from typing import Any, cast

import chess
import chess.engine
import psutil
from chess.engine import (
    INFO_BASIC,
    INFO_SCORE,
    BaseCommand,
    ConfigValue,
    Limit,
    PlayResult,
    UciProtocol,
    _parse_uci_info,
)
from typing_extensions import override

from engine import errors
from engine.errors import EngineDied, EngineError

MAX_LINE_BYTES = 4096
"""Longer lines are cut."""
MAX_LINES = 512
"""More useful lines in one chunk are a flood; engines have 20 to 150 options."""
FLOOD_BYTES_PER_S = 4 * 1024 * 1024
"""Verbose engines write some 10 kB a second."""

_TAIL_BYTES = 512
_START = chess.Board()
_USUAL_CHESS: tuple[tuple[str, ConfigValue], ...] = (
    ("UCI_Variant", "chess"),
    ("UCI_Chess960", False),
)
_NO_MOVE = frozenset({"(none)", "NULL"})
_USEFUL_LINE = re.compile(
    rb"^[ \t]*(?:info|bestmove|readyok|uciok|id|option)\b[^\r\n]{0,%d}" % MAX_LINE_BYTES,
    re.MULTILINE,
)


def useful_lines(block: bytes) -> list[bytes]:
    """The useful UCI lines of `block`, in order.

    Of consecutive `info` lines only the last one with a score is kept, without its variation.
    """
    kept: list[bytes] = []
    scored: bytes | None = None
    for line in _USEFUL_LINE.findall(block):
        if line.lstrip().startswith(b"info"):
            scored = _without_variation(line) if b" score " in line else scored
            continue
        if scored is not None:
            kept.append(scored)
            scored = None
        kept.append(line)
    return kept if scored is None else [*kept, scored]


def _without_variation(info: bytes) -> bytes:
    head, _, _ = info.partition(b" pv ")
    return head if b" score " in head else info


class BoundedUci(UciProtocol):
    """A UCI conversation with an engine that may write anything, at any rate.

    Attributes:
        failure: why we killed the process; None when we did not.
        process_tree: the process and its descendants; no descendant outlives the process.
    """

    def __init__(self) -> None:
        super().__init__()
        self.failure: EngineError | None = None
        self.process_tree = ProcessTree()
        self._unfinished = b""
        self._stdout_tail = b""
        self._stderr_tail = b""
        self._window_start_s = 0.0
        self._window_bytes = 0

    @override
    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.process_tree.add_root(cast("SubprocessTransport", transport).get_pid())

    @override
    def process_exited(self) -> None:
        super().process_exited()
        self.process_tree.refresh()
        self.process_tree.kill()  # a descendant would hold the pipes open and hide the end

    @override
    def send_line(self, line: str) -> None:
        with suppress(RuntimeError):  # from uvloop, after the engine ended: reported elsewhere
            super().send_line(line)

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        """Handles output: forwards complete lines of stdout, keeps the tail of stderr."""
        chunk = data if isinstance(data, bytes) else data.encode()
        if self.failure is not None or self._is_flood(len(chunk)):
            return
        if fd != 1:
            self._stderr_tail = (self._stderr_tail + chunk)[-_TAIL_BYTES:]
            return
        self._stdout_tail = (self._stdout_tail + chunk)[-_TAIL_BYTES:]
        pending = self._unfinished + chunk
        end = pending.rfind(b"\n") + 1
        self._unfinished = pending[end : end + MAX_LINE_BYTES]
        self._forward(useful_lines(pending[:end]))

    def _forward(self, lines: list[bytes]) -> None:
        if len(lines) > MAX_LINES:
            self._terminate_flood()
            return
        for line in lines:
            super().pipe_data_received(1, line + b"\n")

    def begin_search(self, board: chess.Board, limit: Limit) -> None:
        """Sends `position` and `go`."""
        self._position(board)
        self._go(limit)

    @override
    def _position(self, board: chess.Board) -> None:
        """Sends `position`; takes a third of python-chess's time in standard chess.

        python-chess writes the FEN of the game's start for each search, to compare it.
        """
        moves = " ".join([move.uci() for move in board.move_stack])
        is_usual = type(board) is chess.Board and not board.chess960 and board.root() == _START
        if not is_usual or not moves or "0000" in moves:
            super()._position(board)
            return
        for name, value in _USUAL_CHESS:
            if name in self.options:
                self._setoption(name, value)
        self.send_line(f"position startpos moves {moves}")
        self.board = board.copy(stack=False)

    def _is_flood(self, size: int) -> bool:
        now_s = self.loop.time()
        if now_s - self._window_start_s > 1:
            self._window_start_s, self._window_bytes = now_s, 0
        self._window_bytes += size
        if self._window_bytes <= FLOOD_BYTES_PER_S:
            return False
        self._terminate_flood()
        return True

    def _terminate_flood(self) -> None:
        self.terminate(EngineDied("the engine flooded us with output, and was killed"))

    def terminate(self, failure: EngineError) -> None:
        """Kills the process now; pending searches raise `failure`. The first failure stays."""
        self.failure = self.failure or failure
        if self.transport is not None:
            self.process_tree.refresh()
            with suppress(ProcessLookupError):
                self.transport.close()  # kills the process that we started
            self.process_tree.kill()

    def last_output(self) -> str:
        """The last line on stderr, else on stdout; empty when the engine wrote nothing."""
        for tail in (self._stderr_tail, self._stdout_tail):
            lines = tail.decode(errors="replace").split("\n")
            spoken = [line.strip() for line in lines if line.strip()]
            if spoken:
                return "".join(char for char in spoken[-1] if char.isprintable())[:200]
        return ""


class SearchCommand(BaseCommand[PlayResult]):
    """Starts a search; the result is the move and the last score.

    A lean form of python-chess's `play`, which builds a class for each call and handles options and
    pondering. That overhead takes a tenth of the time from Lichess's line to our move.

    Args:
        protocol: a conversation that has set the options and started the game.
        board: the position with the moves before it.
        limit: the limits for `go`.
    """

    def __init__(self, protocol: BoundedUci, board: chess.Board, limit: Limit) -> None:
        super().__init__(protocol)
        self._protocol = protocol
        self._board = board
        self._limit = limit
        self._info = ""

    @override
    def start(self) -> None:
        self._protocol.begin_search(self._board, self._limit)

    @override
    def line_received(self, line: str) -> None:
        word, _, rest = line.strip().partition(" ")
        if word == "info":
            self._info = rest
        elif word == "bestmove":
            self._finish(rest)

    def _finish(self, words: str) -> None:
        if not self.result.cancelled():
            info = _parse_uci_info(self._info, self._protocol.board, INFO_BASIC | INFO_SCORE)
            self.result.set_result(PlayResult(self._move(words), None, info))
        self.set_finished()

    def _move(self, words: str) -> chess.Move | None:
        first = words.split(maxsplit=1)[:1]
        if not first or first[0] in _NO_MOVE:
            return None
        try:
            return self._protocol.board.parse_uci(first[0].lower())
        except ValueError as err:
            raise chess.engine.EngineError(err) from err

    @override
    def cancel(self) -> None:
        self._protocol.send_line("stop")


class Deadline:
    """Enforces the time of a search, from its creation until `cancel`.

    Args:
        protocol: the conversation in which a search is about to start.
        label: the engine's name in error messages.
        after: the time until `stop` is sent.
        grace: from `stop` until the process is killed.
    """

    def __init__(
        self, protocol: BoundedUci, label: str, after: timedelta, grace: timedelta
    ) -> None:
        self._protocol = protocol
        self._label = label
        self._after = after
        self._grace = grace
        self._timer = protocol.loop.call_later(after.total_seconds(), self._stop)

    def cancel(self) -> None:
        """Stops the timer: the search is over."""
        self._timer.cancel()

    def abandon(self) -> None:
        """Kills the engine unless it stops in time; python-chess sends `stop` to it."""
        self._protocol.loop.call_later(
            self._grace.total_seconds(), self._terminate_if_running, self._protocol.command
        )

    def _stop(self) -> None:
        self._timer = self._protocol.loop.call_later(self._grace.total_seconds(), self._terminate)
        self._protocol.send_line("stop")

    def _terminate(self) -> None:
        self._protocol.terminate(errors.hung(self._label, self._after, self._grace))

    def _terminate_if_running(self, command: BaseCommand[Any] | None) -> None:
        if command is not None and self._protocol.command is command:
            self._terminate()


class ProcessTree:
    """A process and the descendants found while their parents lived, killed together.

    An engine may be a shell script that starts the real engine as its child; killing only the
    script would leave the child running. Start times tell reused pids apart: other processes are
    left alone.
    """

    def __init__(self) -> None:
        self._processes: dict[psutil.Process, None] = {}  # parents before their children

    def add_root(self, pid: int) -> None:
        """Adds the process itself; a process that has ended is ignored."""
        with suppress(psutil.Error):
            self._processes[psutil.Process(pid)] = None

    def refresh(self) -> None:
        """Adds the descendants that exist now.

        Scans the process table for each live process of the tree: about 25 µs for each process of
        the machine.
        """
        for member in tuple(self._processes):
            with suppress(psutil.Error):
                if member.is_running():
                    self._processes.update(dict.fromkeys(member.children(recursive=True)))

    def kill(self) -> None:
        """Kills all processes, parents first, so that no parent starts another; does not reap."""
        for member in self._processes:
            with suppress(psutil.Error):
                member.kill()
