"""Fits the cluster to the games: how many actors stand by, and which node to empty.

Pure. A node that is requested when the last slot is taken comes too late for the next game. So
`headroom` grows with the traffic: recent starts less recent ends, and the random variation of both
(Poisson). An owner who wants no standby pays for no node without a game.

Ray ends only nodes without actors, and games that ended leave free slots on many nodes.
`Consolidation` finds the node with the fewest games when the actors of each engine that are there
fit on the other nodes; `plan` moves these games as when a node drains, but without hurry. Moments
are `timedelta` on one monotonic clock.

The laws (tests/unit/rules/test_scaling.py): never fewer standbys than the owner wants; more
games never mean fewer standbys; without traffic, exactly as many as the owner wants; none if the
owner wants none. Consolidation asks for no node, fills no empty node, and gives way to games that
come meanwhile.
"""

import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self

from crabstick.rules.cluster_view import ActorPhase, Capacity, ClusterNode, GameRecord, Observed
from crabstick.rules.lichess_types import NodeId
from crabstick.rules.placement import owners_of

LATELY = timedelta(minutes=10)
"""The traffic within this time predicts the traffic to come."""
NODE_TAKES = timedelta(seconds=30)
"""From the request for a node until an actor plays there; on Kubernetes with a cached image."""
SPREAD = 3.1
"""The headroom covers the expected number of games plus this many standard deviations."""
FITS_FOR = timedelta(seconds=15)
"""A slot counts only after being free this long: a rematch may fill it. See
benchmarks/elasticity.py."""
NO_HURRY = timedelta(hours=1)


def headroom(wish: int, begun: int, ended: int, node_takes: timedelta = NODE_TAKES) -> int:
    """Returns how many actors should stand by.

    Args:
        wish: the owner's setting, the minimum.
        begun: games that started within `LATELY`.
        ended: games that ended within `LATELY`.
        node_takes: how long a node takes to come.
    """
    if wish == 0:
        return 0
    share = node_takes / LATELY
    more = max(begun - ended, 0) * share
    return max(wish, math.ceil(more + SPREAD * math.sqrt((begun + ended) * share)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Consolidation:
    """Since when a node could be emptied, and the node that is being emptied."""

    fits_since: timedelta | None = None
    leaving: NodeId | None = None

    def after(
        self,
        wanted: Collection[GameRecord],
        observed: Observed,
        capacities: Mapping[str, Capacity],
        now: timedelta,
        fits_for: timedelta = FITS_FOR,
    ) -> Self:
        """Returns the next state; `observed` is the cluster of all engines before `apply_to`."""
        if self.leaving is not None:
            is_empty = not any(actor.node == self.leaving for actor in observed.actors)
            if is_empty or not _fits(self.leaving, wanted, observed, capacities):
                return replace(self, leaving=None)
            return self
        node = _emptiest(wanted, observed, capacities)
        if node is None:
            return replace(self, fits_since=None)
        if self.fits_since is None:
            return replace(self, fits_since=now)
        if now - self.fits_since < fits_for:
            return self
        return replace(self, fits_since=None, leaving=node)

    def apply_to(self, observed: Observed) -> Observed:
        """Marks the node that is being emptied as draining, for `plan`."""
        if self.leaving is None:
            return observed
        return replace(observed, nodes=tuple(self._marked(node) for node in observed.nodes))

    def _marked(self, node: ClusterNode) -> ClusterNode:
        is_ours = node.id == self.leaving and not node.is_draining
        return replace(node, drains_in=NO_HURRY) if is_ours else node


def _emptiest(
    wanted: Collection[GameRecord], observed: Observed, capacities: Mapping[str, Capacity]
) -> NodeId | None:
    """The node with the fewest games that fit elsewhere, if no game waits and no actor starts."""
    owners = owners_of(observed.actors)
    is_at_rest = (
        all(game.id in owners for game in wanted)
        and not any(node.is_draining for node in observed.nodes)
        and not any(a.phase is ActorPhase.STARTING and a.node for a in observed.actors)
    )
    if not is_at_rest:
        return None
    actors = Counter(actor.node for actor in observed.actors)
    games = Counter(owners[game.id].node for game in wanted)
    busy = [node.id for node in observed.nodes if actors[node.id]]
    busy.sort(key=lambda node: (games[node], actors[node], node))
    return next((node for node in busy if _fits(node, wanted, observed, capacities)), None)


def _fits(
    leaving: NodeId,
    wanted: Collection[GameRecord],
    observed: Observed,
    capacities: Mapping[str, Capacity],
) -> bool:
    """Whether all games and standbys have a place on other nodes that hold actors already.

    No engine moves to a rarer node. One that does not fit this node lacks nothing without it.
    """
    draining = {node.id for node in observed.nodes if node.is_draining}
    owners = owners_of(observed.actors)
    elsewhere = [a for a in observed.actors if a.node != leaving and a.node not in draining]
    occupied, settled = {actor.node for actor in elsewhere}, {actor.name for actor in elsewhere}
    lacking = Counter({engine: capacity.standby for engine, capacity in capacities.items()})
    lacking.update(
        game.engine
        for game in wanted
        if game.id not in owners or owners[game.id].name not in settled
    )
    idle = {ActorPhase.STANDBY, ActorPhase.STARTING}
    lacking.subtract(a.engine for a in elsewhere if a.phase in idle and a.node is not None)
    gone = [node for node in observed.nodes if node.id == leaving]
    others = [node for node in observed.nodes if node.id in occupied]
    for engine in sorted(capacities, key=lambda name: -len(capacities[name].demand.resources)):
        demand = capacities[engine].demand
        here = [node.seen_by(demand) for node in gone]
        for index, node in enumerate(others):
            seen = node.seen_by(demand)
            is_open = not seen.is_rare or any(node.is_rare for node in here)
            taken = min(seen.free_slots, max(lacking[engine], 0)) if is_open else 0
            others[index] = replace(node, free=demand.left_of(node.free, taken))
            lacking[engine] -= taken
        if lacking[engine] > 0 and any(node.slots for node in here):
            return False
    return True
