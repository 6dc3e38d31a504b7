"""Moves from books and tablebases, and files that cannot be used."""

import shutil
import struct
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import chess
import chess.polyglot
import chess.variant
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.game.move_sources import TABLEBASE_WIN, MoveSources
from crabstick.settings import Settings
from engine.interface import SearchResult
from tests.builders import seconds

TABLES = Path(__file__).parent / "syzygy"
START = chess.Board()
Entries = Iterable[tuple[chess.Board, str, int]]


def a_book(path: Path, entries: Entries) -> Path:
    """Writes a Polyglot book: 16 bytes an entry, sorted by the position."""
    rows = []
    for board, uci, weight in entries:
        move = chess.Move.from_uci(uci)
        promotion = (move.promotion or 1) - 1
        raw = move.to_square | move.from_square << 6 | promotion << 12
        rows.append(struct.pack(">QHHI", chess.polyglot.zobrist_hash(board), raw, weight, 0))
    path.write_bytes(b"".join(sorted(rows)))
    return path


def opened(files: dict[str, list[Path]] | None = None, **sections: Any) -> MoveSources:
    books = {"files": files or {}, **sections.pop("books", {})}
    found = MoveSources.open(Settings.model_validate({"books": books, **sections}))
    assert found is not None
    return found


def with_tables(folder: Path = TABLES) -> MoveSources:
    return opened(syzygy={"paths": [folder]})


async def ask(
    sources: MoveSources, board: chess.Board = START, variant: str = "standard"
) -> SearchResult | None:
    return await sources.find(variant, board, seconds(1))


def test_without_files_there_are_no_sources() -> None:
    assert MoveSources.open(Settings()) is None


@pytest.mark.parametrize(
    ("selection", "moves"), [("best", {"d2d4"}), ("weighted", {"e2e4", "d2d4"})]
)
async def test_a_book_move_is_chosen_by_its_weight(
    tmp_path: Path, selection: str, moves: set[str]
) -> None:
    entries = [(START, "e2e4", 2), (START, "d2d4", 3), (START, "a2a3", 0)]
    book = a_book(tmp_path / "book.bin", entries)
    sources = opened({"standard": [book]}, books={"selection": selection})
    found = [await ask(sources) for _ in range(40)]
    assert {each.move.uci() for each in found if each} == moves
    assert {(each.source, each.centipawns) for each in found if each} == {("book", None)}


async def test_the_first_book_that_knows_the_position_decides(tmp_path: Path) -> None:
    other = chess.Board()
    other.push_uci("e2e4")
    first = a_book(tmp_path / "1.bin", [(other, "e7e5", 1)])
    second = a_book(tmp_path / "2.bin", [(START, "g1f3", 1), (other, "c7c5", 1)])
    sources = opened({"standard": [first, second]}, books={"selection": "uniform"})
    here, there = await ask(sources), await ask(sources, other)
    assert here is not None
    assert there is not None
    assert (here.move.uci(), there.move.uci()) == ("g1f3", "e7e5")


async def test_a_book_is_for_its_variant_and_for_the_first_plies(tmp_path: Path) -> None:
    book = a_book(tmp_path / "book.bin", [(START, "e2e4", 1)])
    sources = opened({"standard": [book]}, books={"max_ply": 4})
    assert await ask(sources, variant="chess960") is None
    late = chess.Board()
    for uci in ("g1f3", "g8f6", "f3g1", "f6g8"):
        late.push_uci(uci)
    assert await ask(sources, late) is None


@given(st.lists(st.tuples(st.integers(0, 0x7FFF), st.integers(0, 9)), min_size=1, max_size=8))
async def test_only_legal_moves_come_from_a_book(
    tmp_path_factory: pytest.TempPathFactory, raw: list[tuple[int, int]]
) -> None:
    key = chess.polyglot.zobrist_hash(START)
    path = tmp_path_factory.mktemp("law") / "book.bin"
    path.write_bytes(b"".join(struct.pack(">QHHI", key, move, weight, 0) for move, weight in raw))
    found = await ask(opened({"standard": [path]}, books={"selection": "uniform"}))
    assert found is None or found.move in START.legal_moves


async def test_a_won_ending_is_won_with_the_tables() -> None:
    """The defender moves at random, and the side to move never lets the win slip."""
    sources, board = with_tables(), chess.Board("8/8/8/3k4/8/8/8/KQ6 w - - 0 1")
    for _ in range(12):
        found = await ask(sources, board)
        assert found is not None
        assert (found.source, found.centipawns) == ("syzygy", TABLEBASE_WIN)
        board.push(found.move)
        if board.is_checkmate():
            return
        board.push(next(iter(board.legal_moves)))
    raise AssertionError(f"no mate: {board.fen()}")


async def test_a_lost_and_a_drawn_position_have_their_scores() -> None:
    lost = await ask(with_tables(), chess.Board("8/8/8/3k4/8/8/8/KQ6 b - - 0 1"))
    saved = await ask(with_tables(), chess.Board("8/8/8/8/8/8/1k6/KQ6 w - - 99 80"))
    assert lost is not None
    assert lost.centipawns == -TABLEBASE_WIN
    assert saved is None or saved.centipawns != TABLEBASE_WIN


@pytest.mark.parametrize(
    "board",
    [
        chess.Board("8/8/8/3k4/8/8/8/KR6 w - - 0 1"),
        chess.Board("4k3/8/8/8/8/8/8/4K2R w K - 0 1"),
        chess.variant.AntichessBoard("8/8/8/3k4/8/8/8/KQ6 w - - 0 1"),
        START,
    ],
    ids=["missing", "castling", "variant", "many pieces"],
)
async def test_a_position_without_tables_is_left_to_the_engine(board: chess.Board) -> None:
    assert await ask(with_tables(), board) is None


def test_each_file_that_cannot_be_used_is_named_with_its_key(tmp_path: Path) -> None:
    text = tmp_path / "text.bin"
    text.write_text("this is no book, but has a length of 48 bytes...")
    (odd := tmp_path / "odd.bin").write_bytes(b"x" * 17)
    (empty := tmp_path / "empty").mkdir()
    (half := tmp_path / "half").mkdir()
    shutil.copy(TABLES / "KQvK.rtbw", half)
    (wrong := tmp_path / "wrong").mkdir()
    (wrong / "KQvK.rtbw").write_text("no table")
    missing = tmp_path / "missing"
    found = opened(
        {"atomic": [text, odd, missing, empty]}, syzygy={"paths": [wrong, half, empty, missing]}
    )
    begins = [f"books.files.atomic {path}: " for path in (text, odd, missing, empty)]
    begins += [f"syzygy.paths {path}: " for path in (wrong, half, empty, missing)]
    assert len(found.problems) == len(begins)
    for problem, begin in zip(found.problems, begins, strict=True):
        assert problem.startswith(begin)
    ends = [problem.rpartition(": ")[2] for problem in found.problems]
    assert ends[:2] == ["it is no Polyglot book"] * 2
    assert "KQvK.rtbw is no Syzygy table" in found.problems[4]
