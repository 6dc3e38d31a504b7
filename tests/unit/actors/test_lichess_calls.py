"""The WorkerSet's own calls: they heed the limits of the bot, and tell of those they meet."""

import asyncio

import chess
import pytest

from actors.worker_set.lichess_calls import LichessCalls
from crabstick.errors import ConfigError, RateLimited
from crabstick.game.rate_limits import RateLimits
from crabstick.rules.model import GameId, GameSummary, Limited, Player, Unanswered
from crabstick.telemetry.bot_metrics import BotMetrics
from tests.builders import seconds
from tests.fakes.lichess import FakeGames, FakeLichess, FakeMatch
from tests.unit.actors.configs import a_config
from tests.unit.virtual_time import until, virtual_loop

GAME = GameId("abcdefgh")
RUNNING = GameSummary(
    id=GAME, color=chess.WHITE, opponent=Player(name="Alice"), speed="blitz", is_my_turn=True
)


class Office:
    """A lichess_calls before a fake Lichess, with a game that has begun."""

    def __init__(self) -> None:
        self.lichess = FakeLichess()
        self.lichess.started(RUNNING)
        self.match = FakeMatch(GAME)
        self.match.move("e2e4")
        self.match.opponent_plays("e7e5")
        self.rate_limits = RateLimits(virtual_loop().time)
        self.metrics = BotMetrics()
        games = FakeGames(self.match)
        config = a_config()
        self.lichess_calls = LichessCalls(
            config, self.rate_limits, self.metrics, lichess=self.lichess, games=games
        )

    def limited(self, endpoint: str) -> float:
        values: dict[str, dict[str, float]] = self.metrics.snapshot()["values"]  # type: ignore[assignment]  # JSON
        return values["crabstick_rate_limited_total"][endpoint]


async def test_it_lists_the_running_games() -> None:
    assert await Office().lichess_calls.playing() == (RUNNING,)


async def test_while_the_account_is_limited_lichess_is_not_asked() -> None:
    office = Office()
    office.lichess.faults.append(RateLimited("slowly", seconds(40)))
    with pytest.raises(RateLimited):
        await office.lichess_calls.playing()
    office.lichess.faults.append(RateLimited("never asked"))
    assert (await office.lichess_calls.playing(), office.limited("account")) == ((), 1)
    office.lichess.faults.clear()
    await asyncio.sleep(40.1)
    assert await office.lichess_calls.playing() == (RUNNING,)


async def test_a_game_is_resigned() -> None:
    office = Office()
    await office.lichess_calls.resign(GAME)
    assert office.match.status == "resign"


async def test_a_game_that_is_forfeited_is_counted_once_however_often_it_is_tried() -> None:
    office = Office()
    office.match.next_outcomes.append(Limited(retry_after=seconds(1)))
    await office.lichess_calls.resign(GAME)
    values: dict[str, dict[str, float]] = office.metrics.snapshot()["values"]  # type: ignore[assignment]  # JSON
    assert values["crabstick_games_forfeited_total"][""] == 1


async def test_a_limited_resignation_is_sent_again_when_lichess_allows_it() -> None:
    office = Office()
    office.match.next_outcomes.append(Limited(retry_after=seconds(30)))
    resigning = asyncio.create_task(office.lichess_calls.resign(GAME))
    await until(lambda: office.rate_limits.wait("command"))
    began_s = virtual_loop().time()
    await resigning
    assert virtual_loop().time() - began_s == pytest.approx(30, abs=0.1)
    assert (office.match.status, office.limited("command")) == ("resign", 1)


async def test_a_resignation_that_lichess_always_limits_is_given_up() -> None:
    office = Office()
    office.match.next_outcomes += [Limited(retry_after=seconds(1))] * 3
    await office.lichess_calls.resign(GAME)
    assert office.match.status == "started"


async def test_an_answer_that_was_lost_is_not_asked_for_again() -> None:
    office = Office()
    office.match.next_outcomes.append(Unanswered(why="reset"))
    await office.lichess_calls.resign(GAME)
    assert office.match.status == "started"


async def test_without_a_token_nothing_is_resigned_and_nobody_falls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(_settings: object) -> None:
        raise ConfigError("there is no Lichess token")

    monkeypatch.setattr("actors.worker_set.lichess_calls.read_token", refuse)
    rate_limits = RateLimits(virtual_loop().time)
    lichess_calls = LichessCalls(a_config(), rate_limits, BotMetrics(), lichess=None, games=None)
    await lichess_calls.resign(GAME)
    with pytest.raises(ConfigError):
        await lichess_calls.playing()
