"""When moves, aborts and claims are sent, and what follows from their answers."""

import asyncio
from datetime import timedelta

import chess
import pytest

from crabstick.game.context import Replaced
from crabstick.rules.game_events import Finish
from crabstick.rules.lichess_types import (
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
from tests.unit.game.rigs import ABORT_AFTER, a_game
from tests.unit.virtual_time import stall, until

E4, D4, G3 = (chess.Move.from_uci(uci) for uci in ("e2e4", "d2d4", "g2g3"))
NO, NOTHING = False, None
GONE = OpponentGone(gone=True, claim_win_in=seconds(0))


# When a move may be sent.


@pytest.mark.parametrize("line", [None, ChatLine(username="zeekat", text="hi", room="player")])
async def test_a_move_waits_until_every_line_is_handled(line: ChatLine | None) -> None:
    game = a_game(E4, interfere=lambda match: match.send(line))
    await game.until_sent()
    assert game.link.sent == [("e2e4", True)]
    await game.kill()


async def test_a_move_is_not_sent_when_the_end_of_the_game_came_at_the_same_moment() -> None:
    game = a_game(E4, interfere=lambda match: match.finish("aborted"))
    await game.finish()
    assert game.link.posts == []


async def test_a_move_waits_for_an_open_stream() -> None:
    game = a_game(E4, interfere=FakeMatch.end_stream)
    await game.until_sent()
    assert (game.link.sent, len(game.link.opened_s)) == ([("e2e4", True)], 2)
    await game.kill()


async def test_after_a_stall_the_lease_is_renewed_and_the_stream_reopened_before_the_move() -> None:
    game = a_game(E4, interfere=lambda _: stall(2))
    await game.until_sent()
    assert game.link.sent == [("e2e4", True)]
    assert game.asked_s[0] <= game.link.opened_s[1] <= game.link.sent_s[0]
    assert len(game.engine.requests) == 1
    await game.kill()


async def test_after_a_stall_a_replaced_actor_leaves_silently() -> None:
    game = a_game(E4, interfere=lambda _: stall(2), answers=[NO])
    with pytest.raises(Replaced):
        await game.finish()
    assert game.link.posts == []


async def test_after_a_stall_the_moves_played_meanwhile_count() -> None:
    def others_play(match: FakeMatch) -> None:
        stall(2)
        match.move("g1f3")
        match.opponent_plays("g8f6")

    game = a_game(E4, D4, interfere=others_play)
    await game.until_sent()
    assert game.link.sent == [("d2d4", True)]
    await game.kill()


# After a move was sent.


@pytest.mark.parametrize("outcome", [Unanswered(why="reset"), Denied(why="token")])
async def test_a_move_that_may_not_have_arrived_is_repeated_unchanged(
    outcome: Unanswered | Denied,
) -> None:
    game = a_game(E4)
    game.match.next_outcomes.append(outcome)
    await game.until_sent(2)
    assert game.link.sent == [("e2e4", True), ("e2e4", True)]
    assert len(game.engine.requests) == 1
    await game.kill()


async def test_a_move_whose_answer_was_lost_is_recognised_by_its_echo() -> None:
    game = a_game(E4)
    game.match.lost_answers = 1
    await game.pass_time(20)
    assert game.link.sent == [("e2e4", True)]
    await game.kill()


async def test_a_limited_move_waits_as_long_as_lichess_asks() -> None:
    game = a_game(E4)
    game.match.next_outcomes.append(Limited(retry_after=seconds(7)))
    await game.until_sent(2)
    assert game.link.sent_s[1] - game.link.sent_s[0] > 6.999
    await game.kill()


async def test_a_wait_that_would_lose_the_game_is_cut_short() -> None:
    """Five minutes are left: a quarter of them is the most that a move waits."""
    game = a_game(E4)
    game.match.next_outcomes.append(Limited(retry_after=seconds(600)))
    await game.until_sent()
    await asyncio.sleep(70)
    await game.until_sent(2)
    assert game.link.sent_s[1] - game.link.sent_s[0] == pytest.approx(75, abs=1)
    await game.kill()


async def test_a_cut_stream_does_not_shorten_the_wait_of_a_limited_move() -> None:
    game = a_game(E4)
    game.match.next_outcomes.append(Limited(retry_after=seconds(7)))
    await game.until_sent()
    game.match.end_stream()
    await game.until_sent(2)
    assert game.link.sent_s[1] - game.link.sent_s[0] > 6.999
    await game.kill()


async def test_after_a_refusal_the_stream_is_reopened_and_a_move_is_searched_again() -> None:
    game = a_game(E4, D4)
    game.match.next_outcomes.append(RefusedPost(why="Not your turn"))
    await game.until_sent(2)
    assert game.link.sent == [("e2e4", True), ("d2d4", True)]
    assert len(game.link.opened_s) == 2
    await game.kill()


async def test_a_move_without_an_echo_for_five_seconds_reopens_the_stream() -> None:
    game = a_game(E4)
    game.match.next_outcomes.append(Posted())
    await game.until_sent(2)
    assert game.link.sent == [("e2e4", True), ("e2e4", True)]
    assert len(game.link.opened_s) == 2
    assert game.link.sent_s[1] - game.link.sent_s[0] > 4.999
    await game.kill()


async def test_when_our_clock_is_up_the_move_is_not_repeated_but_the_stream_reopened() -> None:
    game = a_game(G3, moves="e2e4 e7e5")
    game.match.clock = Clock(initial=seconds(1), increment=seconds(0))
    game.match.next_outcomes += [Unanswered(why="reset")] * 50
    await game.pass_time(4)
    tries_s = [sent_s - game.link.sent_s[0] for sent_s in game.link.sent_s]
    assert len(tries_s) > 2
    assert max(tries_s) < 1 + SHORTEST_GAME_DELAY.total_seconds()
    assert len(game.link.opened_s) == 1
    await game.until_opened(2)
    await game.kill()


# Aborts and claims.


async def test_an_abort_needs_a_recent_confirmation_by_the_worker_set() -> None:
    game = a_game(color=chess.BLACK, answers=[NOTHING])
    await game.pass_time(10 * ABORT_AFTER.total_seconds())
    assert game.link.posts == []
    game.answers.append(True)
    assert (await game.finish()).status == "aborted"


async def test_an_abort_that_did_not_arrive_is_repeated() -> None:
    game = a_game(color=chess.BLACK)
    game.match.next_outcomes.append(Unanswered(why="reset"))
    assert await game.finish() == Finish(status="aborted", winner=None)
    assert game.link.posts == ["abort", "abort"]


async def test_a_replaced_actor_aborts_nothing() -> None:
    game = a_game(color=chess.BLACK, answers=[NO])
    with pytest.raises(Replaced):
        await game.finish()
    assert game.link.posts == []


@pytest.mark.parametrize(("answer", "posts"), [(True, ["claim-victory"]), (NOTHING, [])])
async def test_a_claim_needs_a_recent_confirmation_by_the_worker_set(
    answer: bool | None,  # noqa: FBT001 -- a table of answers
    posts: list[str],
) -> None:
    game = a_game(moves="e2e4 e7e5 g1f3", answers=[answer])
    await game.pass_time(1)
    game.send(GONE)
    await game.pass_time(1)
    assert game.link.posts == posts
    await game.kill()


async def test_a_claim_that_did_not_arrive_is_repeated() -> None:
    game = a_game(moves="e2e4 e7e5 g1f3")
    game.match.opponent_is_gone = True
    game.match.next_outcomes.append(Unanswered(why="reset"))
    await game.pass_time(1)
    game.send(GONE)
    assert await game.finish() == Finish(status="timeout", winner=chess.WHITE)
    assert game.link.posts == ["claim-victory", "claim-victory"]


async def test_an_accepted_move_is_counted() -> None:
    game = a_game(E4, timedelta(milliseconds=20))
    await game.until_sent()
    await until(lambda: game.telemetry._counts)
    assert game.telemetry.drain().counts == (("crabstick_moves_total", None, 1),)
    await game.kill()


# Rate limits hold for the whole account.


@pytest.mark.parametrize("endpoint", ["move", "command", "challenge", "account", "game_stream"])
async def test_a_limit_that_another_process_met_delays_no_move(endpoint: str) -> None:
    game = a_game(E4)
    await game.until_opened(1)
    game.rate_limits.merge({endpoint: 2**62})
    await game.until_sent()
    assert game.link.sent_s[0] - game.link.opened_s[0] < 0.1
    await game.kill()


async def test_a_limited_move_is_shared_and_counted() -> None:
    game = a_game(E4)
    game.match.next_outcomes.append(Limited(retry_after=seconds(7)))
    await game.until_sent()
    await until(lambda: game.reported_s)
    assert seconds(6.9) < game.rate_limits.wait("move") <= seconds(7.001)
    assert ("crabstick_rate_limited_total", "move", 1) in game.telemetry.drain().counts
    await game.kill()


async def test_a_limited_claim_is_shared_and_waits_as_long_as_lichess_asks() -> None:
    game = a_game(moves="e2e4 e7e5 g1f3")
    game.match.opponent_is_gone = True
    game.match.next_outcomes.append(Limited(retry_after=seconds(40)))
    await game.pass_time(1)
    game.send(GONE)
    await until(lambda: game.reported_s)
    await game.pass_time(37)
    assert game.link.posts == ["claim-victory"]
    assert (await game.finish()).status == "timeout"


async def test_a_claim_waits_for_a_limit_that_another_game_met() -> None:
    game = a_game(moves="e2e4 e7e5 g1f3")
    game.match.opponent_is_gone = True
    await game.pass_time(1)
    game.rate_limits.note_wait("command", seconds(40))
    game.send(GONE)
    await game.pass_time(39)
    assert game.link.posts == []
    assert (await game.finish()).status == "timeout"


async def test_a_limit_on_commands_delays_an_abort() -> None:
    game = a_game(color=chess.BLACK)
    await game.pass_time(1)
    game.rate_limits.note_wait("command", 1.5 * ABORT_AFTER)
    await game.pass_time(1.2 * ABORT_AFTER.total_seconds())
    assert game.link.posts == []
    assert (await game.finish()).status == "aborted"
