"""Makes the message that `/metrics`, `/games`, `status` and the live table show."""

from actors.messages import ActorConfig, ActorRow, GameRow, Statistics
from crabstick.game.rate_limits import RateLimits
from crabstick.rules.lichess_types import ENDPOINTS
from crabstick.rules.registry import Registry
from crabstick.rules.registry_records import GameRecord
from crabstick.telemetry.bot_metrics import BotMetrics


def statistics(
    config: ActorConfig,
    registry: Registry,
    rate_limits: RateLimits,
    metrics: BotMetrics,
    problem: str,
) -> Statistics:
    """The state of the bot at this moment."""
    limits = rate_limits.export()
    return Statistics(
        bot=config.bot,
        fingerprint=config.fingerprint,
        problem=problem,
        limits={what: limits[what] for what in ENDPOINTS if what in limits},
        ledger=metrics.snapshot(),
        metrics=metrics.text(),
        games=tuple(_row(registry, game) for game in registry.games.values()),
        actors=tuple(
            ActorRow(name=engine.name, phase=engine.phase.value, node=engine.node or "")
            for engine in registry.engines.values()
        ),
    )


def _row(registry: Registry, game: GameRecord) -> GameRow:
    owner = registry.owner_of(game.id)
    progress = dict(owner.progress) if owner else {}
    return GameRow.model_validate(
        {
            **progress,
            "id": game.id,
            "opponent": progress.get("opponent") or game.opponent,
            "speed": game.speed,
            "takeovers": game.takeovers,
            "actor": owner.name if owner else None,
            "node": owner.node if owner else None,
        }
    )
