"""Which node is emptied so that it can go: the one with the fewest games, when they fit elsewhere.

Pure. A node that Ray may end is one without actors; games that ended have left holes on many nodes,
and no hole ends a node. `Consolidation` finds a node whose games fit into the holes of the others,
and `plan` moves them as it does when a node drains, but without any hurry. Moments are `timedelta`
on one monotonic clock.

The laws (tests/unit/rules/test_consolidation.py): it calls for no node, it fills no node that is
empty, and games that come meanwhile come first.
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self

from crabstick.rules.cluster_view import ActorPhase, Capacity, NodeView, Observed, WantedGame
from crabstick.rules.model import NodeId
from crabstick.rules.placement import owners_of

__all__ = ["FITS_FOR", "Consolidation"]

FITS_FOR = timedelta(seconds=15)
"""Not for the first hole: a rematch may fill it at once. See benchmarks/elasticity.py."""
AT_LEISURE = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consolidation:
    """How far it has come: since when a node could be spared, and the one that is being emptied."""

    fits_since: timedelta | None = None
    leaving: NodeId | None = None

    def after(
        self,
        wanted: Collection[WantedGame],
        observed: Observed,
        capacity: Capacity,
        now: timedelta,
        fits_for: timedelta = FITS_FOR,
    ) -> Self:
        """What becomes of it at a look at the cluster; `observed` is without `shown`."""
        if self.leaving is not None:
            is_empty = not any(actor.node == self.leaving for actor in observed.actors)
            if is_empty or not _fits(self.leaving, wanted, observed, capacity):
                return replace(self, leaving=None)
            return self
        node = _spare(wanted, observed, capacity)
        if node is None:
            return replace(self, fits_since=None)
        if self.fits_since is None:
            return replace(self, fits_since=now)
        if now - self.fits_since < fits_for:
            return self
        return replace(self, fits_since=None, leaving=node)

    def shown(self, observed: Observed) -> Observed:
        """The cluster as `plan` shall see it: the node drains, and nothing presses."""
        if self.leaving is None:
            return observed
        return replace(observed, nodes=tuple(self._marked(node) for node in observed.nodes))

    def _marked(self, node: NodeView) -> NodeView:
        is_ours = node.id == self.leaving and not node.is_draining
        return replace(node, drains_in=AT_LEISURE) if is_ours else node


def _spare(wanted: Collection[WantedGame], observed: Observed, capacity: Capacity) -> NodeId | None:
    """The node with the fewest games, if nothing goes on and they fit on the others."""
    owners = owners_of(observed.actors)
    is_calm = (
        all(game.id in owners for game in wanted)
        and not any(node.is_draining for node in observed.nodes)
        and not any(actor.phase is ActorPhase.STARTING for actor in observed.actors)
    )
    if not is_calm:
        return None
    crew = Counter(actor.node for actor in observed.actors)
    games = Counter(owners[game.id].node for game in wanted)
    busy = [node.id for node in observed.nodes if crew[node.id]]
    emptiest = min(busy, key=lambda node: (games[node], crew[node], node), default=None)
    if emptiest is None or not _fits(emptiest, wanted, observed, capacity):
        return None
    return emptiest


def _fits(
    leaving: NodeId,
    wanted: Collection[WantedGame],
    observed: Observed,
    capacity: Capacity,
) -> bool:
    """Whether all games and the standbys have a place on the other nodes that have some already."""
    draining = {node.id for node in observed.nodes if node.is_draining}
    owners = owners_of(observed.actors)
    elsewhere = [a for a in observed.actors if a.node != leaving and a.node not in draining]
    crew = {actor.node for actor in elsewhere}
    idle = sum(
        a.phase in {ActorPhase.STANDBY, ActorPhase.STARTING} and a.node is not None
        for a in elsewhere
    )
    slots = sum(node.free_slots for node in observed.nodes if node.id in crew)
    settled = {actor.name for actor in elsewhere}
    homeless = sum(game.id not in owners or owners[game.id].name not in settled for game in wanted)
    return idle + slots >= homeless + capacity.standby
