"""The one picture that `/metrics`, `/games`, `status`, the live table and the dashboard show."""

from collections.abc import Collection

from actors.gauges import Gauges
from actors.messages import PROTOCOL, Birth, Packed
from actors.roster import Roster
from crabstick.rules.cluster_view import NodeView
from crabstick.rules.limits import ENDPOINTS
from crabstick.rules.model import GameId

__all__ = ["statistics"]


def statistics(
    birth: Birth,
    roster: Roster,
    nodes: Collection[NodeView],
    gauges: Gauges,
    *,
    problem: str,
) -> Packed:
    """Writes the gauges of this moment into the ledger and returns all as a JSON-able message."""
    gauges.show(roster, nodes, has_problem=bool(problem))
    limits = roster.board.pack()
    return {
        "v": PROTOCOL,
        "bot": birth.bot,
        "fingerprint": birth.fingerprint,
        "problem": problem,
        "limits": {what: limits[what] for what in ENDPOINTS if what in limits},
        "ledger": gauges.ledger.snapshot(),
        "games": [_game(roster, game_id) for game_id in roster.games],
        "actors": [
            {"name": member.name, "phase": member.phase.value, "node": member.node or ""}
            for member in roster.members.values()
        ],
    }


def _game(roster: Roster, game_id: GameId) -> Packed:
    game, owner = roster.games[game_id], roster.owner_of(game_id)
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
