"""What python-chess's `UciProtocol` lacks on the wire: bounds on what an engine may write.

python-chess handles every line that an engine writes, at a cost that grows with the square of a
chunk's lines. Here a chunk is searched once for the few lines that matter, at most a few of them
are handed on, and an engine that floods is ended. So no engine can block the event loop.
"""

import re
from asyncio import BaseTransport, SubprocessTransport
from contextlib import suppress
from typing import cast

import chess
from chess.engine import ConfigValue, Limit, UciProtocol
from typing_extensions import override

from engine.errors import EngineDied, EngineError
from engine.process_tree import ProcessTree

__all__ = ["MAX_LINES", "MAX_LINE_BYTES", "BoundedUci", "useful_lines"]

MAX_LINE_BYTES = 4096
"""Longer lines are cut."""
MAX_LINES = 512
"""More useful lines in one chunk (engines have 20 to 150 options) mean a flood."""
FLOOD_BYTES_PER_S = 4 * 1024 * 1024
"""Talkative engines write some 10 kB a second."""

_TAIL_BYTES = 512
_START = chess.Board()
_USUAL_CHESS: tuple[tuple[str, ConfigValue], ...] = (
    ("UCI_Variant", "chess"),
    ("UCI_Chess960", False),
)
_USEFUL = re.compile(
    rb"^[ \t]*(?:info|bestmove|readyok|uciok|id|option)\b[^\r\n]{0,%d}" % MAX_LINE_BYTES,
    re.MULTILINE,
)


def useful_lines(block: bytes) -> list[bytes]:
    """The lines of `block` that say something, in order.

    Of the `info` lines in a row only the last one with a score is kept, without its variation.
    """
    kept: list[bytes] = []
    scored: bytes | None = None
    for line in _USEFUL.findall(block):
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
    """A UCI conversation whose other side may write anything, at any rate.

    Attributes:
        verdict: why we ended the process, when it was us.
        processes: the process with its descendants; none of them outlives it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.verdict: EngineError | None = None
        self.processes = ProcessTree()
        self._unfinished = b""
        self._heard = b""
        self._complaint = b""
        self._window_start_s = 0.0
        self._window_bytes = 0

    @override
    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.processes.adopt(cast("SubprocessTransport", transport).get_pid())

    @override
    def process_exited(self) -> None:
        super().process_exited()
        self.processes.look()
        self.processes.kill()  # who is left would hold the pipes open, and nobody hear of the end

    @override
    def send_line(self, line: str) -> None:
        with suppress(RuntimeError):  # uvloop's, when the engine has ended: which is told elsewhere
            super().send_line(line)

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        """Take what the engine wrote: a complete line counts, stderr is only remembered."""
        chunk = data if isinstance(data, bytes) else data.encode()
        if self.verdict is not None or self._is_flood(len(chunk)):
            return
        if fd != 1:
            self._complaint = (self._complaint + chunk)[-_TAIL_BYTES:]
            return
        self._heard = (self._heard + chunk)[-_TAIL_BYTES:]
        pending = self._unfinished + chunk
        end = pending.rfind(b"\n") + 1
        self._unfinished = pending[end : end + MAX_LINE_BYTES]
        self._hand_on(useful_lines(pending[:end]))

    def _hand_on(self, lines: list[bytes]) -> None:
        if len(lines) > MAX_LINES:
            self._end_flood()
            return
        for line in lines:
            super().pipe_data_received(1, line + b"\n")

    def begin_search(self, board: chess.Board, limit: Limit) -> None:
        """Tell the engine the position and to go."""
        self._position(board)
        self._go(limit)

    @override
    def _position(self, board: chess.Board) -> None:
        """As python-chess does it, for a third of the time where the game is the usual one.

        It writes the FEN of the game's start for each search, to find that it is the usual start.
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
        self._end_flood()
        return True

    def _end_flood(self) -> None:
        self.condemn(EngineDied("the engine wrote more than any engine has to say, and was ended"))

    def condemn(self, verdict: EngineError) -> None:
        """End the process now; whoever waits for it is told `verdict`. The first one stays."""
        self.verdict = self.verdict or verdict
        if self.transport is not None:
            self.processes.look()
            with suppress(ProcessLookupError):
                self.transport.close()  # which kills the process that we started
            self.processes.kill()

    def last_words(self) -> str:
        """The last line on stderr, else on stdout; empty when the engine said nothing."""
        for tail in (self._complaint, self._heard):
            lines = tail.decode(errors="replace").split("\n")
            spoken = [line.strip() for line in lines if line.strip()]
            if spoken:
                return "".join(char for char in spoken[-1] if char.isprintable())[:200]
        return ""
