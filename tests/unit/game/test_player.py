"""One game as our side plays it, from its first line to its last, and the board that follows it."""

from random import Random

import chess
import chess.variant
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crabstick.errors import InvariantBroken
from crabstick.game.player import Position
from crabstick.rules.game_events import Finish, HandOver
from crabstick.rules.variants import VARIANTS, start_board
from engine.errors import EngineDied
from tests.builders import a_full, seconds
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
    assert not game.player._context.tasks._tasks


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
    assert not game.player._context.tasks._tasks


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


OPENING = ["e2e4", "e7e5", "g1f3", "b8c6"]


def played(*moves: str) -> chess.Board:
    board = chess.Board()
    for uci in moves:
        board.push_uci(uci)
    return board


@given(st.lists(st.integers(0, len(OPENING)), max_size=8))
def test_the_board_is_the_one_after_the_plies_whatever_came_before(lengths: list[int]) -> None:
    position = Position(a_full())
    for length in lengths:
        board = position.after(tuple(OPENING[:length]))
        assert (board, board.move_stack) == (
            played(*OPENING[:length]),
            played(*OPENING[:length]).move_stack,
        )


@given(st.lists(st.tuples(st.booleans(), st.integers(0, len(OPENING))), max_size=8))
def test_following_changes_no_board(lines: list[tuple[bool, int]]) -> None:
    position = Position(a_full())
    for is_ours, length in lines:
        if is_ours:
            position.follow(tuple(OPENING[:length]))
        else:
            assert position.after(tuple(OPENING[:length])) == played(*OPENING[:length])


def test_a_returned_board_belongs_to_the_caller() -> None:
    position = Position(a_full())
    mine = position.after(("e2e4",))
    mine.push_uci("c7c5")
    mine.pop()
    mine.pop()
    assert position.after(("e2e4", "e7e5")) == played("e2e4", "e7e5")
    assert mine == chess.Board()


def test_a_returned_board_knows_repetitions() -> None:
    shuffle = ("g1f3", "g8f6", "f3g1", "f6g8") * 2
    position = Position(a_full())
    position.after(shuffle[:3])
    assert position.after(shuffle).is_repetition(3)


def test_another_line_than_ours_is_followed() -> None:
    position = Position(a_full())
    position.after(("e2e4", "e7e5"))
    assert position.after(("d2d4", "d7d5", "c2c4")) == played("d2d4", "d7d5", "c2c4")


def test_a_game_starts_from_its_own_position() -> None:
    fen = "8/8/8/4k3/8/8/4P3/4K3 b - - 0 1"
    position = Position(a_full(variant="fromPosition", initial_fen=fen))
    assert position.after(("e5e4",)).fen() == "8/8/8/8/4k3/8/4P3/4K3 w - - 1 2"


def test_castling_in_chess960_is_the_king_taking_its_rook() -> None:
    fen = "r1k4r/pppppppp/8/8/8/8/PPPPPPPP/R1K4R w KQkq - 0 1"
    board = Position(a_full(variant="chess960", initial_fen=fen)).after(("c1h1",))
    assert board.piece_at(chess.G1) == chess.Piece(chess.KING, chess.WHITE)


@pytest.mark.parametrize("variant", VARIANTS)
def test_in_each_variant_the_board_for_a_search_knows_the_whole_game(variant: str) -> None:
    rng, played = Random(variant), start_board(variant)
    for _ in range(30):
        if played.is_game_over():
            break
        played.push(rng.choice([*played.legal_moves]))
    moves = tuple(move.uci() for move in played.move_stack)
    board = Position(a_full(variant=variant)).after(moves)
    assert (board.fen(), board.root().fen()) == (played.fen(), start_board(variant).fen())
    board.push(next(iter(board.legal_moves), chess.Move.null()))  # as an engine may
    assert Position(a_full(variant=variant)).after(moves) == played


def test_variants_have_boards_of_their_own() -> None:
    board = Position(a_full(variant="atomic")).after(("e2e4",))
    assert isinstance(board, chess.variant.AtomicBoard)


def test_an_illegal_move_raises() -> None:
    with pytest.raises(InvariantBroken, match="cannot follow the game"):
        Position(a_full()).after(("e2e5",))
