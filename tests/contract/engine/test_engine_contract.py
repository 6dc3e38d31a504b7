"""The contract of every engine: script, fake process, resilient, bundled and Stockfish."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import chess
import pytest
from chess.engine import Limit

from engine.interface import Engine, EngineSpec, bundled_spec
from engine.resilient import ResilientEngine
from engine.uci_engine import UciEngine
from tests.engine.builders import a_fake, a_request, seconds, stockfish_path
from tests.fakes.engine import ScriptedEngine

pytestmark = pytest.mark.engine

PATIENCE = seconds(5)
"""On a busy machine a niced engine reacts slowly to `stop`."""


ENGINES: dict[str, Callable[[], Engine]] = {
    "scripted": ScriptedEngine,
    "fake": lambda: UciEngine(a_fake()),
    "resilient": lambda: ResilientEngine(a_fake(), a_fake()),
    "bundled": lambda: UciEngine(bundled_spec(), stop_grace=PATIENCE),
    "stockfish": lambda: UciEngine(
        EngineSpec(command=(stockfish_path(),), options={"Hash": 4}), stop_grace=PATIENCE
    ),
}


THINKERS = pytest.mark.parametrize("engine", ["bundled", "stockfish"], indirect=True)
"""Scripts and fakes do not evaluate positions."""


@pytest.fixture(params=ENGINES)
async def engine(request: pytest.FixtureRequest) -> AsyncIterator[Engine]:
    made = ENGINES[request.param]()
    yield made
    await made.close()


async def test_it_has_a_name(engine: Engine) -> None:
    await engine.open()
    assert engine.name


async def test_it_plays_a_game_of_legal_moves(engine: Engine) -> None:
    board = chess.Board()
    for _ in range(12):
        result = await engine.search(a_request(board, limit=Limit(nodes=200)))
        assert result.move in board.legal_moves
        board.push(result.move)
    assert len(board.move_stack) == 12


async def test_it_plays_from_a_position_that_is_no_start(engine: Engine) -> None:
    board = chess.Board("8/P6k/8/8/8/8/7K/8 w - - 0 1")
    result = await engine.search(a_request(board))
    assert result.move in board.legal_moves


@pytest.mark.parametrize(
    "limit",
    [
        Limit(nodes=50),
        Limit(depth=2),
        Limit(time=0.05),
        Limit(white_clock=3.0, black_clock=3.0, white_inc=0.0, black_inc=0.0),
    ],
    ids=["nodes", "depth", "time", "clocks"],
)
async def test_it_knows_every_kind_of_limit(engine: Engine, limit: Limit) -> None:
    result = await engine.search(a_request(limit=limit))
    assert result.move in chess.Board().legal_moves
    assert result.source == "engine"


async def test_a_deadline_ends_a_search_without_limit(engine: Engine) -> None:
    await engine.open()
    result = await engine.search(a_request(limit=Limit(depth=200), deadline_s=0.3))
    assert result.move in chess.Board().legal_moves


async def test_a_cancelled_search_leaves_it_usable(engine: Engine) -> None:
    await engine.open()
    search = asyncio.ensure_future(engine.search(a_request(limit=Limit(depth=200), deadline_s=60)))
    await asyncio.sleep(0)  # the search has been sent
    search.cancel()
    await asyncio.wait([search])
    board = chess.Board()
    board.push_uci("e2e4")
    assert (await engine.search(a_request(board))).move in board.legal_moves


@THINKERS
async def test_a_score_is_from_the_mover_s_view(engine: Engine) -> None:
    lost = chess.Board("6k1/8/8/8/8/8/1q6/7K w - - 0 1")
    result = await engine.search(a_request(lost, limit=Limit(depth=3)))
    worth = result.centipawns if result.mate_in is None else -10_000
    assert worth is not None
    assert worth < -300


@THINKERS
async def test_a_mate_is_counted_in_moves(engine: Engine) -> None:
    result = await engine.search(
        a_request(chess.Board("6k1/5ppp/8/8/8/8/8/R6K w - - 0 1"), limit=Limit(depth=4))
    )
    assert (result.move.uci(), result.mate_in, result.centipawns) == ("a1a8", 1, None)


@THINKERS
async def test_it_chooses_among_the_moves_that_it_is_given(engine: Engine) -> None:
    bad = (chess.Move.from_uci("f2f3"), chess.Move.from_uci("g2g4"))
    restricted = await engine.search(replace(a_request(), root_moves=bad))
    assert restricted.move in bad
    assert (await engine.search(a_request(limit=Limit(depth=6)))).move not in bad


async def test_it_plays_one_game_after_another(engine: Engine) -> None:
    for _ in range(3):
        await engine.new_game()
        assert (await engine.search(a_request())).move in chess.Board().legal_moves


async def test_it_may_ponder_whatever_the_opponent_plays(engine: Engine) -> None:
    board = chess.Board()
    for _ in range(4):
        request = replace(a_request(board.copy(), limit=Limit(nodes=200)), ponder=True)
        board.push((await engine.search(request)).move)
        board.push(next(iter(board.legal_moves)))
    engine.stop_pondering()
    await engine.new_game()
    assert (await engine.search(a_request())).move in chess.Board().legal_moves


async def test_closed_it_can_be_opened_again(engine: Engine) -> None:
    await engine.open()
    await engine.close()
    await engine.close()
    assert (await engine.search(a_request())).move in chess.Board().legal_moves
