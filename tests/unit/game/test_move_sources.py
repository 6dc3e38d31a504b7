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

from crabstick.game.move_sources import TABLEBASE_WIN, Found, MoveSources
from crabstick.settings import Settings
from engine.interface import SearchResult
from tests.builders import seconds

TABLES = Path(__file__).parent / "syzygy"
GAVIOTA = Path(__file__).parent / "gaviota"
"""KQvK from Debian's gaviotatb (MIT licence, Miguel A. Ballicora)."""
WON = chess.Board("8/8/8/3k4/8/8/8/KQ6 w - - 0 1")
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


def with_tables(kind: str = "syzygy", **changes: Any) -> MoveSources:
    folder = {"syzygy": TABLES, "gaviota": GAVIOTA}[kind]
    return opened(**{kind: {"paths": [folder], **changes}})


async def look_up(
    sources: MoveSources, board: chess.Board = START, variant: str = "standard"
) -> Found | None:
    return await sources.find(variant, board, seconds(1))


async def ask(
    sources: MoveSources, board: chess.Board = START, variant: str = "standard"
) -> SearchResult | None:
    found = await look_up(sources, board, variant)
    return found.result if found is not None else None


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


@pytest.mark.parametrize("kind", ["syzygy", "gaviota"])
async def test_a_won_ending_is_won_with_the_tables(kind: str) -> None:
    """The defender plays the first move, and the side to move never lets the win slip."""
    sources, board = with_tables(kind), WON.copy()
    for _ in range(12):
        found = await ask(sources, board)
        assert found is not None
        assert (found.source, found.centipawns) == (kind, TABLEBASE_WIN)
        board.push(found.move)
        if board.is_checkmate():
            return
        board.push(next(iter(board.legal_moves)))
    raise AssertionError(f"no mate: {board.fen()}")


async def test_gaviota_wins_with_the_fewest_moves() -> None:
    sources, board = with_tables("gaviota"), chess.Board("7k/8/5K2/8/8/8/8/Q7 w - - 0 1")
    found = await ask(sources, board)
    assert found is not None
    board.push(found.move)
    assert not board.is_checkmate()
    board.push(next(iter(board.legal_moves)))
    mate = await ask(sources, board)
    assert mate is not None
    board.push(mate.move)
    assert board.is_checkmate()


@pytest.mark.parametrize(
    ("kind", "fen", "score"),
    [
        ("syzygy", "8/8/8/3k4/8/8/8/KQ6 b - - 0 1", -TABLEBASE_WIN),
        ("gaviota", "8/8/8/3k4/8/8/8/KQ6 b - - 0 1", -TABLEBASE_WIN),
        ("syzygy", "8/8/8/8/8/2k5/1Q6/7K b - - 0 1", 0),
        ("gaviota", "8/8/8/8/8/2k5/1Q6/7K b - - 0 1", 0),
        ("syzygy", "8/8/8/3k4/8/8/8/KQ6 w - - 97 80", 0),
        ("gaviota", "8/8/8/3k4/8/8/8/KQ6 w - - 97 80", None),
    ],
    ids=lambda value: str(value).partition(" ")[0],
)
async def test_a_position_has_the_score_that_the_tables_are_sure_of(
    kind: str, fen: str, score: int | None
) -> None:
    found = await ask(with_tables(kind), chess.Board(fen))
    assert found is not None
    assert found.centipawns == score


async def test_syzygy_is_asked_before_gaviota() -> None:
    sections = {"syzygy": {"paths": [TABLES]}, "gaviota": {"paths": [GAVIOTA]}}
    found = await ask(opened(**sections), WON)
    assert found is not None
    assert found.source == "syzygy"


async def test_gaviota_tables_are_opened_for_reading_and_stay_open() -> None:
    sources = with_tables("gaviota")
    await ask(sources, WON)
    streams = [*sources.tables["gaviota"].streams.values()]  # type: ignore[union-attr]
    assert [(stream.writable(), stream.closed) for stream in streams] == [(False, False)]


@pytest.mark.parametrize("kind", ["syzygy", "gaviota"])
async def test_the_engine_may_choose_among_the_moves_with_the_best_result(kind: str) -> None:
    found = await look_up(with_tables(kind, instant_play=False), WON)
    assert found is not None
    assert found.result.move in found.root_moves
    left_out = [move.uci() for move in WON.legal_moves if move not in found.root_moves]
    assert left_out == ["b1e4"]  # loses the queen


async def test_a_single_best_move_needs_no_engine() -> None:
    board = chess.Board("8/8/8/8/8/2k5/1Q6/7K b - - 0 1")
    assert (await look_up(with_tables(instant_play=False), board)) == Found(
        SearchResult(move=chess.Move.from_uci("c3b2"), centipawns=0, source="syzygy")
    )


@pytest.mark.parametrize(
    ("engine", "may_choose"),
    [
        ({}, True),
        ({"kind": "uci", "path": "/e"}, True),
        ({"kind": "xboard", "path": "/e"}, False),
        ({"kind": "homemade", "path": "m:C"}, False),
    ],
    ids=["bundled", "uci", "xboard", "homemade"],
)
async def test_an_engine_that_cannot_be_restricted_does_not_choose(
    engine: dict[str, str],
    may_choose: bool,  # noqa: FBT001 -- a parameter of the test
) -> None:
    section = {"paths": [TABLES], "instant_play": False}
    settings = Settings.model_validate({"syzygy": section, "engines": {"blitz": engine}})
    sources = MoveSources.open(settings, "blitz")
    assert sources is not None
    found = await look_up(sources, WON)
    assert found is not None
    assert bool(found.root_moves) == may_choose


@pytest.mark.parametrize("kind", ["syzygy", "gaviota"])
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
async def test_a_position_without_tables_is_left_to_the_engine(
    board: chess.Board, kind: str
) -> None:
    assert await ask(with_tables(kind), board) is None


def test_each_file_that_cannot_be_used_is_named_with_its_key(tmp_path: Path) -> None:
    text = tmp_path / "text.bin"
    text.write_text("this is no book, but has a length of 48 bytes...")
    (odd := tmp_path / "odd.bin").write_bytes(b"x" * 17)
    (empty := tmp_path / "empty").mkdir()
    (half := tmp_path / "half").mkdir()
    shutil.copy(TABLES / "KQvK.rtbw", half)
    (wrong := tmp_path / "wrong").mkdir()
    (wrong / "KQvK.rtbw").write_text("no table")
    (wrong / "kqk.gtb.cp4").write_text("no table either")
    missing = tmp_path / "missing"
    found = opened(
        {"atomic": [text, odd, missing, empty]},
        syzygy={"paths": [wrong, half, empty, missing]},
        gaviota={"paths": [wrong, empty, TABLES, missing]},
    )
    begins = [f"books.files.atomic {path}: " for path in (text, odd, missing, empty)]
    begins += [f"syzygy.paths {path}: " for path in (wrong, half, empty, missing)]
    begins += [f"gaviota.paths {path}: " for path in (wrong, empty, TABLES, missing)]
    assert len(found.problems) == len(begins)
    for problem, begin in zip(found.problems, begins, strict=True):
        assert problem.startswith(begin)
    ends = [problem.rpartition(": ")[2] for problem in found.problems]
    assert ends[:2] == ["it is no Polyglot book"] * 2
    assert ends[4:6] == ["KQvK.rtbw is no Syzygy table", "it has no Syzygy tables .rtbz"]
    assert ends[8:10] == [
        "kqk.gtb.cp4 is no Gaviota table",
        "it has no Gaviota tables .gtb.cp4",
    ]
