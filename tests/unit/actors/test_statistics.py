"""What the WorkerSet says of a running bot."""

from actors.messages import Statistics
from actors.worker_set.statistics import statistics
from crabstick.game.rate_limits import RateLimits
from crabstick.rules.cluster_view import ActorPhase
from crabstick.rules.model import ActorName, GameId, NodeId
from crabstick.rules.registry import Registry
from crabstick.rules.registry_records import EngineReport, GameRecord
from tests.builders import seconds
from tests.unit.actors.configs import BOT, a_config

NOW = seconds(100)
GAME = GameId("abcdefgh")
A = ActorName("engine:a")


def said(registry: Registry, problem: str = "") -> Statistics:
    """The statistics as another process reads them."""
    limits = RateLimits(NOW.total_seconds)
    ledger: dict[str, object] = {"v": 1}
    return Statistics.read(statistics(a_config(), registry, limits, ledger, problem).pack())


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


def test_it_says_whose_bot_it_is_and_what_is_wrong() -> None:
    bot = said(Registry(), problem="there is no Lichess token")
    assert (bot.bot, bot.problem, bot.ledger) == (BOT, "there is no Lichess token", {"v": 1})


def test_each_game_shows_its_actor_and_how_it_stands() -> None:
    played, waiting = said(a_registry()).games
    assert (played.actor, played.node, played.opponent, played.ply) == (A, "n1", "BOT Alice", 7)
    assert (waiting.actor, waiting.node, waiting.opponent) == (None, None, "Bob")


def test_a_game_without_an_actor_shows_no_progress() -> None:
    games = said(a_registry()).pack()["games"]
    assert isinstance(games, list)
    assert sorted(games[1]) == ["actor", "id", "node", "opponent", "speed", "takeovers"]


def test_every_actor_is_shown_with_its_node_or_none() -> None:
    assert said(a_registry()).pack()["actors"] == [
        {"name": A, "phase": "playing", "node": "n1"},
        {"name": "engine:b", "phase": "starting", "node": ""},
    ]
