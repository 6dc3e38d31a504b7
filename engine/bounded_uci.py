"""UCI: a `BoundedProtocol` over python-chess's `UciProtocol`, with its own start and search."""

import re

import chess
import chess.engine
from chess.engine import (
    INFO_BASIC,
    INFO_SCORE,
    BaseCommand,
    ConfigValue,
    PlayResult,
    UciProtocol,
    _parse_uci_info,
)
from typing_extensions import override

from engine.bounded_protocol import MAX_LINE_BYTES, BoundedProtocol
from engine.interface import SearchRequest

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

    Of consecutive `info` lines only the last one with a score is kept, with the first move of its
    variation.
    """
    kept: list[bytes] = []
    scored: bytes | None = None
    for line in _USEFUL_LINE.findall(block):
        if line.lstrip().startswith(b"info"):
            scored = _with_first_move(line) if b" score " in line else scored
            continue
        if scored is not None:
            kept.append(scored)
            scored = None
        kept.append(line)
    return kept if scored is None else [*kept, scored]


def _with_first_move(info: bytes) -> bytes:
    head, pv, variation = info.partition(b" pv ")
    return head + pv + variation.split(b" ", 1)[0] if b" score " in head else info


class BoundedUci(BoundedProtocol, UciProtocol):
    """A UCI conversation with an engine that may write anything, at any rate."""

    stop_command = "stop"
    _info = _last_info = ""

    @override
    def useful_lines(self, block: bytes) -> list[bytes]:
        return useful_lines(block)

    @property
    @override
    def hash_mb(self) -> int | None:
        value = self.config.get("Hash")
        return value if isinstance(value, int) else None

    @override
    async def begin_game(self) -> None:
        if self.command is not None:
            await self.ping()  # returns when the last search, pondering or cancelled, has ended
        self.send_line("ucinewgame")
        self.first_game = False  # python-chess would do this before the first search
        await self.ping()

    @override
    async def search(self, request: SearchRequest) -> PlayResult:
        board, limit = request.board, request.limit
        if request.ponder and "Ponder" in self.options:
            roots = request.root_moves or None
            played = await self.play(board, limit, ponder=True, root_moves=roots)
        else:
            played = await self.communicate(lambda protocol: SearchCommand(protocol, request))
        played.info = _parse_uci_info(self._last_info, board, INFO_BASIC | INFO_SCORE)
        return played

    @override
    def line_received(self, line: str) -> None:
        word, _, rest = line.strip().partition(" ")
        if word == "info":
            self._info = rest
            best = rest.partition(" pv ")[2].partition(" ")[0]
            self.best_so_far = best or self.best_so_far
        elif word == "bestmove":
            self._last_info, self._info = self._info, ""

    def begin_search(self, request: SearchRequest) -> None:
        """Sends `position` and `go`."""
        self._position(request.board)
        self._go(request.limit, root_moves=request.root_moves or None)

    @override
    def _position(self, board: chess.Board) -> None:
        """Sends `position`; takes a third of python-chess's time in standard chess.

        python-chess writes the FEN of the game's start for each search, to compare it.
        """
        self.best_so_far = ""
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


class SearchCommand(BaseCommand[PlayResult]):
    """Starts a search; the result is the move.

    A lean form of python-chess's `play`, which builds a class for each call and handles options and
    pondering. That overhead takes a tenth of the time from Lichess's line to our move.

    Args:
        protocol: a conversation that has set the options and started the game.
        request: the position with the moves before it, and what `go` says.
    """

    def __init__(self, protocol: BoundedUci, request: SearchRequest) -> None:
        super().__init__(protocol)
        self._protocol = protocol
        self._request = request

    @override
    def start(self) -> None:
        self._protocol.begin_search(self._request)

    @override
    def line_received(self, line: str) -> None:
        word, _, rest = line.strip().partition(" ")
        if word == "bestmove":
            if not self.result.cancelled():
                self.result.set_result(PlayResult(self._move(rest), None))
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
