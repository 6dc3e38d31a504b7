"""One search as a command for python-chess's `UciProtocol`: a lean form of its `play`.

`play` builds a class for each call and handles options and pondering, which our searches do not
use. That takes a tenth of the time from Lichess's line to our move.
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

_PARSED_INFO = INFO_BASIC | INFO_SCORE
_NO_MOVE = frozenset({"(none)", "NULL"})


class SearchCommand(BaseCommand[PlayResult]):
    """Starts a search; the result is the move and the last score.

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
            info = _parse_uci_info(self._info, self._protocol.board, _PARSED_INFO)
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
