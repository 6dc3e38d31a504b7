"""One game as our side plays it: when moves are sent, and when they are not."""

import asyncio
import itertools
from datetime import timedelta

import chess
import pytest

from actors.lease import Replaced
from actors.player import Unplayable
from crabstick.errors import InvariantBroken, RateLimited, Refused, StreamSilent, Unavailable
from crabstick.lichess.fake import FakeMatch
from crabstick.rules.model import (
    ChatLine,
    Denied,
    Limited,
    OpponentGone,
    Posted,
    RefusedPost,
    Unanswered,
    Unexpected,
)
from crabstick.rules.play import Finish
from engine.errors import EngineDied
from tests.builders import seconds
from tests.unit.actors.tables import ABORT_AFTER, a_table
from tests.unit.virtual_time import stall, until, virtual_loop

E4, E5, D4 = chess.Move.from_uci("e2e4"), chess.Move.from_uci("e7e5"), chess.Move.from_uci("d2d4")
NO, NOTHING = False, None
GONE = OpponentGone(gone=True, claim_win_in=seconds(0))


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


async def test_a_stream_that_is_never_readable_is_not_opened_without_a_pause() -> None:
    table = a_table(E4)
    await table.until_sent()
    for _ in range(20):
        table.tell(Unexpected(why="gibberish"))
        await asyncio.sleep(0.5)
    assert len(table.link.opened_s) <= 4
    await table.leave()


async def test_nothing_is_left_running_when_the_game_is_over() -> None:
    table = a_table(seconds(5))
    await table.at_rest(1)
    table.match.finish("aborted")
    await table.finish()
    assert table.link.is_closed
    assert table.player._chores.are_done


# When a move may be sent.


@pytest.mark.parametrize("line", [None, ChatLine(username="zeekat", text="hi", room="player")])
async def test_a_move_waits_until_every_line_was_read(line: ChatLine | None) -> None:
    table = a_table(E4, meddle=lambda match: match.tell(line))
    await table.until_sent()
    assert table.link.sent == [("e2e4", True)]
    await table.leave()


async def test_a_move_is_not_sent_into_a_game_whose_end_came_at_the_same_moment() -> None:
    table = a_table(E4, meddle=lambda match: match.finish("aborted"))
    await table.finish()
    assert table.link.posts == []


async def test_a_move_waits_for_an_open_stream() -> None:
    table = a_table(E4, meddle=FakeMatch.end_stream)
    await table.until_sent()
    assert (table.link.sent, len(table.link.opened_s)) == ([("e2e4", True)], 2)
    await table.leave()


async def test_after_a_stall_it_asks_and_opens_the_stream_anew_before_it_sends() -> None:
    table = a_table(E4, meddle=lambda _: stall(2))
    await table.until_sent()
    assert table.link.sent == [("e2e4", True)]
    assert table.asked_s[0] <= table.link.opened_s[1] <= table.link.sent_s[0]
    assert len(table.engine.requests) == 1
    await table.leave()


async def test_after_a_stall_a_game_that_is_lost_to_another_actor_is_left_silently() -> None:
    table = a_table(E4, meddle=lambda _: stall(2), answers=[NO])
    with pytest.raises(Replaced):
        await table.finish()
    assert table.link.posts == []


async def test_after_a_stall_what_has_happened_meanwhile_counts() -> None:
    def others_play(match: FakeMatch) -> None:
        stall(2)
        match.move("g1f3")
        match.opponent_plays("g8f6")

    table = a_table(E4, D4, meddle=others_play)
    await table.until_sent()
    assert table.link.sent == [("d2d4", True)]
    await table.leave()


# A stream that ends.


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
    assert table.link.opened_s[1] - table.link.opened_s[0] == pytest.approx(40)
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
    counts = table.scorebook.drain().counts
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


# What becomes of a move.


@pytest.mark.parametrize("outcome", [Unanswered(why="reset"), Denied(why="token")])
async def test_a_move_that_may_not_have_arrived_is_repeated_as_it_was(
    outcome: Unanswered | Denied,
) -> None:
    table = a_table(E4)
    table.match.next_outcomes.append(outcome)
    await table.until_sent(2)
    assert table.link.sent == [("e2e4", True), ("e2e4", True)]
    assert len(table.engine.requests) == 1
    await table.leave()


async def test_a_move_whose_answer_was_lost_is_known_by_its_echo() -> None:
    table = a_table(E4)
    table.match.lost_answers = 1
    await table.at_rest(20)
    assert table.link.sent == [("e2e4", True)]
    await table.leave()


async def test_a_limited_move_waits_as_long_as_lichess_asks() -> None:
    table = a_table(E4)
    table.match.next_outcomes.append(Limited(retry_after=seconds(7)))
    await table.until_sent(2)
    assert table.link.sent_s[1] - table.link.sent_s[0] > 6.999
    await table.leave()


async def test_a_wait_that_would_cost_the_game_is_cut_short() -> None:
    """Five minutes are left: a quarter of them is the most that a move waits."""
    table = a_table(E4)
    table.match.next_outcomes.append(Limited(retry_after=seconds(600)))
    await table.until_sent()
    await asyncio.sleep(70)
    await table.until_sent(2)
    assert table.link.sent_s[1] - table.link.sent_s[0] == pytest.approx(75, abs=1)
    await table.leave()


async def test_in_a_long_outage_the_stream_is_tried_every_few_seconds() -> None:
    table = a_table(E4)
    table.link.refusing += [Unavailable("502")] * 12
    await table.until_sent()
    opened_s = table.link.opened_s
    assert max(b - a for a, b in itertools.pairwise(opened_s)) <= 3.01
    await table.leave()


async def test_a_limited_move_without_a_time_waits_more_than_a_second() -> None:
    table = a_table(E4)
    table.match.next_outcomes.append(Limited(retry_after=None))
    await table.until_sent(2)
    assert 1 < table.link.sent_s[1] - table.link.sent_s[0] < 5
    await table.leave()


async def test_a_limited_move_is_not_sent_earlier_because_the_stream_was_cut() -> None:
    table = a_table(E4)
    table.match.next_outcomes.append(Limited(retry_after=seconds(7)))
    await table.until_sent()
    table.match.end_stream()
    await table.until_sent(2)
    assert table.link.sent_s[1] - table.link.sent_s[0] > 6.999
    await table.leave()


async def test_a_refused_move_makes_it_look_again_and_think_again() -> None:
    table = a_table(E4, D4)
    table.match.next_outcomes.append(RefusedPost(why="Not your turn"))
    await table.until_sent(2)
    assert table.link.sent == [("e2e4", True), ("d2d4", True)]
    assert len(table.link.opened_s) == 2
    await table.leave()


async def test_a_line_of_the_stream_that_was_given_up_means_nothing_any_more() -> None:
    table = a_table(E4, D4)
    table.match.next_outcomes.append(RefusedPost(why="Not your turn"))
    table.link.on_move = lambda: table.tell(table.match.state)
    await table.until_sent(2)
    assert (len(table.link.opened_s), table.link.sent[1]) == (2, ("d2d4", True))
    await table.leave()


async def test_a_move_refused_again_and_again_is_our_own_mistake() -> None:
    table = a_table(E4, E4, E4)
    table.match.next_outcomes += [RefusedPost(why="no")] * 3
    with pytest.raises(InvariantBroken, match="keeps refusing e2e4"):
        await table.finish()


async def test_a_move_without_an_echo_is_looked_for_after_five_seconds() -> None:
    table = a_table(E4)
    table.match.next_outcomes.append(Posted())
    await table.until_sent(2)
    assert table.link.sent == [("e2e4", True), ("e2e4", True)]
    assert len(table.link.opened_s) == 2
    assert table.link.sent_s[1] - table.link.sent_s[0] > 4.999
    await table.leave()


async def test_each_move_is_sent_once() -> None:
    table = a_table(E4)
    await table.at_rest(20)
    assert table.link.posts == ["move/e2e4"]
    await table.leave()


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


# What has no position: abort and claim.


async def test_an_opponent_who_never_moves_is_not_waited_for() -> None:
    table = a_table(color=chess.BLACK)
    assert await table.finish() == Finish(status="aborted", winner=None)
    assert table.link.posts == ["abort"]


async def test_nothing_is_aborted_without_a_word_of_the_worker_set() -> None:
    table = a_table(color=chess.BLACK, answers=[NOTHING])
    await table.at_rest(10 * ABORT_AFTER.total_seconds())
    assert table.link.posts == []
    table.answers.append(True)
    assert (await table.finish()).status == "aborted"


async def test_who_was_replaced_aborts_nothing() -> None:
    table = a_table(color=chess.BLACK, answers=[NO])
    with pytest.raises(Replaced):
        await table.finish()
    assert table.link.posts == []


async def test_an_abort_that_did_not_arrive_is_tried_again() -> None:
    table = a_table(color=chess.BLACK)
    table.match.next_outcomes.append(Unanswered(why="reset"))
    await table.finish()
    assert table.link.posts == ["abort", "abort"]


async def test_the_win_over_an_opponent_who_left_is_claimed() -> None:
    table = a_table(moves="e2e4 e7e5 g1f3")
    table.match.opponent_is_gone = True
    await table.at_rest(1)
    table.tell(GONE)
    assert await table.finish() == Finish(status="timeout", winner=chess.WHITE)


@pytest.mark.parametrize(("answer", "posts"), [(True, ["claim-victory"]), (NOTHING, [])])
async def test_a_claim_needs_a_fresh_word_of_the_worker_set(
    answer: bool | None,  # noqa: FBT001 -- a table of answers
    posts: list[str],
) -> None:
    table = a_table(moves="e2e4 e7e5 g1f3", answers=[answer])
    await table.at_rest(1)
    table.tell(GONE)
    await table.at_rest(1)
    assert table.link.posts == posts
    await table.leave()


async def test_who_was_replaced_claims_nothing() -> None:
    table = a_table(moves="e2e4 e7e5 g1f3", answers=[NO])
    await table.at_rest(1)
    table.tell(GONE)
    with pytest.raises(Replaced):
        await table.finish()
    assert table.link.posts == []


# What it notes.


async def test_a_move_is_counted_when_lichess_took_it() -> None:
    table = a_table(E4, timedelta(milliseconds=20))
    await table.until_sent()
    await until(lambda: table.scorebook._counts)
    assert table.scorebook.drain().counts == (("crabstick_moves_total", None, 1),)
    await table.leave()


async def test_a_stream_that_ends_while_we_stall_is_opened_anew_once() -> None:
    def stall_and_end(match: FakeMatch) -> None:
        stall(2)
        match.end_stream()

    table = a_table(E4, meddle=stall_and_end)
    await table.until_sent()
    assert len(table.link.opened_s) == 2
    await table.leave()
