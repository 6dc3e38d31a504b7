"""Where a move may come from before the engine: Polyglot books, then Syzygy tablebases.

An actor opens the files once. Reading them may wait for a disk, so `find` asks in a thread, and
only about a position that the files may know. The readers are imported where there are files: they
take 0.6 MB.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import chess

from crabstick.settings import Settings
from engine.interface import SearchResult

if TYPE_CHECKING:
    from chess.polyglot import MemoryMappedReader
    from chess.syzygy import Tablebase

TABLEBASE_WIN: Final = 20_000
"""The score of a won position, in centipawns; as Stockfish has it."""
_OPEN_TABLES: Final = 32
"""An actor that has opened many files is taken for one that leaks them."""
_FIFTY_MOVES: Final = 100
_CHOICES: Final = {"best": "find", "weighted": "weighted_choice", "uniform": "choice"}
"""The methods of python-chess's reader."""


@dataclass(frozen=True, slots=True)
class MoveSources:
    """The files of an actor; `problems` are sentences about those that cannot be used."""

    settings: Settings
    books: "dict[str, list[MemoryMappedReader]]"
    tables: "Tablebase"
    problems: list[str]

    @classmethod
    def open(cls, settings: Settings) -> Self | None:
        """Opens the files that the settings name; None when they name none."""
        files, folders = settings.books.files, settings.syzygy.paths
        if not files and not folders:
            return None
        from chess.syzygy import Tablebase  # noqa: PLC0415 -- see above

        opened = cls(settings, {name: [] for name in files}, Tablebase(max_fds=_OPEN_TABLES), [])
        named = [(f"books.files.{name}", path) for name in files for path in files[name]]
        for key, path in [*named, *(("syzygy.paths", path) for path in folders)]:
            try:
                if key == "syzygy.paths":
                    _add_tables(opened.tables, path)
                else:
                    opened.books[key.removeprefix("books.files.")].append(_open_book(path))
            except OSError as error:
                opened.problems.append(f"{key} {path}: {error.strerror or error}")
        return opened

    async def find(
        self, variant: str, board: chess.Board, within: timedelta
    ) -> SearchResult | None:
        """A legal move that the files know.

        Raises:
            TimeoutError: it takes too long; the thread that is busy has a board of its own.
            Exception: a file is damaged.
        """
        is_opening = len(board.move_stack) < self.settings.books.max_ply
        books = self.books.get(variant, []) if is_opening else []
        is_small = chess.popcount(board.occupied) <= self.settings.syzygy.max_pieces
        is_ending = is_small and type(board) is chess.Board and bool(self.tables.wdl)
        if not books and not is_ending:
            return None
        own = board.copy(stack=False)
        async with asyncio.timeout(within.total_seconds()):
            found = await asyncio.to_thread(self._read, books, own, is_ending=is_ending)
        return found if found is not None and found.move in board.legal_moves else None

    def _read(
        self, books: "list[MemoryMappedReader]", board: chess.Board, *, is_ending: bool
    ) -> SearchResult | None:
        """Of several books the first one that knows the position decides."""
        for book in books:
            with suppress(IndexError):
                move = getattr(book, _CHOICES[self.settings.books.selection])(board).move
                return SearchResult(move=move, centipawns=None, source="book")
        with suppress(KeyError):  # a table is missing
            if is_ending:
                ranked = [(_rank(self.tables, board, move), move) for move in board.legal_moves]
                (outcome, _), move = max(ranked, key=lambda each: each[0])
                score = TABLEBASE_WIN * ((outcome > 1) - (outcome < -1))
                return SearchResult(move=move, centipawns=score, source="syzygy")
        return None


def _rank(tables: "Tablebase", board: chess.Board, move: chess.Move) -> tuple[int, int]:
    """The result of a move, from 2 (we win) to -2, and its worth among moves with that result.

    A win that the fifty-move rule makes a draw is 1, such a loss -1. We win with the fewest moves
    to the next capture or pawn move, which makes progress certain, and lose with the most.
    """
    board.push(move)
    try:
        if board.is_checkmate():
            return 2, 0
        result, distance = -tables.probe_wdl(board), abs(tables.probe_dtz(board))
        if abs(result) > 1 and board.halfmove_clock + distance > _FIFTY_MOVES:
            result //= 2
        effort = distance + 1 if board.halfmove_clock else 1
    finally:
        board.pop()
    return result, -effort if result > 0 else effort


def _open_book(path: Path) -> "MemoryMappedReader":
    from chess.polyglot import ENTRY_STRUCT, MemoryMappedReader  # noqa: PLC0415 -- see above

    path.open("rb").close()  # python-chess takes a folder for an empty book
    if path.stat().st_size % ENTRY_STRUCT.size:
        raise OSError("it is no Polyglot book")
    book = MemoryMappedReader(path)
    keys = [book[index].key for index in range(0, len(book), len(book) // 100 + 1)]
    if not keys or keys != sorted(keys):
        raise OSError("it is no Polyglot book")
    return book


def _add_tables(tables: "Tablebase", folder: Path) -> None:
    for path in folder.iterdir():
        kinds = {".rtbw": chess.Board.tbw_magic, ".rtbz": chess.Board.tbz_magic}
        if path.suffix in kinds:
            with path.open("rb") as file:
                if file.read(4) != kinds[path.suffix]:
                    raise OSError(f"{path.name} is no Syzygy table")
    if not tables.add_directory(str(folder)) or not tables.wdl or not tables.dtz:
        raise OSError("it needs Syzygy tables of both kinds, .rtbw and .rtbz")
