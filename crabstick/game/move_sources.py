"""Where a move may come from before the engine: Polyglot books, tablebases, servers.

An actor opens the files once. Reading them may wait for a disk, so `find` asks in a thread, and
only about a position that the files may know. The readers are imported where there are files: that
of Gaviota takes 9 MB.
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, Literal, Self, TypeAlias

import chess

from crabstick.rules.cluster_view import DEFAULT_ENGINE
from crabstick.settings import Settings
from engine.interface import SearchResult

if TYPE_CHECKING:
    from chess.gaviota import PythonTablebase, Request
    from chess.polyglot import MemoryMappedReader
    from chess.syzygy import Tablebase

    from crabstick.game.online_sources import OnlineSources

    Tables: TypeAlias = Tablebase | PythonTablebase

Kind: TypeAlias = Literal["syzygy", "gaviota"]
TABLEBASE_WIN: Final = 20_000
"""The score of a won position, in centipawns; as Stockfish has it."""
LOOK_UP_SHARE: Final = 0.05
"""The share of our clock that files may take for a move, and servers also."""
_OPEN_TABLES: Final = 32
"""An actor that has opened many files is taken for one that leaks them."""
_FIFTY_MOVES: Final = 100
_CHOICES: Final = {"best": "find", "weighted": "weighted_choice", "uniform": "choice"}
_DISTANCES: Final[dict[Kind, str]] = {"syzygy": "probe_dtz", "gaviota": "probe_dtm"}
"""The methods of python-chess's readers. Tables are asked in this order."""
_MAGIC: Final = {
    ("syzygy", ".rtbw"): (0, chess.Board.tbw_magic),
    ("syzygy", ".rtbz"): (0, chess.Board.tbz_magic),
    ("gaviota", ".gtb.cp4"): (8, b"\0\x40\0\0"),
}
"""The tables of a kind, and where and how they begin; Gaviota's with the size of a block."""


@dataclass(frozen=True, slots=True)
class Found:
    """A move; with `root_moves`, the engine is to choose one of these, which have its result."""

    result: SearchResult
    root_moves: tuple[chess.Move, ...] = ()


@dataclass(frozen=True, slots=True)
class MoveSources:
    """The files and servers of an actor; `problems` are sentences about unusable files.

    `may_restrict`: the actor's engine can be told to choose among some moves.
    """

    settings: Settings
    books: "dict[str, list[MemoryMappedReader]]"
    tables: "dict[Kind, Tables]"
    problems: list[str]
    may_restrict: bool
    online: "OnlineSources | None"

    @classmethod
    def open(cls, settings: Settings, engine: str = DEFAULT_ENGINE, bot: str = "") -> Self | None:
        """Opens what the settings name, for an actor with that engine; None without any.

        Raises:
            ConfigError: there is no token. Without a `bot`, servers and so the token do not matter.
        """
        files, online = settings.books.files, None
        named = [(f"books.files.{name}", path) for name in files for path in files[name]]
        for kind in _DISTANCES:
            named += [(f"{kind}.paths", path) for path in getattr(settings, kind).paths]
        if bot and settings.online.sources:
            from crabstick.game.online_sources import OnlineSources  # noqa: PLC0415 -- for few

            online = OnlineSources(settings, bot)
        if not named and online is None:
            return None
        may_restrict = settings.engine_of(engine).kind in {"bundled", "uci"}
        opened = cls(settings, {}, {}, [], may_restrict, online)
        for key, path in named:
            try:
                opened._add(key, path)
            except OSError as error:
                opened.problems.append(f"{key} {path}: {error.strerror or error}")
        return opened

    def _add(self, key: str, path: Path) -> None:
        if key.startswith("books."):
            self.books.setdefault(key.rpartition(".")[2], []).append(_open_book(path))
            return
        kind: Kind = "syzygy" if key == "syzygy.paths" else "gaviota"
        _require_tables(kind, path)
        if kind not in self.tables:
            self.tables[kind] = _new_tables(kind)
        self.tables[kind].add_directory(str(path))

    async def find(self, variant: str, board: chess.Board, within: timedelta) -> Found | None:
        """A legal move that the files know.

        Raises:
            TimeoutError: it takes too long; the thread that is busy has a board of its own.
            Exception: a file is damaged.
        """
        is_opening = len(board.move_stack) < self.settings.books.max_ply
        books = self.books.get(variant, []) if is_opening else []
        pieces = chess.popcount(board.occupied) if type(board) is chess.Board else 64
        kinds = [kind for kind in self.tables if pieces <= getattr(self.settings, kind).max_pieces]
        if not books and not kinds:
            return None
        own = board.copy(stack=False)
        async with asyncio.timeout(within.total_seconds()):
            found = await asyncio.to_thread(self._read, books, kinds, own)
        return found if found is not None and found.result.move in board.legal_moves else None

    def _read(
        self, books: "list[MemoryMappedReader]", kinds: list[Kind], board: chess.Board
    ) -> Found | None:
        """The first book, and then the first kind of tables, that knows the position decides."""
        for book in books:
            with suppress(IndexError):
                move = getattr(book, _CHOICES[self.settings.books.selection])(board).move
                return Found(SearchResult(move=move, source="book"))
        for kind in kinds:
            with suppress(KeyError):  # a table is missing
                return self._best(kind, board)
        return None

    def _best(self, kind: Kind, board: chess.Board) -> Found:
        ranked = [(_rank(kind, self.tables[kind], board, move), move) for move in board.legal_moves]
        (outcome, _), move = max(ranked, key=lambda each: each[0])
        is_sure = kind == "syzygy" or abs(outcome) != 1  # Gaviota knows no fifty-move rule
        score = TABLEBASE_WIN * ((outcome > 1) - (outcome < -1)) if is_sure else None
        equal = tuple(each for (result, _), each in ranked if result == outcome)
        is_chosen = getattr(self.settings, kind).instant_play or not self.may_restrict
        result = SearchResult(move=move, centipawns=score, source=kind)
        return Found(result, () if is_chosen or len(equal) == 1 else equal)


def _rank(kind: Kind, tables: "Tables", board: chess.Board, move: chess.Move) -> tuple[int, int]:
    """The result of a move, from 2 (we win) to -2, and its worth among moves with that result.

    A win that the fifty-move rule makes or may make a draw is 1, such a loss -1. We win with the
    fewest plies to mate (Gaviota) or to the next capture or pawn move (Syzygy), which makes
    progress certain, and lose with the most.
    """
    board.push(move)
    try:
        if board.is_checkmate():
            return 2, 0
        result = -tables.probe_wdl(board) * (1 if kind == "syzygy" else 2)
        distance = abs(getattr(tables, _DISTANCES[kind])(board))
        if abs(result) > 1 and board.halfmove_clock + distance > _FIFTY_MOVES:
            result //= 2
        effort = distance + 1 if board.halfmove_clock or kind == "gaviota" else 1
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


def _require_tables(kind: Kind, folder: Path) -> None:
    missing = {suffix for one, suffix in _MAGIC if one == kind}
    for path in folder.iterdir():
        suffix = "".join(path.suffixes)
        start, magic = _MAGIC.get((kind, suffix), (0, b""))
        if magic:
            with path.open("rb") as file:
                if file.read(start + len(magic))[start:] != magic:
                    raise OSError(f"{path.name} is no {kind.capitalize()} table")
        missing.discard(suffix)
    if missing:
        raise OSError(f"it has no {kind.capitalize()} tables {' and '.join(sorted(missing))}")


def _new_tables(kind: Kind) -> "Tables":
    if kind == "syzygy":
        from chess.syzygy import Tablebase  # noqa: PLC0415 -- see above

        return Tablebase(max_fds=_OPEN_TABLES)
    from chess.gaviota import PythonTablebase  # noqa: PLC0415 -- see above

    class ReadOnlyTablebase(PythonTablebase):
        def _open_tablebase(self, req: "Request") -> BinaryIO:
            """As in python-chess, which opens the tables for writing."""
            if req.egkey not in self.streams:
                path = Path(self.available_tables[req.egkey])
                stream = self.streams[req.egkey] = path.open("rb")
                self.egtb_loadindexes(req.egkey, stream)
            return self.streams[req.egkey]

    return ReadOnlyTablebase()
