"""What the WorkerSet reports about a running bot."""

from typing import Any

from actors.messages import Statistics
from actors.worker_set.telemetry import statistics
from crabstick.game.rate_limits import RateLimits
from crabstick.rules.cluster_view import ActorPhase, EngineReport, GameRecord
from crabstick.rules.lichess_types import ActorName, GameId, NodeId
from crabstick.rules.registry import Registry
from crabstick.telemetry.bot_metrics import BotMetrics
from tests.builders import seconds
from tests.unit.actors.configs import BOT, a_config

NOW = seconds(100)
GAME = GameId("abcdefgh")
A = ActorName("engine:a")


def read(registry: Registry, problem: str = "") -> Statistics:
    """The statistics as another process reads them."""
    limits, metrics = RateLimits(NOW.total_seconds), BotMetrics()
    metrics.inc("crabstick_moves_total")
    return Statistics.read(statistics(a_config(), registry, limits, metrics, problem).pack())


def a_registry() -> Registry:
    """One game with an actor, one without, and one actor that starts."""
    registry, _ = Registry().with_game(GameRecord(id=GAME, opponent="Alice", speed="blitz"))
    registry, _ = registry.with_game(
        GameRecord(id=GameId("waiting1"), opponent="Bob", speed="rapid")
    )
    registry, engine = registry.entered(A, NOW)
    report = EngineReport(node=NodeId("n1"), phase=ActorPhase.STANDBY)
    registry, _ = registry.described(engine, report, NOW).assigned(GAME, A, NOW)
    progress = {"v": 1, "opponent": "BOT Alice", "ply": 7}
    report = EngineReport(node=NodeId("n1"), phase=ActorPhase.PLAYING, progress=progress)
    registry = registry.described(registry.engines[A], report, NOW)
    return registry.entered(ActorName("engine:b"), NOW)[0]


def test_they_name_the_bot_and_its_problem() -> None:
    bot = read(Registry(), problem="there is no Lichess token")
    assert (bot.bot, bot.problem) == (BOT, "there is no Lichess token")


def test_they_have_the_metrics_as_json_for_users_and_as_text_for_prometheus() -> None:
    bot = read(Registry())
    assert "\ncrabstick_moves_total 1.0\n" in bot.metrics
    shown: Any = bot.shown()
    assert shown["ledger"]["values"]["crabstick_moves_total"] == {"": 1}
    assert "metrics" not in shown


def test_an_older_worker_set_sends_no_text() -> None:
    assert not Statistics.read({"v": 1, "bot": BOT, "ledger": {}}).metrics


def test_each_game_shows_its_actor_and_its_progress() -> None:
    played, waiting = read(a_registry()).games
    assert (played.actor, played.node, played.opponent, played.ply) == (A, "n1", "BOT Alice", 7)
    assert (waiting.actor, waiting.node, waiting.opponent) == (None, None, "Bob")


def test_a_game_without_an_actor_shows_no_progress() -> None:
    games = read(a_registry()).shown()["games"]
    assert isinstance(games, list)
    assert sorted(games[1]) == ["actor", "id", "node", "opponent", "speed", "takeovers"]


def test_every_actor_is_shown_with_its_node_or_none() -> None:
    assert read(a_registry()).shown()["actors"] == [
        {"name": A, "phase": "playing", "node": "n1"},
        {"name": "engine:b", "phase": "starting", "node": ""},
    ]
