"""Abort, resign, draw offers and chat, with Lichess's error texts."""

import chess
import pytest

from crabstick.sandbox import games
from crabstick.sandbox.errors import ApiError
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

LONE_KING = "k7/8/8/8/8/8/1R6/K7 w - - 0 1"


def offer(world: object, game: object, color: chess.Color, *, yes: bool = True) -> list[object]:
    return games.answer_draw(world, game, color, yes=yes, now_ms=NOON_MS)  # type: ignore[arg-type,return-value]


def test_both_players_get_a_game_start() -> None:
    world = a_world()
    names = {chess.WHITE: "crabstick", chess.BLACK: "sparring1"}
    players = {color: world.accounts[name] for color, name in names.items()}
    messages = games.start(world, "abcdefgh", terms(), players, NOON_MS)
    (mine,) = events(messages, "crabstick")
    (theirs,) = events(messages, "sparring1")
    assert (mine["type"], mine["game"]["color"]) == ("gameStart", "white")
    assert theirs["game"]["color"] == "black"
    assert mine["game"]["fullId"] != theirs["game"]["fullId"]


def test_a_game_can_be_aborted_before_the_second_move() -> None:
    world = a_world()
    game = a_game(world)
    move(world, game, "e2e4")
    (line,) = game_lines(games.abort(world, game, chess.WHITE, NOON_MS))
    assert line["status"] == "aborted"
    assert "winner" not in line
    assert world.running == {}


def test_after_two_moves_it_can_no_longer_be_aborted() -> None:
    world = a_world()
    game = a_game(world)
    play_out(world, game, "e2e4 e7e5")
    with pytest.raises(ApiError, match="This game can no longer be aborted"):
        games.abort(world, game, chess.WHITE, NOON_MS)


def test_resigning_a_game_that_can_be_aborted_aborts_it() -> None:
    world = a_world()
    game = a_game(world)
    games.resign(world, game, chess.WHITE, NOON_MS)
    assert game.status.name == "aborted"


def test_resigning_later_gives_the_opponent_the_win() -> None:
    world = a_world()
    game = a_game(world)
    play_out(world, game, "e2e4 e7e5")
    games.resign(world, game, chess.WHITE, NOON_MS)
    assert (game.status.name, game.winner) == ("resign", chess.BLACK)


def test_a_game_that_is_over_cannot_be_resigned() -> None:
    world = a_world()
    game = a_game(world)
    games.abort(world, game, chess.WHITE, NOON_MS)
    with pytest.raises(ApiError, match="This game cannot be resigned"):
        games.resign(world, game, chess.WHITE, NOON_MS)


def test_with_no_abort_neither_works_before_the_second_move() -> None:
    world = a_world()
    game = a_game(world, terms(rules=("noAbort",)))
    with pytest.raises(ApiError, match="aborted"):
        games.abort(world, game, chess.WHITE, NOON_MS)
    with pytest.raises(ApiError, match="resigned"):
        games.resign(world, game, chess.WHITE, NOON_MS)


def test_a_draw_offer_is_shown_and_accepted() -> None:
    world = a_world()
    game = a_game(world)
    play_out(world, game, "e2e4 e7e5")
    (line,) = game_lines(offer(world, game, chess.WHITE))  # type: ignore[arg-type]
    assert line["wdraw"] is True
    offer(world, game, chess.BLACK)
    assert (game.status.name, game.winner) == ("draw", None)


def test_declining_a_draw_sends_nothing() -> None:
    world = a_world()
    game = a_game(world)
    play_out(world, game, "e2e4 e7e5")
    offer(world, game, chess.WHITE)
    assert offer(world, game, chess.BLACK, yes=False) == []
    assert game.draw_offer is None


def test_an_offer_lapses_when_the_other_side_moves_and_that_line_still_shows_it() -> None:
    world = a_world()
    game = a_game(world)
    play_out(world, game, "e2e4 e7e5")
    offer(world, game, chess.BLACK)
    (line,) = game_lines(move(world, game, "g1f3"))
    assert line["bdraw"] is True
    assert game.draw_offer is None


def test_a_second_draw_offer_within_twenty_plies_has_no_effect() -> None:
    world = a_world()
    game = a_game(world)
    play_out(world, game, "e2e4 e7e5")
    offer(world, game, chess.BLACK)
    move(world, game, "g1f3")
    assert offer(world, game, chess.BLACK) == []


def test_a_game_without_early_draws_takes_no_offers() -> None:
    world = a_world()
    game = a_game(world, terms(rules=("noEarlyDraw",)))
    play_out(world, game, "e2e4 e7e5")
    assert offer(world, game, chess.WHITE) == []


def test_a_move_can_carry_an_offer() -> None:
    world = a_world()
    game = a_game(world)
    play_out(world, game, "e2e4 e7e5")
    offered, moved = game_lines(move(world, game, "g1f3", offering_draw=True))
    assert (offered["moves"], offered["wdraw"]) == ("e2e4 e7e5", True)
    assert moved["moves"] == "e2e4 e7e5 g1f3"
    assert game.draw_offer is chess.WHITE


def test_a_move_with_an_offer_accepts_the_opponents_offer_and_is_not_played() -> None:
    world = a_world()
    game = a_game(world)
    play_out(world, game, "e2e4 e7e5")
    offer(world, game, chess.BLACK)
    move(world, game, "g1f3", offering_draw=True)
    assert (game.status.name, game.ply) == ("draw", 2)


def test_a_draw_is_claimed_when_the_opponent_cannot_mate() -> None:
    world = a_world()
    game = a_game(world, terms(fen=LONE_KING))
    play_out(world, game, "b2b3 a8a7")
    offer(world, game, chess.WHITE)
    assert game.status.name == "insufficientMaterialClaim"


def test_a_threefold_can_be_claimed_between_humans() -> None:
    world = a_world()
    game = a_game(world, white="visitor", black="visitor")
    play_out(world, game, "g1f3 g8f6 f3g1 f6g8 " * 2)
    offer(world, game, chess.WHITE)
    assert game.status.name == "draw"


@pytest.mark.parametrize(
    ("room", "text"), [("kitchen", "hi"), ("player", ""), ("player", "x" * 141)]
)
def test_chat_has_two_rooms_and_140_letters(room: str, text: str) -> None:
    world = a_world()
    game = a_game(world)
    with pytest.raises(ApiError) as error:
        games.send_chat(game, world.accounts["crabstick"], room, text)
    assert error.value.status == 400


@pytest.mark.parametrize(
    ("who", "game_id", "status", "why"),
    [
        ("crabstick", "nosuchid", 404, "No such game"),
        ("sparring2", "", 404, "Not your game"),
        ("visitor", "", 400, "This endpoint can only be used with a Bot account"),
    ],
)
def test_a_command_on_another_players_game_is_refused(
    who: str, game_id: str, status: int, why: str
) -> None:
    world = a_world()
    game = a_game(world, black="visitor")
    with pytest.raises(ApiError) as error:
        games.game_for(world, world.accounts[who], game_id or game.id)
    assert error.value.status == status
    assert error.value.reason.startswith(why)


def test_bots_do_not_play_ultra_bullet() -> None:
    world = a_world()
    game = a_game(world, terms(limit_s=15))
    with pytest.raises(ApiError, match="cannot be played with the Bot API"):
        games.game_for(world, world.accounts["crabstick"], game.id)
