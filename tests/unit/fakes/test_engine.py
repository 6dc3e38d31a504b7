import chess
import pytest

from engine.errors import EngineDied, EngineError, EngineHung, IllegalMove, NotAnEngine
from tests.engine.builders import a_request, seconds
from tests.fakes.engine import HANG, ScriptedEngine

E4 = chess.Move.from_uci("e2e4")


async def test_the_script_is_played_and_then_any_legal_move() -> None:
    scripted = ScriptedEngine([E4])
    moves = [(await scripted.search(a_request())).move for _ in range(2)]
    assert moves[0] == E4
    assert moves[1] in chess.Board().legal_moves


async def test_it_remembers_what_it_was_asked() -> None:
    scripted, request = ScriptedEngine(), a_request()
    await scripted.search(request)
    assert scripted.requests == [request]


async def test_thinking_ends_at_the_deadline() -> None:
    result = await ScriptedEngine([seconds(60)]).search(a_request(deadline_s=0.01))
    assert result.think_time == seconds(0.01)


async def test_a_scripted_move_has_to_be_legal() -> None:
    with pytest.raises(IllegalMove):
        await ScriptedEngine([chess.Move.from_uci("e2e5")]).search(a_request())


@pytest.mark.parametrize(
    ("error", "is_open"),
    [(EngineDied("x"), False), (EngineHung("x"), False), (IllegalMove("x"), True)],
)
async def test_an_engine_that_died_has_no_process(error: EngineError, is_open: object) -> None:
    scripted = ScriptedEngine([error])
    with pytest.raises(type(error)):
        await scripted.search(a_request())
    assert scripted.is_open == is_open


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
