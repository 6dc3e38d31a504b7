"""One game as our side plays it, from its first line to its last."""

import chess
import pytest

from crabstick.rules.game_events import Finish, Leave
from engine.errors import EngineDied
from tests.builders import seconds
from tests.fakes.engine import ScriptedEngine
from tests.unit.actors.tables import Table, a_table
from tests.unit.virtual_time import virtual_loop

E4, D4 = chess.Move.from_uci("e2e4"), chess.Move.from_uci("d2d4")


# A game that goes well.


async def test_it_plays_to_the_end_and_tells_how_the_game_ended() -> None:
    table = a_table(E4)
    await table.until_sent()
    table.match.opponent_plays("e7e5")
    await table.until_sent(2)
    table.match.finish("resign", chess.WHITE)
    assert await table.finish() == Finish(status="resign", winner=chess.WHITE)


async def test_our_own_mate_ends_the_game_too() -> None:
    table = a_table(chess.Move.from_uci("d8h4"), color=chess.BLACK, moves="f2f3 e7e5 g2g4")
    assert await table.finish() == Finish(status="mate", winner=chess.BLACK)


async def test_a_game_that_is_over_already_ends_at_once() -> None:
    table = a_table()
    table.match.finish("aborted")
    assert await table.finish() == Finish(status="aborted", winner=None)


async def test_the_engine_is_told_the_clock_without_the_overhead() -> None:
    table = a_table(E4)
    await table.until_sent()
    assert table.engine.requests[0].limit.white_clock == 299.7
    await table.leave()


async def test_the_engine_is_asked_about_the_board_after_the_last_line() -> None:
    table = a_table(E4, D4)
    await table.until_sent()
    table.match.opponent_plays("e7e5")
    await table.until_sent(2)
    told = [move.uci() for move in table.engine.requests[1].board.move_stack]
    assert told == ["e2e4", "e7e5"]
    await table.leave()


async def test_nothing_is_left_running_when_the_game_is_over() -> None:
    table = a_table(seconds(5))
    await table.at_rest(1)
    table.match.finish("aborted")
    await table.finish()
    assert table.link.is_closed
    assert table.player._context.tasks.are_done


# The engine.


async def test_a_search_whose_position_is_gone_is_given_up() -> None:
    table = a_table(seconds(50), D4)
    await table.at_rest(1)
    table.match.move("g1f3")
    table.match.opponent_plays("g8f6")
    await table.until_sent()
    assert (table.link.sent, len(table.engine.requests)) == ([("d2d4", True)], 2)
    await table.leave()


async def test_an_engine_that_is_no_more_ends_the_play() -> None:
    table = a_table(EngineDied("the engine died"))
    with pytest.raises(EngineDied):
        await table.finish()
    assert table.link.is_closed


async def test_the_last_line_of_a_game_stops_the_search() -> None:
    table = a_table(seconds(50))
    await table.at_rest(1)
    began_s = virtual_loop().time()
    table.match.finish("outoftime", chess.BLACK)
    await table.finish()
    assert virtual_loop().time() - began_s < 1


# Handing the game over.


async def test_on_the_opponents_time_a_game_is_left_at_once() -> None:
    table = a_table(E4)
    await table.until_sent()
    await table.at_rest(1)
    asked_s = virtual_loop().time()
    table.player.leave(seconds(100))
    assert await table.end() == Leave()
    assert virtual_loop().time() - asked_s < 0.1
    assert table.link.is_closed


async def test_a_search_is_finished_and_its_move_is_sent_before_the_game_is_left() -> None:
    table = a_table(seconds(5))
    await table.at_rest(1)
    table.player.leave(seconds(100))
    assert await table.end() == Leave()
    assert [on_time for _, on_time in table.link.sent] == [True]
    assert len(table.match.board.move_stack) == 1


async def test_a_search_that_takes_too_long_is_given_up_at_the_deadline() -> None:
    table = a_table(seconds(50))
    await table.at_rest(1)
    asked_s = virtual_loop().time()
    table.player.leave(seconds(10))
    assert await table.end() == Leave()
    assert virtual_loop().time() - asked_s == pytest.approx(10, abs=0.1)
    assert table.link.sent == []
    assert table.player._context.tasks.are_done


async def test_whoever_comes_next_goes_on_from_the_stream() -> None:
    before = a_table(E4)
    await before.until_sent()
    before.player.leave(seconds(100))
    await before.end()
    heir = Table(before.match, ScriptedEngine([D4]), [True])
    before.match.opponent_plays("e7e5")
    await heir.until_sent()
    assert heir.link.sent == [("d2d4", True)]
    await heir.leave()


async def test_a_game_that_ends_first_is_finished_not_left() -> None:
    table = a_table(seconds(50))
    await table.at_rest(1)
    table.player.leave(seconds(100))
    table.match.finish("resign", chess.WHITE)
    assert await table.finish() == Finish(status="resign", winner=chess.WHITE)


async def test_what_the_clock_took_beyond_our_own_time_is_kept_from_the_next_search() -> None:
    """The fake's clock stands still although it gives three seconds a move: so it took three."""
    table = a_table(chess.Move.from_uci("g2g3"), chess.Move.from_uci("f1g2"), moves="e2e4 e7e5")
    await table.until_sent()
    table.match.opponent_plays("d7d6")
    await table.until_sent(2)
    told = [request.limit.white_clock for request in table.engine.requests]
    assert told == [pytest.approx(299.7), pytest.approx(297, abs=0.01)]
    await table.leave()
