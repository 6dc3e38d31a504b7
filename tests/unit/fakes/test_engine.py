import chess
import pytest

from engine.errors import EngineHung, NotAnEngine
from tests.engine.builders import a_request
from tests.fakes.engine import HANG, ScriptedEngine

E4 = chess.Move.from_uci("e2e4")


async def test_the_script_is_played_and_then_any_legal_move() -> None:
    scripted = ScriptedEngine([E4])
    moves = [(await scripted.search(a_request())).move for _ in range(2)]
    assert moves[0] == E4
    assert moves[1] in chess.Board().legal_moves


async def test_a_hang_is_noticed_after_the_deadline() -> None:
    scripted = ScriptedEngine([HANG])
    with pytest.raises(EngineHung):
        await scripted.search(a_request(deadline_s=0.01))
    assert not scripted.is_open


async def test_opening_can_fail_and_succeed_the_next_time() -> None:
    scripted = ScriptedEngine(opening=[NotAnEngine("x")])
    with pytest.raises(NotAnEngine):
        await scripted.open()
    await scripted.open()
    assert scripted.is_open
