"""A class of the user's as an engine: found in its folder, kept away from the protocol."""

import sys
from pathlib import Path

import chess
import chess.variant
import pytest
from chess.engine import Limit

from engine.errors import EngineDied, EngineError, EngineHung, IllegalMove, NotAnEngine
from engine.interface import OUR_PYTHON, EngineSpec
from engine.uci_engine import UciEngine
from tests.engine.builders import a_request, seconds

CLASS = """
class Bot:
    def __init__(self, *words):
        print("bestmove e2e4", words)

    def search(self, board, limits):
        print("bestmove", input() if False else "a1a1")
        {body}
"""


def homemade(folder: Path, body: str, *arguments: str) -> EngineSpec:
    (folder / "mine.py").write_text(CLASS.format(body=body), encoding="utf-8")
    command = (*OUR_PYTHON, "engine.homemade", "mine:Bot", *arguments)
    return EngineSpec(command=command, working_dir=str(folder), niceness=0)


async def test_a_class_plays_each_variant_and_may_print(tmp_path: Path) -> None:
    spec = homemade(tmp_path, "return list(board.legal_moves)[-1]", "a")
    async with UciEngine(spec) as engine:
        boards = [chess.Board(), chess.variant.HordeBoard(), chess.Board(chess960=True)]
        for board in boards:
            result = await engine.search(a_request(board))
            assert result.move == list(board.legal_moves)[-1]
        assert engine.name == "Bot"


async def test_a_class_knows_the_limits_and_the_moves_of_the_game(tmp_path: Path) -> None:
    body = "assert (limits.white_clock, limits.depth, board.ply()) == (9.5, 3, 1); return 'e7e5'"
    board = chess.Board()
    board.push_uci("e2e4")
    async with UciEngine(homemade(tmp_path, body)) as engine:
        result = await engine.search(a_request(board, limit=Limit(white_clock=9.5, depth=3)))
    assert result.move.uci() == "e7e5"


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        (
            "raise ValueError('I give up')",
            EngineDied,
            "^engine.path: mine.Bot raised ValueError: I give up$",
        ),
        ("raise SystemExit", EngineDied, "^engine.path: mine.Bot raised SystemExit:$"),
        ("return 'e2e5'", IllegalMove, "no legal move"),
        ("return None", IllegalMove, "no legal move"),
        ("import time; time.sleep(60)", EngineHung, "gave no move"),
    ],
)
async def test_what_a_class_does_wrong_is_told_as_of_any_engine(
    tmp_path: Path, body: str, kind: type[EngineError], words: str
) -> None:
    async with UciEngine(homemade(tmp_path, body), stop_grace=seconds(0.05)) as engine:
        await engine.open()
        with pytest.raises(kind, match=words):
            await engine.search(a_request(deadline_s=0.5))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("yours:Bot", "engine.path is yours:Bot, but {folder} has no module yours"),
        ("mine:Cat", "engine.path is mine:Cat, but mine has no class Cat"),
        ("wrong:Bot", "engine.path: wrong.Bot raised ModuleNotFoundError: No module named 'nix'"),
        ("slip:Bot", "engine.path: slip.Bot raised SyntaxError: .*slip.py, line 1"),
        ("mine:chess", "engine.path is mine:chess, but mine has no class chess"),
    ],
)
async def test_a_class_that_is_missing_is_named(tmp_path: Path, path: str, words: str) -> None:
    homemade(tmp_path, "pass")
    (tmp_path / "wrong.py").write_text("import nix", encoding="utf-8")
    (tmp_path / "slip.py").write_text("class Bot(:", encoding="utf-8")
    command = (sys.executable, "-P", "-m", "engine.homemade", path)
    words = words.format(folder=tmp_path)
    with pytest.raises(NotAnEngine, match=words):
        await UciEngine(EngineSpec(command=command, working_dir=str(tmp_path))).open()
