"""When moves are sent and when they are not; what becomes of them, of aborts and of claims."""

import asyncio
from datetime import timedelta

import chess
import pytest

from crabstick.errors import InvariantBroken
from crabstick.game.lease import Replaced
from crabstick.rules.game_events import Finish
from crabstick.rules.model import (
    ChatLine,
    Clock,
    Denied,
    Limited,
    OpponentGone,
    Posted,
    RefusedPost,
    Unanswered,
)
from crabstick.rules.retry import SHORTEST_GAME_DELAY
from tests.builders import seconds
from tests.fakes.lichess import FakeMatch
from tests.unit.actors.tables import ABORT_AFTER, a_table
from tests.unit.virtual_time import stall, until

E4, D4, G3 = (chess.Move.from_uci(uci) for uci in ("e2e4", "d2d4", "g2g3"))
NO, NOTHING = False, None
GONE = OpponentGone(gone=True, claim_win_in=seconds(0))


# When a move may be sent.


@pytest.mark.parametrize("line", [None, ChatLine(username="zeekat", text="hi", room="player")])
async def test_a_move_waits_until_every_line_was_read(line: ChatLine | None) -> None:
    table = a_table(E4, meddle=lambda match: match.send(line))
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


async def test_a_move_is_not_repeated_when_our_clock_is_up_but_looked_for() -> None:
    table = a_table(G3, moves="e2e4 e7e5")
    table.match.clock = Clock(initial=seconds(1), increment=seconds(0))
    table.match.next_outcomes += [Unanswered(why="reset")] * 50
    await table.at_rest(4)
    tries_s = [sent_s - table.link.sent_s[0] for sent_s in table.link.sent_s]
    assert len(tries_s) > 2
    assert max(tries_s) < 1 + SHORTEST_GAME_DELAY.total_seconds()
    assert len(table.link.opened_s) == 1
    await table.until_opened(2)
    await table.leave()


async def test_each_move_is_sent_once() -> None:
    table = a_table(E4)
    await table.at_rest(20)
    assert table.link.posts == ["move/e2e4"]
    await table.leave()


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


async def test_a_claim_that_did_not_arrive_is_made_again() -> None:
    table = a_table(moves="e2e4 e7e5 g1f3")
    table.match.opponent_is_gone = True
    table.match.next_outcomes.append(Unanswered(why="reset"))
    await table.at_rest(1)
    table.tell(GONE)
    assert (await table.finish()).status == "timeout"
    assert table.link.posts == ["claim-victory", "claim-victory"]


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
    await until(lambda: table.telemetry._counts)
    assert table.telemetry.drain().counts == (("crabstick_moves_total", None, 1),)
    await table.leave()


# RateLimitTable, which are the bot's.


@pytest.mark.parametrize("endpoint", ["move", "command", "challenge", "account", "game_stream"])
async def test_a_limit_that_somebody_else_met_delays_no_move(endpoint: str) -> None:
    table = a_table(E4)
    await table.until_opened(1)
    table.board.hear({endpoint: 2**62})
    await table.until_sent()
    assert table.link.sent_s[0] - table.link.opened_s[0] < 0.1
    await table.leave()


async def test_a_limited_move_is_told_and_counted() -> None:
    table = a_table(E4)
    table.match.next_outcomes.append(Limited(retry_after=seconds(7)))
    await table.until_sent()
    await until(lambda: table.told_s)
    assert seconds(6.9) < table.board.wait("move") <= seconds(7.001)
    assert ("crabstick_rate_limited_total", "move", 1) in table.telemetry.drain().counts
    await table.leave()


async def test_a_limited_claim_waits_for_as_long_as_lichess_asks_and_is_told() -> None:
    table = a_table(moves="e2e4 e7e5 g1f3")
    table.match.opponent_is_gone = True
    table.match.next_outcomes.append(Limited(retry_after=seconds(40)))
    await table.at_rest(1)
    table.tell(GONE)
    await until(lambda: table.told_s)
    await table.at_rest(37)
    assert table.link.posts == ["claim-victory"]
    assert (await table.finish()).status == "timeout"


async def test_a_claim_waits_for_a_limit_that_another_game_met() -> None:
    table = a_table(moves="e2e4 e7e5 g1f3")
    table.match.opponent_is_gone = True
    await table.at_rest(1)
    table.board.note("command", seconds(40))
    table.tell(GONE)
    await table.at_rest(39)
    assert table.link.posts == []
    assert (await table.finish()).status == "timeout"


async def test_a_limit_on_aborts_delays_an_abort_and_no_move() -> None:
    table = a_table(color=chess.BLACK)
    await table.at_rest(1)
    table.board.note("command", 1.5 * ABORT_AFTER)
    await table.at_rest(1.2 * ABORT_AFTER.total_seconds())
    assert table.link.posts == []
    assert (await table.finish()).status == "aborted"
