"""The one picture that `/metrics`, `/games`, `status`, the live table and the dashboard show."""

from collections.abc import Collection

from actors.messages import PROTOCOL, ActorConfig, Packed
from actors.worker_set.gauges import Gauges
from actors.worker_set.registry import Registry
from crabstick.rules.cluster_view import NodeView
from crabstick.rules.limits import ENDPOINTS
from crabstick.rules.model import GameId

__all__ = ["statistics"]


def statistics(
    config: ActorConfig,
    registry: Registry,
    nodes: Collection[NodeView],
    gauges: Gauges,
    *,
    problem: str,
) -> Packed:
    """Writes the gauges of this moment into the ledger and returns all as a JSON-able message."""
    gauges.show(registry, nodes, has_problem=bool(problem))
    limits = registry.board.export()
    return {
        "v": PROTOCOL,
        "bot": config.bot,
        "fingerprint": config.fingerprint,
        "problem": problem,
        "limits": {what: limits[what] for what in ENDPOINTS if what in limits},
        "ledger": gauges.ledger.snapshot(),
        "games": [_game(registry, game_id) for game_id in registry.games],
        "actors": [
            {"name": member.name, "phase": member.phase.value, "node": member.node or ""}
            for member in registry.members.values()
        ],
    }


def _game(registry: Registry, game_id: GameId) -> Packed:
    game, owner = registry.games[game_id], registry.owner_of(game_id)
    progress = owner.progress.model_dump() if owner else {}
    return {
        **progress,
        "id": game.id,
        "opponent": progress.get("opponent") or game.opponent,
        "speed": game.speed,
        "takeovers": game.takeovers,
        "actor": owner.name if owner else None,
        "node": owner.node if owner else None,
    }
