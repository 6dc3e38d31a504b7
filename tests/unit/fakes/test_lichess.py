"""The server's side of the fakes, which other tests drive."""

from contextlib import aclosing

import chess
import pytest

from crabstick.errors import InvariantBroken, Refused, StreamEnded
from crabstick.rules.lichess_types import (
    Challenge,
    ChallengeEnded,
    ChallengeMade,
    GameFinished,
    GameId,
    GameStarted,
    GameSummary,
    LichessPlayer,
    Posted,
)
from tests.fakes.lichess import FakeGames, FakeLichess, FakeMatch
from tests.fakes.stream import FakeStream

ID = GameId("abcdefgh")
A_CHALLENGE = Challenge(
    id=ID,
    challenger=LichessPlayer(name="zeekat"),
    dest_user=None,
    variant="standard",
    rated=False,
    speed="blitz",
    clock=None,
    time_control="unlimited",
)
A_GAME = GameSummary(
    id=ID, color=chess.WHITE, opponent=LichessPlayer(name="zeekat"), speed="blitz", is_my_turn=True
)


def played(*moves: str, our_color: chess.Color = chess.WHITE) -> FakeMatch:
    match = FakeMatch(our_color=our_color)
    for ply, uci in enumerate(moves):
        if (ply % 2 == 0) == (our_color == chess.WHITE):
            assert match.move(uci) is None
        else:
            match.opponent_plays(uci)
    return match


async def test_a_challenge_that_is_canceled_cannot_be_accepted() -> None:
    lichess = FakeLichess()
    async with aclosing(lichess.events()) as events:
        lichess.challenged(A_CHALLENGE)
        burst = await anext(events)
        lichess.canceled(ID)
        assert [burst, await anext(events)] == [
            ChallengeMade(challenge=A_CHALLENGE),
            ChallengeEnded(id=ID),
        ]
    with pytest.raises(Refused):
        await lichess.accept(ID)


async def test_a_game_that_finished_is_no_longer_played() -> None:
    lichess = FakeLichess()
    lichess.started(A_GAME)
    async with aclosing(lichess.events()) as events:
        assert await anext(events) == GameStarted(game=A_GAME)
        lichess.finished(ID)
        assert await anext(events) == GameFinished(id=ID)
    assert await lichess.playing() == ()


@pytest.mark.parametrize("uci", ["e2e4", "e7e4"])
def test_the_opponent_keeps_to_the_rules(uci: str) -> None:
    match = played("e2e4") if uci == "e7e4" else FakeMatch()
    with pytest.raises(InvariantBroken):
        match.opponent_plays(uci)


async def test_a_claim_is_granted_once_the_opponent_is_gone() -> None:
    match = played("e2e4", "e7e5", "g1f3")
    match.opponent_is_gone = True
    assert await FakeGames(match).game(match.id).claim_victory() == Posted()
    assert (match.status, match.winner) == ("timeout", chess.WHITE)


async def test_a_closed_stream_drops_unread_and_later_lines() -> None:
    stream: FakeStream[int] = FakeStream()
    stream.send(1)
    stream.close()
    stream.send(2)
    stream.end()
    with pytest.raises(StreamEnded, match="on our side"):
        await anext(stream.lines())
