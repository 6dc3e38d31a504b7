"""A game's stream: what its lines mean, and when it is reopened."""

import asyncio
import itertools

import chess
import pytest

from crabstick.errors import RateLimited, Refused, StreamSilent, Unavailable
from crabstick.game.context import Replaced
from crabstick.game.stream import Unplayable
from crabstick.rules.lichess_types import (
    ChatLine,
    OpponentGone,
    RefusedPost,
    Unexpected,
)
from tests.builders import seconds
from tests.fakes.lichess import FakeMatch
from tests.unit.game.rigs import a_game
from tests.unit.virtual_time import stall, until, virtual_loop

E4, D4 = chess.Move.from_uci("e2e4"), chess.Move.from_uci("d2d4")
NO, NOTHING = False, None


async def test_keep_alives_chat_and_unknown_lines_change_nothing() -> None:
    game = a_game(seconds(2))
    game.start()
    await game.pass_time(1)
    for line in (
        None,
        ChatLine(username="zeekat", text="hi", room="player"),
        Unexpected(why="a new type", is_harmless=True),
        OpponentGone(gone=False),
    ):
        game.send(line)
    await game.until_sent()
    assert (len(game.engine.requests), len(game.link.opened_s)) == (1, 1)
    await game.kill()


async def test_an_unreadable_line_reopens_the_stream() -> None:
    game = a_game(E4, D4)
    await game.until_sent()
    game.send(Unexpected(why="gameState.moves is broken"))
    await until(lambda: len(game.link.opened_s) == 2)
    await game.kill()


async def test_a_lost_line_is_found_when_lichess_says_elsewhere_that_it_is_our_turn() -> None:
    game = a_game(E4, D4)
    await game.until_sent()
    await game.pass_time(1)
    game.match.board.push_uci("e7e5")  # no stream shows it
    game.player.resync(0)
    await game.pass_time(1)
    assert len(game.link.opened_s) == 1  # the request is late: we know a later ply
    game.player.resync(1)
    await game.until_sent(2)
    assert game.link.sent == [("e2e4", True), ("d2d4", True)]
    game.player.resync(3)
    await game.kill()


async def test_a_stream_that_is_never_readable_is_reopened_with_pauses() -> None:
    game = a_game(E4)
    await game.until_sent()
    for _ in range(20):
        game.send(Unexpected(why="gibberish"))
        await asyncio.sleep(0.5)
    assert len(game.link.opened_s) <= 4
    await game.kill()


@pytest.mark.parametrize("how", [None, StreamSilent("nothing came"), Unavailable("502")])
async def test_a_lost_stream_is_reopened_and_the_search_goes_on(how: Unavailable | None) -> None:
    game = a_game(seconds(5))
    await game.pass_time(1)
    game.match.end_stream(how)
    await game.until_sent()
    assert (len(game.engine.requests), len(game.asked_s), len(game.link.opened_s)) == (1, 1, 2)
    await game.kill()


async def test_cut_twice_it_sends_nothing_until_the_worker_set_answers() -> None:
    game = a_game(seconds(5), answers=[NOTHING])
    await game.pass_time(1)
    game.match.end_stream()
    await game.until_opened(2)
    game.match.end_stream()
    await game.pass_time(60)
    assert (game.link.posts, len(game.link.opened_s)) == ([], 2)
    game.answers.append(True)
    await game.until_sent()
    assert len(game.link.opened_s) == 3
    await game.kill()


async def test_of_two_actors_on_one_game_the_first_leaves_and_the_second_plays() -> None:
    old = a_game(seconds(5), answers=[NO])
    await old.pass_time(1)
    new = a_game(E4)
    new.link._match = old.match
    new.start()
    with pytest.raises(Replaced):
        await old.finish()
    await new.until_sent()
    assert (old.link.posts, new.link.posts) == ([], ["move/e2e4"])
    await new.kill()


async def test_a_limited_stream_waits_as_long_as_lichess_asks() -> None:
    game = a_game(E4)
    game.link.refusing.append(RateLimited("slowly", seconds(40)))
    await game.until_sent()
    assert 40 <= game.link.opened_s[1] - game.link.opened_s[0] < 41
    await game.kill()


async def test_a_game_that_lichess_does_not_know_yet_is_tried_again() -> None:
    game = a_game(E4)
    game.link.refusing += [Refused("No such game", 404)] * 2
    await game.until_sent()
    await game.kill()


async def test_a_game_that_lichess_never_knows_is_unplayable() -> None:
    game = a_game()
    game.link.refusing += [Refused("No such game", 404)] * 6
    with pytest.raises(Unplayable, match="No such game"):
        await game.finish()


async def test_only_refusals_make_a_game_unplayable() -> None:
    game = a_game(E4)
    game.link.refusing += [
        Unavailable("502"),
        Unavailable("502"),
        Refused("No such game", 404),
        Unavailable("502"),
        Refused("No such game", 404),
    ]
    await game.until_sent()
    await game.kill()


async def test_in_a_long_outage_the_stream_is_tried_every_few_seconds() -> None:
    game = a_game(E4)
    game.link.refusing += [Unavailable("502")] * 12
    await game.until_sent()
    opened_s = game.link.opened_s
    assert max(b - a for a, b in itertools.pairwise(opened_s)) <= 3.01
    await game.kill()


async def test_a_line_of_a_dropped_connection_is_ignored() -> None:
    game = a_game(E4, D4)
    game.match.next_outcomes.append(RefusedPost(why="Not your turn"))
    game.link.on_move = lambda: game.send(game.match.state)
    await game.until_sent(2)
    assert (len(game.link.opened_s), game.link.sent[1]) == (2, ("d2d4", True))
    await game.kill()


async def test_a_stream_that_ends_during_a_stall_is_reopened_once() -> None:
    def stall_and_end(match: FakeMatch) -> None:
        stall(2)
        match.end_stream()

    game = a_game(E4, interfere=stall_and_end)
    await game.until_sent()
    assert len(game.link.opened_s) == 2
    await game.kill()


@pytest.mark.parametrize("moves", [0, 1], ids=["over at the opening", "over after a move"])
async def test_the_end_of_a_finished_game_s_stream_is_no_lost_stream(moves: int) -> None:
    game = a_game(E4)
    if moves:
        await game.until_sent()
    game.match.finish("resign", chess.WHITE)
    await game.finish()
    assert len(game.link.sent) == moves
    names = [metric for metric, _, _ in game.telemetry.drain().counts]
    assert "crabstick_stream_reconnects_total" not in names


# Rate limits hold for the whole account.


async def test_a_limited_stream_is_counted_and_shared_at_once() -> None:
    game = a_game(E4)
    game.link.refusing.append(RateLimited("slowly", seconds(40)))
    await game.until_opened(1)
    await until(lambda: game.reported_s)
    assert game.reported_s == [pytest.approx(game.link.opened_s[0])]
    assert ("crabstick_rate_limited_total", "game_stream", 1) in game.telemetry.drain().counts
    await game.kill()


async def test_a_stream_that_was_cut_waits_for_a_limit_that_another_game_met() -> None:
    game = a_game(seconds(5))
    await game.pass_time(1)
    game.rate_limits.note_wait("game_stream", seconds(40))
    game.match.end_stream()
    await game.until_opened(2)
    assert 40 <= game.link.opened_s[1] - game.link.opened_s[0] - 1 < 41
    await game.kill()


async def test_that_wait_is_no_longer_than_a_quarter_of_our_clock() -> None:
    """Five minutes are left."""
    game = a_game(seconds(5))
    await game.pass_time(1)
    game.rate_limits.note_wait("game_stream", seconds(900))
    game.match.end_stream()
    await asyncio.sleep(60)
    await game.until_opened(2)
    assert game.link.opened_s[1] - game.link.opened_s[0] == pytest.approx(76, abs=1)
    await game.kill()


async def test_the_first_opening_of_a_game_waits_a_moment_only() -> None:
    game = a_game(E4)
    game.rate_limits.note_wait("game_stream", seconds(900))
    began_s = virtual_loop().time()
    await game.until_sent()
    assert 2.9 < game.link.opened_s[0] - began_s < 3.1
    await game.kill()
