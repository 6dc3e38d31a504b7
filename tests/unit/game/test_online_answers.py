"""What online sources are asked, and what their answers mean.

The answers are cut from recorded ones: Lichess's explorer and cloud evaluations (berserk's
cassettes, 2023), lila-tablebase's README, chessdb.cn's `cdb.php`.
"""

import json
from typing import Any

import chess
import chess.variant
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.game.move_sources import TABLEBASE_WIN
from crabstick.game.online_answers import path_for, read_answer
from crabstick.rules.variants import VARIANTS, start_board
from engine.interface import OnlineSource, SearchResult

SOURCES: tuple[OnlineSource, ...] = (
    "chessdb",
    "lichess_cloud",
    "opening_explorer",
    "online_egtb",
)
START = chess.Board()
ALAPIN = chess.Board("rnbqkbnr/ppp1pppp/8/3pP3/8/8/PPPP1PPP/RNBQKBNR b KQkq - 0 2")
PAWNS = chess.Board("4k3/6KP/8/8/8/8/7p/8 w - - 0 1")
CASTLING = chess.Board("r3k2r/pppq1ppp/2npbn2/2b1p3/2B1P3/2NPBN2/PPPQ1PPP/R3K2R w KQkq - 4 8")
FISCHER = chess.Board("bqnbrk1r/pppppppp/5n2/8/8/5N2/PPPPPPPP/BQNBRK1R w HEhe - 2 2", chess960=True)

CLOUD: dict[str, Any] = {
    "fen": ALAPIN.fen(),
    "knodes": 13683,
    "depth": 22,
    "pvs": [{"moves": "c8f5 d2d4 e7e6 g1f3 g8e7", "cp": -13}, {"moves": "c7c5 c2c3", "cp": -1}],
}
EXPLORER: dict[str, Any] = {
    "white": 1667,
    "draws": 4428,
    "black": 1300,
    "moves": [
        {
            "uci": "c7c5",
            "san": "c5",
            "averageRating": 2417,
            "white": 1667,
            "draws": 4428,
            "black": 1299,
            "game": None,
        },
        {"uci": "e7e6", "san": "e6", "white": 0, "draws": 0, "black": 1},
    ],
    "topGames": [],
    "opening": {"eco": "B01", "name": "Scandinavian Defense"},
}
CHESSDB: dict[str, Any] = {
    "status": "ok",
    "moves": [
        {
            "uci": "c8f5",
            "san": "Bf5",
            "score": 25,
            "rank": 2,
            "note": "! (27-01)",
            "winrate": "51.86",
        },
        {
            "uci": "c7c5",
            "san": "c5",
            "score": 21,
            "rank": 1,
            "note": "* (20-05)",
            "winrate": "51.57",
        },
    ],
    "ply": 3,
}
TABLES: dict[str, Any] = {
    "dtz": 1,
    "precise_dtz": 1,
    "dtm": 17,
    "checkmate": False,
    "stalemate": False,
    "variant_win": False,
    "variant_loss": False,
    "insufficient_material": False,
    "category": "win",
    "moves": [
        {"uci": "h7h8q", "san": "h8=Q+", "dtz": -2, "dtm": -16, "zeroing": True, "category": "loss"}
    ],
}


def read(source: OnlineSource, answer: object, board: chess.Board = ALAPIN) -> SearchResult | None:
    return read_answer(source, json.dumps(answer).encode(), board)


@pytest.mark.parametrize(
    ("source", "answer", "board", "uci", "score"),
    [
        ("lichess_cloud", CLOUD, ALAPIN, "c8f5", 13),
        ("opening_explorer", EXPLORER, ALAPIN, "c7c5", None),
        ("chessdb", CHESSDB, ALAPIN, "c8f5", 25),
        ("online_egtb", TABLES, PAWNS, "h7h8q", TABLEBASE_WIN),
    ],
)
def test_the_first_move_is_the_best_and_has_a_score_from_our_side(
    source: OnlineSource, answer: object, board: chess.Board, uci: str, score: int | None
) -> None:
    found = read(source, answer, board)
    assert found == SearchResult(
        move=chess.Move.from_uci(uci), centipawns=score, mate_in=None, source=source
    )


@pytest.mark.parametrize(("board", "mate"), [(START, 5), (ALAPIN, -5)], ids=["white", "black"])
def test_a_mate_of_the_cloud_is_counted_from_our_side(board: chess.Board, mate: int) -> None:
    line = {"moves": next(iter(board.legal_moves)).uci(), "mate": 5}
    found = read("lichess_cloud", {"depth": 40, "pvs": [line]}, board)
    assert found is not None
    assert (found.mate_in, found.centipawns) == (mate, None)


@pytest.mark.parametrize(
    ("category", "score"),
    [
        ("loss", -TABLEBASE_WIN),
        ("draw", 0),
        ("cursed-win", None),
        ("maybe-win", None),
    ],
)
def test_a_category_of_the_tables_is_a_score(category: str, score: int | None) -> None:
    found = read("online_egtb", {**TABLES, "category": category}, PAWNS)
    assert found is not None
    assert found.centipawns == score


@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("lichess_cloud", {**CLOUD, "depth": 19}),
        ("lichess_cloud", {**CLOUD, "pvs": []}),
        ("opening_explorer", {**EXPLORER, "moves": EXPLORER["moves"][1:]}),
        ("opening_explorer", {"white": 0, "draws": 0, "black": 0, "moves": []}),
        ("chessdb", {"status": "unknown"}),
        ("chessdb", {"status": "invalid board"}),
        ("chessdb", {"status": "rate limit exceeded"}),
        ("online_egtb", {**TABLES, "category": "unknown"}),
        ("online_egtb", {**TABLES, "moves": []}),
    ],
)
def test_a_position_that_is_not_known_well_has_no_move(
    source: OnlineSource, answer: object
) -> None:
    assert read(source, answer) is None


@pytest.mark.parametrize("uci", ["e1g1", "e1h1"])
@pytest.mark.parametrize("source", ["chessdb", "opening_explorer", "lichess_cloud"])
def test_castling_may_be_written_in_both_ways(source: OnlineSource, uci: str) -> None:
    entry = {"uci": uci, "moves": f"{uci} e8h8", "score": 1}
    found = read(source, {"moves": [entry], "pvs": [entry]}, CASTLING)
    assert found is not None
    assert found.move == chess.Move.from_uci("e1g1")
    assert CASTLING.is_castling(found.move)


def test_castling_in_chess960_is_the_king_onto_its_rook() -> None:
    found = read("lichess_cloud", {"pvs": [{"moves": "f1h1 a7a6", "cp": 20}]}, FISCHER)
    assert found is not None
    assert FISCHER.is_kingside_castling(found.move)


@pytest.mark.parametrize("uci", ["e7e4", "e1e2", "0000", "", "e7e5q", "Nf6", "🙂"])
@pytest.mark.parametrize("source", SOURCES)
def test_only_legal_moves_are_taken(source: OnlineSource, uci: str) -> None:
    entry = {"uci": uci, "moves": uci, "score": 1}
    with pytest.raises(ValueError):  # noqa: PT011 -- python-chess's words, or ours
        read(source, {"moves": [entry], "pvs": [entry], "category": "win"})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!DOCTYPE html><title>Too busy</title>",
        b"null",
        b"[]",
        b'{"moves": 3}',
        b'{"pvs": [{"moves": 4}]}',
        b'{"moves": [{"uci": "e7e6", "score": "??"}]}',
        b'{"moves": [null]}',
        b"\xff\xfe",
        b"{" * 9000,
    ],
)
@pytest.mark.parametrize("source", SOURCES)
def test_another_answer_is_a_failure(source: OnlineSource, body: bytes) -> None:
    with pytest.raises(ValueError, match="the answer is not understood"):
        read_answer(source, body, START)


@given(st.binary(max_size=60), st.sampled_from(SOURCES))
def test_any_answer_is_a_legal_move_or_none_or_a_failure(body: bytes, source: OnlineSource) -> None:
    try:
        found = read_answer(source, body, START)
    except ValueError:
        return
    assert found is None or found.move in START.legal_moves


# Requests.


def asked(source: OnlineSource, board: chess.Board, variant: str = "standard") -> str | None:
    return path_for(source, variant, board)


def test_each_source_is_asked_in_its_own_way() -> None:
    fen = "4k3/6KP/8/8/8/8/7p/8%20w%20-%20-%200%201"
    assert [asked(source, PAWNS) for source in SOURCES] == [
        f"/cdb.php?action=queryall&json=1&board={fen}",
        f"/api/cloud-eval?variant=standard&fen={fen}",
        f"/masters?topGames=0&recentGames=0&fen={fen}",
        f"/standard?fen={fen}",
    ]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_variant_is_only_asked_of_those_that_know_it(variant: str) -> None:
    board = start_board(variant)
    explorer, cloud = (
        asked("opening_explorer", board, variant),
        asked("lichess_cloud", board, variant),
    )
    assert explorer is not None
    assert cloud is not None
    assert explorer.startswith(
        "/masters?" if variant == "standard" else f"/lichess?variant={variant}&"
    )
    assert f"variant={variant}&" in cloud
    has_usual_rules = variant in {"standard", "fromPosition"}
    assert (asked("chessdb", board, variant) is not None) == has_usual_rules
    assert asked("online_egtb", board, variant) is None


@pytest.mark.parametrize(
    ("board", "path"),
    [
        (chess.Board("8/8/8/3k4/8/8/8/KQ6 w - - 0 1"), "/standard?"),
        (chess.variant.AtomicBoard("8/8/8/3k4/8/8/8/KQ6 w - - 0 1"), "/atomic?"),
        (chess.variant.AntichessBoard("8/8/8/3k4/8/8/8/KQ6 w - - 0 1"), "/antichess?"),
        (chess.variant.KingOfTheHillBoard("8/8/8/3k4/8/8/8/KQ6 w - - 0 1"), None),
        (chess.Board("4k3/8/8/8/8/8/8/4K2R w K - 0 1"), None),
        (chess.Board("4k3/pppp4/8/8/8/8/7P/4K2R w - - 0 1"), None),
    ],
    ids=["standard", "atomic", "antichess", "another variant", "castling", "eight pieces"],
)
def test_the_tables_are_asked_about_small_endings(board: chess.Board, path: str | None) -> None:
    found = asked("online_egtb", board)
    assert (found or "").startswith(path or "\0") if path else found is None
