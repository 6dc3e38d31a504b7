"""Absent players: the countdown, the claim, and the return."""

import chess
import pytest

from crabstick.sandbox import opponent_gone
from crabstick.sandbox.errors import ApiError
from crabstick.sandbox.state import SandboxGame, World
from tests.unit.sandbox.worlds import NOON_MS, a_game, a_world, game_lines, move, play_out, terms


def both_there(
    limit_s: int = 300, fen: str | None = None, variant: str = "standard"
) -> tuple[World, SandboxGame]:
    world = a_world()
    game = a_game(world, terms(limit_s=limit_s, fen=fen, variant=variant))
    for user_id in ("crabstick", "sparring1"):
        world.presence.arrive(user_id, game.id)
    return world, game


def leave(world: World, game: SandboxGame, user_id: str = "sparring1") -> None:
    world.presence.leave(user_id, game.id, NOON_MS)


def countdown(world: World, game: SandboxGame, *, at_s: float) -> list[dict[str, object]]:
    return game_lines(opponent_gone.count_down(world, game, NOON_MS + at_s * 1000))


def test_present_players_are_not_counted_down() -> None:
    world, game = both_there()
    play_out(world, game, "e2e4 e7e5")
    assert countdown(world, game, at_s=100) == []


def test_the_countdown_begins_after_five_seconds_and_comes_every_five() -> None:
    world, game = both_there()
    play_out(world, game, "e2e4 e7e5")
    leave(world, game)
    lines = {at_s: countdown(world, game, at_s=at_s) for at_s in range(1, 13)}
    seconds_left = {at_s: line[0]["claimWinInSeconds"] for at_s, line in lines.items() if line}
    assert seconds_left == {6: 35, 11: 30}


def test_the_countdown_is_sent_to_the_present_player() -> None:
    world, game = both_there()
    play_out(world, game, "e2e4 e7e5")
    leave(world, game)
    (line,) = opponent_gone.count_down(world, game, NOON_MS + 10_000)
    assert line.reader is chess.WHITE


def test_a_return_is_sent_only_after_the_countdown_ended() -> None:
    world, game = both_there()
    play_out(world, game, "e2e4 e7e5")
    leave(world, game)
    countdown(world, game, at_s=10)
    world.presence.arrive("sparring1", game.id)
    assert countdown(world, game, at_s=12) == []
    leave(world, game)
    assert countdown(world, game, at_s=60)[0]["claimWinInSeconds"] == 0
    world.presence.arrive("sparring1", game.id)
    assert countdown(world, game, at_s=62) == [{"type": "opponentGone", "gone": False}]
    assert countdown(world, game, at_s=68) == []


def test_no_countdown_when_the_flag_falls_first() -> None:
    world, game = both_there(limit_s=30)
    play_out(world, game, "e2e4 e7e5")
    leave(world, game)
    assert countdown(world, game, at_s=10) == []


def test_a_win_can_be_claimed_when_the_wait_is_over() -> None:
    world, game = both_there()
    play_out(world, game, "e2e4 e7e5")
    move(world, game, "g1f3")
    leave(world, game)
    with pytest.raises(ApiError, match="You cannot claim the win on this game") as error:
        opponent_gone.claim(world, game, chess.WHITE, NOON_MS + 30_000)
    assert error.value.delay_s == 0.5
    opponent_gone.claim(world, game, chess.WHITE, NOON_MS + 42_000)
    assert (game.status.name, game.winner) == ("timeout", chess.WHITE)


def test_a_draw_can_be_claimed_instead() -> None:
    world, game = both_there()
    play_out(world, game, "e2e4 e7e5 g1f3")
    leave(world, game)
    with pytest.raises(ApiError, match="You cannot claim draw on this game"):
        opponent_gone.claim(world, game, chess.WHITE, NOON_MS + 30_000, draw=True)
    opponent_gone.claim(world, game, chess.WHITE, NOON_MS + 42_000, draw=True)
    assert (game.status.name, game.winner) == ("timeout", None)


@pytest.mark.parametrize("moves", ["e2e4", "e2e4 e7e5"])
def test_a_claim_on_my_own_turn_or_too_early_has_no_effect(moves: str) -> None:
    world, game = both_there()
    play_out(world, game, moves)
    leave(world, game)
    color = game.board.turn if len(moves) > 4 else not game.board.turn
    assert opponent_gone.claim(world, game, color, NOON_MS + 99_000) == []
    assert opponent_gone.claim(world, game, color, NOON_MS + 99_000, draw=True) == []
    assert game.is_running


def test_a_game_with_the_rule_cannot_be_claimed() -> None:
    world = a_world()
    game = a_game(world, terms(rules=("noClaimWin",)))
    play_out(world, game, "e2e4 e7e5 g1f3")
    assert opponent_gone.claim(world, game, chess.WHITE, NOON_MS + 99_000) == []


@pytest.mark.parametrize(("variant", "white_s"), [("standard", 8), ("crazyhouse", 35)])
def test_the_wait_is_shorter_for_a_lost_position_and_never_under_ten_seconds(
    variant: str, white_s: int
) -> None:
    world, game = both_there(fen="2k5/8/8/8/8/8/QR6/K7 b - - 0 1", variant=variant)
    play_out(world, game, "c8d8 b2b3")
    leave(world, game, "crabstick")
    leave(world, game)
    lines = countdown(world, game, at_s=6)
    assert [line["claimWinInSeconds"] for line in lines] == [35, white_s]


def test_a_player_who_never_came_is_away_since_the_start() -> None:
    world = a_world()
    game = a_game(world, terms(limit_s=300))
    world.presence.arrive("crabstick", game.id)
    play_out(world, game, "e2e4 e7e5")
    assert countdown(world, game, at_s=11)[0]["claimWinInSeconds"] == 30
