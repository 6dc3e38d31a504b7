"""The WorkerSet's own calls heed the bot's rate limits, and add those that they hit."""

import asyncio

import chess
import pytest

from actors.worker_set.lichess_calls import LichessCalls
from crabstick.errors import ConfigError, RateLimited
from crabstick.game.rate_limits import RateLimits
from crabstick.rules.lichess_types import GameId, GameSummary, LichessPlayer, Limited, Unanswered
from crabstick.telemetry.bot_metrics import BotMetrics
from tests.builders import seconds
from tests.fakes.lichess import FakeGames, FakeLichess, FakeMatch
from tests.unit.actors.configs import a_config
from tests.unit.virtual_time import until, virtual_loop

GAME = GameId("abcdefgh")
RUNNING = GameSummary(
    id=GAME, color=chess.WHITE, opponent=LichessPlayer(name="Alice"), speed="blitz", is_my_turn=True
)


class CallsRig:
    """LichessCalls and a fake Lichess, with a game that has begun."""

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
        self.calls = LichessCalls(
            config, self.rate_limits, self.metrics, lichess=self.lichess, games=games
        )

    def value(self, metric: str, label: str = "") -> float:
        values: dict[str, dict[str, float]] = self.metrics.snapshot()["values"]  # type: ignore[assignment]  # JSON
        return values[metric][label]

    def limited(self, endpoint: str) -> float:
        return self.value("crabstick_rate_limited_total", endpoint)


async def test_while_the_account_is_limited_lichess_is_not_asked() -> None:
    rig = CallsRig()
    rig.lichess.faults.append(RateLimited("slowly", seconds(40)))
    with pytest.raises(RateLimited):
        await rig.calls.playing()
    rig.lichess.faults.append(RateLimited("never asked"))
    assert (await rig.calls.playing(), rig.limited("account")) == ((), 1)
    rig.lichess.faults.clear()
    await asyncio.sleep(40.1)
    assert await rig.calls.playing() == (RUNNING,)


async def test_a_limited_resignation_is_repeated_in_time_and_counted_once() -> None:
    rig = CallsRig()
    rig.match.next_outcomes.append(Limited(retry_after=seconds(30)))
    resigning = asyncio.create_task(rig.calls.resign(GAME))
    await until(lambda: rig.rate_limits.wait("command"))
    began_s = virtual_loop().time()
    await resigning
    assert virtual_loop().time() - began_s == pytest.approx(30, abs=0.1)
    assert (rig.match.status, rig.limited("command")) == ("resign", 1)
    assert rig.value("crabstick_games_forfeited_total") == 1


async def test_a_resignation_that_lichess_always_limits_is_given_up() -> None:
    rig = CallsRig()
    rig.match.next_outcomes += [Limited(retry_after=seconds(1))] * 3
    await rig.calls.resign(GAME)
    assert rig.match.status == "started"


async def test_a_resignation_without_an_answer_is_not_repeated() -> None:
    rig = CallsRig()
    rig.match.next_outcomes.append(Unanswered(why="reset"))
    await rig.calls.resign(GAME)
    assert rig.match.status == "started"


async def test_a_missing_token_is_survived(
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
