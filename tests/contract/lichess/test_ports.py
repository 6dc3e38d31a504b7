"""The contract that both the fakes and the real ports (over HTTP, to the sandbox) keep."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import timedelta
from typing import TypeVar

import chess
import pytest

from crabstick.errors import (
    InvariantBroken,
    RateLimited,
    Refused,
    StreamEnded,
    Unavailable,
)
from crabstick.rules.lichess_types import (
    ChallengeEnded,
    ChallengeMade,
    Clock,
    GameFull,
    GameId,
    GameStarted,
    GameState,
    Limited,
    Posted,
    RefusedPost,
    Unanswered,
)
from crabstick.rules.matchmaking import GameType, Proposal
from tests.builders import a_clock
from tests.contract.lichess.stages import Stage, a_fake_stage, a_sandbox_stage
from tests.contract.lichess.tiny_server import until

_Item = TypeVar("_Item")
AT_ONCE_S = 5
NOWHERE = GameId("nowhere0")


@pytest.fixture(params=["fake", "sandbox"])
async def stage(request: pytest.FixtureRequest) -> AsyncGenerator[Stage, None]:
    opened = a_fake_stage() if request.param == "fake" else a_sandbox_stage()
    async with opened as ready:
        yield ready


async def following(stream: AsyncGenerator[_Item | None, None]) -> _Item:
    """The next item other than a keep-alive."""
    async with asyncio.timeout(AT_ONCE_S):
        while (item := await anext(stream)) is None:
            pass
    return item


async def end_of(stream: AsyncGenerator[_Item | None, None]) -> None:
    """Reads to the end, which raises."""
    async with asyncio.timeout(AT_ONCE_S):
        async for _ in stream:
            pass


class TestTheAccount:
    async def test_is_a_bot(self, stage: Stage) -> None:
        assert (await stage.lichess.account()).is_bot

    async def test_may_play(self, stage: Stage) -> None:
        assert await stage.lichess.token_scopes() >= {"bot:play"}

    async def test_gets_an_event_for_a_challenge(self, stage: Stage) -> None:
        async with aclosing(stage.lichess.events()) as events:
            await stage.start_game()
            await following(events)
            challenge_id = await stage.challenge()
            event = await following(events)
        assert isinstance(event, ChallengeMade)
        assert event.challenge.id == challenge_id
        assert str(event.challenge.clock) == "5+3"

    async def test_gets_a_game_for_an_accepted_challenge(self, stage: Stage) -> None:
        challenge_id = await stage.challenge()
        async with aclosing(stage.lichess.events()) as events:
            await following(events)
            await stage.lichess.accept(challenge_id)
            event = await following(events)
        assert isinstance(event, GameStarted)
        assert (event.game.id, event.game.color) == (challenge_id, chess.WHITE)
        assert [game.id for game in await stage.lichess.playing()] == [challenge_id]

    async def test_challenges_and_withdraws(self, stage: Stage) -> None:
        game = GameType(clock=a_clock(180, 2), speed="blitz", variant="atomic", rated=True)
        proposal = Proposal(opponent="sparring1", game=game, color=chess.BLACK)
        challenge_id = await stage.lichess.challenge(proposal)
        assert len(challenge_id) == 8
        await stage.lichess.cancel(challenge_id)

    async def test_is_refused_when_it_accepts_twice(self, stage: Stage) -> None:
        challenge_id = await stage.challenge()
        await stage.lichess.accept(challenge_id)
        with pytest.raises(Refused) as caught:
            await stage.lichess.accept(challenge_id)
        assert caught.value.status == 404

    async def test_declines_a_challenge(self, stage: Stage) -> None:
        challenge_id = await stage.challenge()
        async with aclosing(stage.lichess.events()) as events:
            await following(events)
            await stage.lichess.decline(challenge_id, "later")
            assert await following(events) == ChallengeEnded(id=challenge_id, reason="later")
        with pytest.raises(Refused):
            await stage.lichess.accept(challenge_id)

    async def test_first_gets_ongoing_games_and_challenges(self, stage: Stage) -> None:
        game_id, challenge_id = await stage.start_game(), await stage.challenge()
        async with aclosing(stage.lichess.events()) as events:
            first, second = await following(events), await following(events)
        assert isinstance(first, GameStarted)
        assert isinstance(second, ChallengeMade)
        assert (first.game.id, second.challenge.id) == (game_id, challenge_id)

    async def test_gets_keep_alives(self, stage: Stage) -> None:
        async with aclosing(stage.lichess.events()) as events:
            await stage.start_game()
            await following(events)
            await stage.keep_alive()
            assert await asyncio.wait_for(anext(events), AT_ONCE_S) is None

    async def test_has_one_event_stream(self, stage: Stage) -> None:
        await stage.challenge()
        async with (
            aclosing(stage.lichess.events()) as first,
            aclosing(stage.lichess.events()) as second,
        ):
            await following(first)
            await following(second)
            with pytest.raises(StreamEnded):
                await end_of(first)

    @pytest.mark.parametrize(("cleanly", "error"), [(True, StreamEnded), (False, Unavailable)])
    async def test_sees_its_stream_cut(
        self, stage: Stage, *, cleanly: bool, error: type[Exception]
    ) -> None:
        await stage.challenge()
        async with aclosing(stage.lichess.events()) as events:
            await following(events)
            await stage.cut(cleanly=cleanly)
            with pytest.raises(error):
                await end_of(events)

    async def test_gets_a_rate_limit(self, stage: Stage) -> None:
        await stage.limit_next("account", timedelta(seconds=7))
        with pytest.raises(RateLimited) as caught:
            await stage.lichess.account()
        assert caught.value.retry_after == timedelta(seconds=7)

    async def test_gets_a_rate_limit_instead_of_its_stream(self, stage: Stage) -> None:
        await stage.limit_next("event-stream", timedelta(seconds=7))
        with pytest.raises(RateLimited) as caught:
            await end_of(stage.lichess.events())
        assert caught.value.retry_after == timedelta(seconds=7)

    async def test_is_refused_an_unknown_challenge(self, stage: Stage) -> None:
        with pytest.raises(Refused) as caught:
            await stage.lichess.accept(NOWHERE)
        assert caught.value.status == 404

    async def test_cannot_become_a_bot_once_it_has_played(self, stage: Stage) -> None:
        await stage.start_game()
        with pytest.raises(Refused, match="You already have games played"):
            await stage.lichess.upgrade_account()

    async def test_stops_listening_when_another_task_closes(self, stage: Stage) -> None:
        await stage.challenge()
        async with aclosing(stage.lichess.events()) as events:
            await following(events)
            reading = asyncio.ensure_future(end_of(events))
            await asyncio.sleep(0)
            await stage.lichess.close()
            with pytest.raises(StreamEnded):
                await reading


class TestAGame:
    async def test_begins_with_the_whole_game(self, stage: Stage) -> None:
        game_id = await stage.start_game()
        async with aclosing(stage.games.game(game_id).lines()) as lines:
            full = await following(lines)
        assert isinstance(full, GameFull)
        assert (full.id, full.white.title, full.state.moves) == (game_id, "BOT", ())
        assert full.clock == Clock(initial=timedelta(minutes=5), increment=timedelta(seconds=3))
        assert full.state.white_time == timedelta(minutes=5)

    async def test_shows_a_move_that_was_posted(self, stage: Stage) -> None:
        game = stage.games.game(await stage.start_game())
        async with aclosing(game.lines()) as lines:
            await following(lines)
            assert await game.move("e2e4") == Posted()
            state = await following(lines)
        assert isinstance(state, GameState)
        assert state.moves == ("e2e4",)

    async def test_shows_the_move_of_the_opponent(self, stage: Stage) -> None:
        game_id = await stage.start_game()
        game = stage.games.game(game_id)
        async with aclosing(game.lines()) as lines:
            await following(lines)
            await game.move("e2e4")
            await following(lines)
            await stage.opponent_plays(game_id, "e7e5")
            state = await following(lines)
        assert isinstance(state, GameState)
        assert state.moves == ("e2e4", "e7e5")

    async def test_takes_a_move_once(self, stage: Stage) -> None:
        game = stage.games.game(await stage.start_game())
        outcomes = [await game.move("e2e4"), await game.move("e2e4")]
        assert outcomes == [Posted(), RefusedPost(why="Not your turn, or game already over")]

    async def test_refuses_an_illegal_move(self, stage: Stage) -> None:
        game = stage.games.game(await stage.start_game())
        assert await game.move("e2e5") == RefusedPost(why="Piece on e2 cannot move to e5")

    async def test_never_sends_an_invalid_move(self, stage: Stage) -> None:
        game = stage.games.game(await stage.start_game())
        with pytest.raises(InvariantBroken):
            await game.move("castle")

    async def test_takes_a_move_whose_answer_is_lost(self, stage: Stage) -> None:
        game = stage.games.game(await stage.start_game())
        async with aclosing(game.lines()) as lines:
            await following(lines)
            await stage.lose_next_answer()
            assert isinstance(await game.move("e2e4"), Unanswered)
            state = await following(lines)
        assert isinstance(state, GameState)
        assert state.moves == ("e2e4",)
        assert isinstance(await game.move("e2e4"), RefusedPost)

    async def test_does_not_take_a_move_over_the_limit(self, stage: Stage) -> None:
        game = stage.games.game(await stage.start_game())
        await stage.limit_next("move", timedelta(seconds=3))
        outcomes = [await game.move("e2e4"), await game.move("e2e4")]
        assert outcomes == [Limited(retry_after=timedelta(seconds=3)), Posted()]

    async def test_ends_after_its_last_line_when_we_resign(self, stage: Stage) -> None:
        game_id = await stage.start_game()
        game = stage.games.game(game_id)
        await game.move("e2e4")
        await stage.opponent_plays(game_id, "e7e5")
        async with aclosing(game.lines()) as lines:
            await following(lines)
            assert await game.resign() == Posted()
            last = await following(lines)
            with pytest.raises(StreamEnded):
                await end_of(lines)
        assert isinstance(last, GameState)
        assert (last.status, last.winner, last.is_over) == ("resign", chess.BLACK, True)

    async def test_ends_when_our_move_takes_a_draw(self, stage: Stage) -> None:
        game_id = await stage.start_game()
        game = stage.games.game(game_id)
        await game.move("e2e4")
        await stage.opponent_plays(game_id, "e7e5")
        async with aclosing(game.lines()) as lines:
            await following(lines)
            await stage.opponent_offers_draw(game_id)
            offer = await following(lines)
            assert await game.move("g1f3", offering_draw=True) == Posted()
            last = await following(lines)
        assert isinstance(offer, GameState)
        assert isinstance(last, GameState)
        assert (offer.black_draw, last.status, len(last.moves)) == (True, "draw", 2)

    async def test_ends_with_the_mate(self, stage: Stage) -> None:
        game_id = await stage.start_game()
        game = stage.games.game(game_id)
        await game.move("f2f3")
        await stage.opponent_plays(game_id, "e7e5")
        await game.move("g2g4")
        async with aclosing(game.lines()) as lines:
            await following(lines)
            await stage.opponent_plays(game_id, "d8h4")
            last = await following(lines)
        assert isinstance(last, GameState)
        assert (last.status, last.winner) == ("mate", chess.BLACK)

    async def test_can_be_aborted_before_the_second_ply(self, stage: Stage) -> None:
        game = stage.games.game(await stage.start_game())
        assert await game.abort() == Posted()
        assert isinstance(await game.abort(), RefusedPost)

    async def test_that_is_over_is_sent_once_more_and_ends(self, stage: Stage) -> None:
        game = stage.games.game(await stage.start_game())
        await game.abort()
        async with aclosing(game.lines()) as lines:
            full = await following(lines)
            with pytest.raises(StreamEnded):
                await end_of(lines)
        assert isinstance(full, GameFull)
        assert full.state.status == "aborted"

    async def test_whose_opponent_is_there_is_not_won_by_a_claim(self, stage: Stage) -> None:
        game_id = await stage.start_game()
        game = stage.games.game(game_id)
        await game.move("e2e4")
        await stage.opponent_plays(game_id, "e7e5")
        await game.move("g1f3")
        assert isinstance(await game.claim_victory(), RefusedPost)

    async def test_that_is_unknown_is_refused(self, stage: Stage) -> None:
        game = stage.games.game(NOWHERE)
        with pytest.raises(Refused) as caught:
            await end_of(game.lines())
        assert caught.value.status == 404
        assert isinstance(await game.move("e2e4"), RefusedPost)


class TestTheLease:
    async def test_goes_to_the_last_opened_stream(self, stage: Stage) -> None:
        game_id = await stage.start_game()
        old, new = stage.games.game(game_id), stage.games.game(game_id)
        async with aclosing(old.lines()) as olds, aclosing(new.lines()) as news:
            await following(olds)
            await following(news)
            with pytest.raises(StreamEnded):
                await end_of(olds)
            assert (old.is_current(), new.is_current()) == (False, True)

    async def test_is_lost_as_soon_as_the_end_came_though_unread(self, stage: Stage) -> None:
        game_id = await stage.start_game()
        old, new = stage.games.game(game_id), stage.games.game(game_id)
        async with aclosing(old.lines()) as olds, aclosing(new.lines()) as news:
            await following(olds)
            await following(news)
            await until(lambda: not old.is_current())

    async def test_is_not_current_while_a_line_is_unread(self, stage: Stage) -> None:
        game = stage.games.game(await stage.start_game())
        assert not game.is_current()
        async with aclosing(game.lines()) as lines:
            await following(lines)
            assert game.is_current()
            await game.move("e2e4")
            await until(lambda: not game.is_current())

    @pytest.mark.parametrize(("cleanly", "error"), [(True, StreamEnded), (False, Unavailable)])
    async def test_is_taken_anew_after_a_cut(
        self, stage: Stage, *, cleanly: bool, error: type[Exception]
    ) -> None:
        game = stage.games.game(await stage.start_game())
        async with aclosing(game.lines()) as lines:
            await following(lines)
            await game.move("e2e4")
            await following(lines)
            await stage.cut(cleanly=cleanly)
            with pytest.raises(error):
                await end_of(lines)
        between = game.is_current()
        async with aclosing(game.lines()) as lines:
            full = await following(lines)
            assert (between, game.is_current()) == (False, True)
        assert isinstance(full, GameFull)
        assert full.state.moves == ("e2e4",)

    async def test_ends_for_good_when_another_task_closes(self, stage: Stage) -> None:
        game = stage.games.game(await stage.start_game())
        async with aclosing(game.lines()) as lines:
            await following(lines)
            reading = asyncio.ensure_future(end_of(lines))
            await asyncio.sleep(0)
            await game.close()
            with pytest.raises(StreamEnded):
                await reading
        with pytest.raises(StreamEnded):
            await end_of(game.lines())

    async def test_is_kept_alive(self, stage: Stage) -> None:
        game = stage.games.game(await stage.start_game())
        async with aclosing(game.lines()) as lines:
            await following(lines)
            await stage.keep_alive()
            assert await asyncio.wait_for(anext(lines), AT_ONCE_S) is None

    async def test_ends_with_the_connections(self, stage: Stage) -> None:
        game = stage.games.game(await stage.start_game())
        async with aclosing(game.lines()) as lines:
            await following(lines)
            await stage.games.close()
            with pytest.raises(StreamEnded):
                await end_of(lines)


async def test_a_standby_can_warm_up(stage: Stage) -> None:
    assert await stage.games.warm()


async def test_bots_that_are_online_and_idle_are_listed() -> None:
    async with a_sandbox_stage() as stage, aclosing(stage.lichess.events()) as events:
        await anext(events)
        (bot,) = await stage.lichess.online_bots()
        assert (bot.name, bot.is_bot) == ("crabstick", True)
        assert bot.ratings["blitz"] > 0
        assert await stage.lichess.idle(["CrabStick", "sparring1"]) == {"crabstick"}
        await stage.start_game()
        assert await stage.lichess.idle(["crabstick"]) == frozenset()
