"""One search as a command to python-chess's `UciProtocol`: what its `play` does, without the rest.

`play` builds a class for each call and looks at options and pondering that no search of ours
changes: a tenth of the whole time from Lichess's line to our move.
"""

import chess
from chess.engine import (
    INFO_BASIC,
    INFO_SCORE,
    BaseCommand,
    EngineError,
    Limit,
    PlayResult,
    _parse_uci_info,
)
from typing_extensions import override

from engine.bounded_uci import BoundedUci

__all__ = ["SearchCommand"]

_WANTED_INFO = INFO_BASIC | INFO_SCORE
_NO_MOVE = frozenset({"(none)", "NULL"})


class SearchCommand(BaseCommand[PlayResult]):
    """Tells an engine that is ready to search; its result is the move and the last score.

    Args:
        protocol: the conversation; its options were set and it knows of the game.
        board: the position with the moves before it.
        limit: what the engine is told of the clocks.
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
            info = _parse_uci_info(self._info, self._protocol.board, _WANTED_INFO)
            self.result.set_result(PlayResult(self._move(words), None, info))
        self.set_finished()

    def _move(self, words: str) -> chess.Move | None:
        first = words.split(maxsplit=1)[:1]
        if not first or first[0] in _NO_MOVE:
            return None
        try:
            return self._protocol.board.parse_uci(first[0].lower())
        except ValueError as err:
            raise EngineError(err) from err

    @override
    def cancel(self) -> None:
        self._protocol.send_line("stop")
