"""One game as our side plays it, from its first line to its last."""

import chess
import pytest

from crabstick.rules.game_events import Finish, HandOver
from engine.errors import EngineDied
from tests.builders import seconds
from tests.fakes.engine import ScriptedEngine
from tests.unit.game.rigs import PlayedGame, a_game
from tests.unit.virtual_time import virtual_loop

E4, D4 = chess.Move.from_uci("e2e4"), chess.Move.from_uci("d2d4")


# A game that goes well.


async def test_it_plays_to_the_end_and_returns_how_the_game_ended() -> None:
    game = a_game(E4)
    await game.until_sent()
    game.match.opponent_plays("e7e5")
    await game.until_sent(2)
    game.match.finish("resign", chess.WHITE)
    assert await game.finish() == Finish(status="resign", winner=chess.WHITE)


async def test_our_own_mate_ends_the_game() -> None:
    game = a_game(chess.Move.from_uci("d8h4"), color=chess.BLACK, moves="f2f3 e7e5 g2g4")
    assert await game.finish() == Finish(status="mate", winner=chess.BLACK)


async def test_the_engine_is_asked_about_the_board_after_the_last_line() -> None:
    game = a_game(E4, D4)
    await game.until_sent()
    game.match.opponent_plays("e7e5")
    await game.until_sent(2)
    seen = [move.uci() for move in game.engine.requests[1].board.move_stack]
    assert seen == ["e2e4", "e7e5"]
    await game.kill()


async def test_nothing_runs_after_the_game() -> None:
    game = a_game(seconds(5))
    await game.pass_time(1)
    game.match.finish("aborted")
    await game.finish()
    assert game.link.is_closed
    assert game.player._context.tasks.are_done


# The engine.


async def test_a_search_is_cancelled_when_the_game_moves_on() -> None:
    game = a_game(seconds(50), D4)
    await game.pass_time(1)
    game.match.move("g1f3")
    game.match.opponent_plays("g8f6")
    await game.until_sent()
    assert (game.link.sent, len(game.engine.requests)) == ([("d2d4", True)], 2)
    await game.kill()


async def test_an_engine_that_died_ends_the_play() -> None:
    game = a_game(EngineDied("the engine died"))
    with pytest.raises(EngineDied):
        await game.finish()
    assert game.link.is_closed


# Handing the game over.


async def test_on_the_opponents_time_a_game_is_handed_over_at_once() -> None:
    game = a_game(E4)
    await game.until_sent()
    await game.pass_time(1)
    began_s = virtual_loop().time()
    game.player.hand_over(seconds(100))
    assert await game.end() == HandOver()
    assert virtual_loop().time() - began_s < 0.1
    assert game.link.is_closed


async def test_a_search_ends_and_its_move_is_sent_predecessor_the_handover() -> None:
    game = a_game(seconds(5))
    await game.pass_time(1)
    game.player.hand_over(seconds(100))
    assert await game.end() == HandOver()
    assert [on_time for _, on_time in game.link.sent] == [True]
    assert len(game.match.board.move_stack) == 1


async def test_a_search_that_takes_too_long_is_cancelled_at_the_deadline() -> None:
    game = a_game(seconds(50))
    await game.pass_time(1)
    began_s = virtual_loop().time()
    game.player.hand_over(seconds(10))
    assert await game.end() == HandOver()
    assert virtual_loop().time() - began_s == pytest.approx(10, abs=0.1)
    assert game.link.sent == []
    assert game.player._context.tasks.are_done


async def test_the_successor_goes_on_from_the_stream() -> None:
    predecessor = a_game(E4)
    await predecessor.until_sent()
    predecessor.player.hand_over(seconds(100))
    await predecessor.end()
    successor = PlayedGame(predecessor.match, ScriptedEngine([D4]), [True])
    predecessor.match.opponent_plays("e7e5")
    await successor.until_sent()
    assert successor.link.sent == [("d2d4", True)]
    await successor.kill()


async def test_the_next_search_gets_the_clock_without_the_measured_overhead() -> None:
    """The fake's clock stands still despite its increment of three seconds: it charged three."""
    game = a_game(chess.Move.from_uci("g2g3"), chess.Move.from_uci("f1g2"), moves="e2e4 e7e5")
    await game.until_sent()
    game.match.opponent_plays("d7d6")
    await game.until_sent(2)
    seen = [request.limit.white_clock for request in game.engine.requests]
    assert seen == [pytest.approx(299.7), pytest.approx(297, abs=0.01)]
    await game.kill()
