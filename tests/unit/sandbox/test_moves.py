"""Playing moves: legality, lines and events, and endings on the board."""

import chess
import pytest

from crabstick.sandbox import games, moves
from crabstick.sandbox.errors import ApiError
from crabstick.sandbox.moves import MoveRequest
from crabstick.sandbox.options import Options
from tests.unit.sandbox.worlds import (
    NOON_MS,
    a_game,
    a_world,
    events,
    game_lines,
    move,
    play_out,
    terms,
)

BEFORE_CASTLING = "e2e4 e7e5 g1f3 g8f6 f1c4 f8c5"
SHUFFLE = "g1f3 g8f6 f3g1 f6g8 "


def test_a_move_is_one_line_for_both_players() -> None:
    world = a_world()
    game = a_game(world)
    (line,) = game_lines(move(world, game, "e2e4"))
    assert line == {
        "type": "gameState",
        "moves": "e2e4",
        "wtime": 60_000,
        "btime": 60_000,
        "winc": 0,
        "binc": 0,
        "status": "started",
    }


@pytest.mark.parametrize(
    ("uci", "why"),
    [
        ("hello", "Invalid UCI: hello"),
        ("e2", "Invalid UCI: e2"),
        ("e2e5", "Piece on e2 cannot move to e5"),
        ("e2e4q", "Piece on e2 cannot move to e4"),
        ("e7e5", "Piece on e7 cannot move to e5"),
    ],
)
def test_a_wrong_move_is_refused_in_lichess_words_and_kept_in_the_ledger(
    uci: str, why: str
) -> None:
    world = a_world()
    game = a_game(world)
    with pytest.raises(ApiError) as error:
        move(world, game, uci)
    assert (error.value.status, error.value.reason) == (400, why)
    assert [row["why"] for row in world.ledger.refused_moves] == [why]
    assert game.ply == 0


def test_the_same_move_again_is_not_your_turn() -> None:
    world = a_world()
    game = a_game(world)
    move(world, game, "e2e4")
    again = MoveRequest("e2e4", chess.WHITE, NOON_MS, "test/1")
    with pytest.raises(ApiError, match="Not your turn, or game already over"):
        moves.play(world, game, again)


def test_an_unknown_fifth_letter_is_ignored() -> None:
    world = a_world()
    game = a_game(world)
    move(world, game, "e2e4x")
    assert game.moves_text == "e2e4"


def test_a_promotion_without_a_letter_is_a_queen() -> None:
    world = a_world()
    game = a_game(world, terms(fen="8/P6k/8/8/8/8/8/K7 w - - 0 1"))
    move(world, game, "a7a8")
    assert game.moves_text == "a7a8q"


@pytest.mark.parametrize("way", ["e1g1", "e1h1"])
@pytest.mark.parametrize(("king_to_rook", "shown"), [(True, "e1h1"), (False, "e1g1")])
def test_castling_is_read_in_both_notations_and_written_in_one(
    way: str, shown: str, *, king_to_rook: bool
) -> None:
    world = a_world(Options(king_to_rook=king_to_rook))
    game = a_game(world)
    play_out(world, game, BEFORE_CASTLING)
    move(world, game, way)
    assert game.moves_text.split()[-1] == shown
    assert game.board.king(chess.WHITE) == chess.G1


def test_chess960_castles_king_to_rook_only() -> None:
    world = a_world()
    fen = "r3k2r/pppppppp/8/8/8/8/PPPPPPPP/R3K2R w KQkq - 0 1"
    game = a_game(world, terms(fen=fen, variant="chess960"))
    with pytest.raises(ApiError):
        move(world, game, "e1g1")
    move(world, game, "e1h1")
    assert game.board.king(chess.WHITE) == chess.G1


def test_a_mate_appears_only_in_the_final_line_and_ends_the_streams() -> None:
    world = a_world()
    game = a_game(world)
    messages = play_out(world, game, "f2f3 e7e5 g2g4 d8h4")
    (line,) = game_lines(messages)
    assert (line["status"], line["winner"]) == ("mate", "black")
    assert line["moves"].endswith("d8h4")
    assert messages[0].is_last
    (finish,) = events(messages, "crabstick")
    assert finish["type"] == "gameFinish"
    assert (finish["game"]["status"], finish["game"]["winner"]) == (
        {"id": 30, "name": "mate"},
        "black",
    )


@pytest.mark.parametrize(
    ("fen", "uci", "status"),
    [
        ("7k/5K2/8/8/8/8/8/6Q1 w - - 0 1", "g1g6", "stalemate"),
        ("8/8/8/8/8/1k6/1p6/K7 w - - 0 1", "a1b1", "started"),
        ("k7/8/8/8/8/8/1p6/K7 w - - 0 1", "a1b2", "draw"),
        ("k7/8/8/8/8/8/1R6/K7 w - - 99 80", "b2b3", "draw"),
        ("k7/8/8/8/8/8/1R6/K7 w - - 98 80", "b2b3", "started"),
    ],
)
def test_the_board_ends_games_by_the_rules_of_chess(fen: str, uci: str, status: str) -> None:
    world = a_world()
    game = a_game(world, terms(fen=fen))
    move(world, game, uci)
    assert (game.status.name, game.winner) == (status, None)


def test_mate_comes_before_the_hundredth_half_move() -> None:
    world = a_world()
    game = a_game(world, terms(fen="k7/8/1K6/8/8/8/7R/8 w - - 99 80"))
    move(world, game, "h2h8")
    assert (game.status.name, game.winner) == ("mate", chess.WHITE)


def test_a_bots_game_ends_at_the_third_repetition() -> None:
    world = a_world()
    game = a_game(world)
    play_out(world, game, SHUFFLE * 2)
    assert (game.status.name, game.ply) == ("draw", 8)


def test_a_game_that_may_not_be_drawn_early_goes_on_to_the_fifth() -> None:
    world = a_world()
    game = a_game(world, terms(rules=("noEarlyDraw",)), black="visitor")
    play_out(world, game, SHUFFLE * 4)
    assert (game.status.name, game.ply) == ("draw", 16)


def test_two_humans_play_on_after_a_threefold() -> None:
    world = a_world()
    game = a_game(world, white="visitor", black="visitor")
    play_out(world, game, SHUFFLE * 2)
    assert game.is_running


def test_a_move_after_the_flag_is_answered_ok_and_loses() -> None:
    world = a_world()
    game = a_game(world)
    play_out(world, game, "e2e4 e7e5")
    (line,) = game_lines(move(world, game, "g1f3", at_s=61))
    assert (line["status"], line["winner"], line["wtime"]) == ("outoftime", "black", 0)
    assert game.ply == 2


def test_without_mating_material_a_flag_is_a_draw() -> None:
    world = a_world()
    game = a_game(world, terms(fen="k7/1r6/8/8/8/8/8/K7 w - - 0 1"))
    play_out(world, game, "a1a2 b7b8 a2a3")
    games.flag(world, game, NOON_MS + 61_000)
    assert (game.status.name, game.winner) == ("outoftime", None)


def test_a_flag_during_the_opponents_draw_offer_is_a_draw() -> None:
    world = a_world()
    game = a_game(world)
    play_out(world, game, "e2e4 e7e5")
    games.offer_draw(game, chess.BLACK, NOON_MS)
    games.flag(world, game, NOON_MS + 61_000)
    assert (game.status.name, game.winner) == ("draw", None)


def test_after_six_hundred_plies_a_move_is_a_draw() -> None:
    world = a_world()
    game = a_game(world)
    move(world, game, "e2e4")
    game.moves = game.moves * 600
    move(world, game, "e7e5")
    assert (game.status.name, game.ply) == ("draw", 600)


def test_the_overhead_runs_from_the_write_of_the_opponents_move() -> None:
    world = a_world()
    game = a_game(world)
    move(world, game, "e2e4", at_s=1)
    game.record_written(chess.BLACK, 1, NOON_MS + 1_002)
    game.record_written(chess.BLACK, 1, NOON_MS + 1_500)
    move(world, game, "e7e5", at_s=1.01)
    assert game.moves[0].overhead_ms is None
    assert game.moves[1].overhead_ms == pytest.approx(8)


def test_there_is_no_overhead_when_the_opponents_move_was_never_written() -> None:
    world = a_world()
    game = a_game(world)
    move(world, game, "e2e4")
    game.record_written(chess.BLACK, 0, NOON_MS)
    move(world, game, "e7e5")
    assert game.moves[1].overhead_ms is None
