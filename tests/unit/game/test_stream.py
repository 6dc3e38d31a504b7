"""A game's stream: what its lines mean, and when it is opened anew."""

import asyncio
import itertools

import chess
import pytest

from crabstick.errors import RateLimited, Refused, StreamSilent, Unavailable
from crabstick.game.lease import Replaced
from crabstick.game.stream import Unplayable
from crabstick.rules.model import (
    ChatLine,
    OpponentGone,
    RefusedPost,
    Unexpected,
)
from tests.builders import seconds
from tests.fakes.lichess import FakeMatch
from tests.unit.actors.tables import a_table
from tests.unit.virtual_time import stall, until, virtual_loop

E4, D4 = chess.Move.from_uci("e2e4"), chess.Move.from_uci("d2d4")
NO, NOTHING = False, None


async def test_keep_alives_chat_and_odd_lines_disturb_nothing() -> None:
    table = a_table(seconds(2))
    table.sit_down()
    await table.at_rest(1)
    for line in (
        None,
        ChatLine(username="zeekat", text="hi", room="player"),
        Unexpected(why="a new type", is_harmless=True),
        OpponentGone(gone=False),
    ):
        table.tell(line)
    await table.until_sent()
    assert (len(table.engine.requests), len(table.link.opened_s)) == (1, 1)
    await table.leave()


async def test_a_line_that_cannot_be_read_makes_it_ask_for_the_whole_game() -> None:
    table = a_table(E4, D4)
    await table.until_sent()
    table.tell(Unexpected(why="gameState.moves is broken"))
    await until(lambda: len(table.link.opened_s) == 2)
    await table.leave()


async def test_a_move_whose_line_got_lost_is_found_when_somebody_says_that_it_is_our_turn() -> None:
    table = a_table(E4, D4)
    await table.until_sent()
    await table.at_rest(1)
    table.match.board.push_uci("e7e5")  # nobody is told
    table.player.look(0)
    await table.at_rest(1)
    assert len(table.link.opened_s) == 1  # somebody is late: we know of a later ply
    table.player.look(1)
    await table.until_sent(2)
    assert table.link.sent == [("e2e4", True), ("d2d4", True)]
    table.player.look(3)
    await table.leave()


async def test_a_stream_that_is_never_readable_is_not_opened_without_a_pause() -> None:
    table = a_table(E4)
    await table.until_sent()
    for _ in range(20):
        table.tell(Unexpected(why="gibberish"))
        await asyncio.sleep(0.5)
    assert len(table.link.opened_s) <= 4
    await table.leave()


@pytest.mark.parametrize("how", [None, StreamSilent("nothing came"), Unavailable("502")])
async def test_a_lost_stream_is_opened_anew_and_the_search_goes_on(how: Unavailable | None) -> None:
    table = a_table(seconds(5))
    await table.at_rest(1)
    table.match.end_stream(how)
    await table.until_sent()
    assert (len(table.engine.requests), len(table.asked_s), len(table.link.opened_s)) == (1, 1, 2)
    await table.leave()


async def test_who_was_replaced_leaves_silently() -> None:
    table = a_table(seconds(5), answers=[NO])
    await table.at_rest(1)
    table.match.end_stream()
    with pytest.raises(Replaced):
        await table.finish()
    assert table.link.posts == []


async def test_without_an_answer_of_the_worker_set_it_plays_on() -> None:
    table = a_table(seconds(5), answers=[NOTHING])
    await table.at_rest(1)
    table.match.end_stream()
    await table.until_sent()
    await table.leave()


async def test_cut_twice_without_an_answer_it_sends_nothing_until_the_worker_set_speaks() -> None:
    table = a_table(seconds(5), answers=[NOTHING])
    await table.at_rest(1)
    table.match.end_stream()
    await table.until_opened(2)
    table.match.end_stream()
    await table.at_rest(60)
    assert (table.link.posts, len(table.link.opened_s)) == ([], 2)
    table.answers.append(True)
    await table.until_sent()
    assert len(table.link.opened_s) == 3
    await table.leave()


async def test_of_two_actors_on_one_game_the_first_leaves_and_the_second_plays() -> None:
    old = a_table(seconds(5), answers=[NO])
    await old.at_rest(1)
    new = a_table(E4)
    new.link._match = old.match
    new.sit_down()
    with pytest.raises(Replaced):
        await old.finish()
    await new.until_sent()
    assert (old.link.posts, new.link.posts) == ([], ["move/e2e4"])
    await new.leave()


async def test_a_limited_stream_is_left_alone_for_as_long_as_lichess_asks() -> None:
    table = a_table(E4)
    table.link.refusing.append(RateLimited("slowly", seconds(40)))
    await table.until_sent()
    assert 40 <= table.link.opened_s[1] - table.link.opened_s[0] < 41
    await table.leave()


async def test_a_limited_stream_without_a_time_waits_more_than_a_second() -> None:
    table = a_table(E4)
    table.link.refusing.append(RateLimited("slowly"))
    await table.until_sent()
    assert table.link.opened_s[1] - table.link.opened_s[0] > 1
    await table.leave()


async def test_a_limited_stream_is_counted() -> None:
    table = a_table(E4)
    table.link.refusing.append(RateLimited("slowly", seconds(2)))
    await table.until_sent()
    counts = table.telemetry.drain().counts
    assert ("crabstick_rate_limited_total", "game_stream", 1) in counts
    await table.leave()


async def test_a_game_that_lichess_does_not_know_yet_is_asked_for_again() -> None:
    table = a_table(E4)
    table.link.refusing += [Refused("No such game", 404)] * 2
    await table.until_sent()
    await table.leave()


async def test_a_game_that_lichess_never_knows_is_unplayable() -> None:
    table = a_table()
    table.link.refusing += [Refused("No such game", 404)] * 6
    with pytest.raises(Unplayable, match="No such game"):
        await table.finish()


async def test_only_refusals_make_a_game_unplayable() -> None:
    table = a_table(E4)
    table.link.refusing += [
        Unavailable("502"),
        Unavailable("502"),
        Refused("No such game", 404),
        Unavailable("502"),
        Refused("No such game", 404),
    ]
    await table.until_sent()
    await table.leave()


async def test_in_a_long_outage_the_stream_is_tried_every_few_seconds() -> None:
    table = a_table(E4)
    table.link.refusing += [Unavailable("502")] * 12
    await table.until_sent()
    opened_s = table.link.opened_s
    assert max(b - a for a, b in itertools.pairwise(opened_s)) <= 3.01
    await table.leave()


async def test_a_line_of_the_stream_that_was_given_up_means_nothing_any_more() -> None:
    table = a_table(E4, D4)
    table.match.next_outcomes.append(RefusedPost(why="Not your turn"))
    table.link.on_move = lambda: table.tell(table.match.state)
    await table.until_sent(2)
    assert (len(table.link.opened_s), table.link.sent[1]) == (2, ("d2d4", True))
    await table.leave()


async def test_a_stream_that_ends_while_we_stall_is_opened_anew_once() -> None:
    def stall_and_end(match: FakeMatch) -> None:
        stall(2)
        match.end_stream()

    table = a_table(E4, meddle=stall_and_end)
    await table.until_sent()
    assert len(table.link.opened_s) == 2
    await table.leave()


# RateLimitTable, which are the bot's.


async def test_a_limited_stream_is_told_at_once() -> None:
    table = a_table(E4)
    table.link.refusing.append(RateLimited("slowly", seconds(40)))
    await table.until_opened(1)
    await until(lambda: table.told_s)
    assert table.told_s == [pytest.approx(table.link.opened_s[0])]
    await table.leave()


async def test_a_stream_that_was_cut_waits_for_a_limit_that_another_game_met() -> None:
    table = a_table(seconds(5))
    await table.at_rest(1)
    table.board.note("game_stream", seconds(40))
    table.match.end_stream()
    await table.until_opened(2)
    assert 40 <= table.link.opened_s[1] - table.link.opened_s[0] - 1 < 41
    await table.leave()


async def test_that_wait_is_no_longer_than_a_quarter_of_our_clock() -> None:
    """Five minutes are left."""
    table = a_table(seconds(5))
    await table.at_rest(1)
    table.board.note("game_stream", seconds(900))
    table.match.end_stream()
    await asyncio.sleep(60)
    await table.until_opened(2)
    assert table.link.opened_s[1] - table.link.opened_s[0] == pytest.approx(76, abs=1)
    await table.leave()


async def test_the_first_opening_of_a_game_waits_a_moment_only() -> None:
    table = a_table(E4)
    table.board.note("game_stream", seconds(900))
    began_s = virtual_loop().time()
    await table.until_sent()
    assert 2.9 < table.link.opened_s[0] - began_s < 3.1
    await table.leave()
