"""What runs where, and which silent actors count as lost before Ray is sure.

Pure. `observe` turns registry and nodes into the `Observed` of `placement` and `scaling`.
`suspects` is slow to suspect, and never suspects all actors at once. A suspect loses its game to a
standby. The game stream is the lease, so a suspect that was only slow notices the loss by itself,
and leaves. A wrong suspicion costs one reconnect, a missing one costs the clock. Moments are
`timedelta` on one monotonic clock.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from crabstick.rules.cluster_view import (
    DEFAULT_ENGINE,
    ActorPhase,
    ClusterNode,
    Demand,
    EngineRecord,
    Observed,
)
from crabstick.rules.lichess_types import ActorName, NodeId
from crabstick.rules.registry import Registry

STARTS_WITHIN: Final = timedelta(seconds=60)
"""An actor starts in 2 s, on a machine with seven times the load it can carry in 13 s; its engine
may take longer."""
NODE_COMES_WITHIN: Final = timedelta(minutes=3)
"""A node that takes longer will not come: a quota is used up, or no machines are left."""
RAY_COUNTS_WITHIN: Final = timedelta(milliseconds=500)
"""A raylet reports the free resources of its node every 100 ms."""
SILENCE_LIMIT = timedelta(seconds=3)
GRACE_AFTER_START = timedelta(seconds=10)
GRACE_AFTER_OWN_STALL = timedelta(seconds=5)
MOST_AT_ONCE = 2
MASS_SILENCE = 2
"""When so many actors are silent, and they are the majority, the fault is more likely ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nodes:
    """The Ray nodes as they were at `read_at`."""

    views: tuple[ClusterNode, ...] = ()
    read_at: timedelta = timedelta(0)

    @property
    def staying(self) -> set[NodeId]:
        """The nodes that do not drain."""
        return {node.id for node in self.views if not node.is_draining}

    @property
    def draining(self) -> set[NodeId]:
        """The nodes that drain."""
        return {node.id for node in self.views if node.is_draining}


def observe(
    registry: Registry,
    nodes: Nodes,
    now: timedelta,
    demands: Mapping[str, Demand] = MappingProxyType({}),
) -> Observed:
    """What runs where; what was taken since the nodes were read does not count as free.

    `demands` are those of the engines, by name; an actor of another engine, which the settings had
    before, counts as one of the default engine.
    """
    doubtful = registry.doubtful_nodes(now)
    taken = _placed_since(registry, nodes.read_at - RAY_COUNTS_WITHIN)
    return Observed(
        actors=tuple(
            replace(
                engine,
                engine=engine.engine if engine.engine in demands else DEFAULT_ENGINE,
                is_suspect=engine.is_suspect or _is_late(engine, now, demands.get(engine.engine)),
            )
            for engine in registry.engines.values()
        ),
        nodes=tuple(
            replace(
                node,
                free=_left(node.free, [demands[one] for one in taken[node.id] if one in demands]),
                is_doubtful=node.id in doubtful,
            )
            for node in nodes.views
        ),
        last_game_start=registry.last_game_start,
    )


def _is_late(engine: EngineRecord, now: timedelta, demand: Demand | None) -> bool:
    """Whether the actor has a node and should have started long ago."""
    is_placed = engine.phase is ActorPhase.STARTING and engine.node is not None
    patience = max(STARTS_WITHIN, demand.engine_start) if demand else STARTS_WITHIN
    return is_placed and now - engine.since > patience


def _placed_since(registry: Registry, moment: timedelta) -> Mapping[NodeId | None, list[str]]:
    """By node, the engines of the starting actors that were placed since `moment`."""
    placed: dict[NodeId | None, list[str]] = defaultdict(list)
    for engine in registry.engines.values():
        if engine.phase is ActorPhase.STARTING and engine.since >= moment:
            placed[engine.node].append(engine.engine)
    return placed


def _left(free: Mapping[str, float], taken: Sequence[Demand]) -> Mapping[str, float]:
    for demand in taken:
        free = demand.left_of(free)
    return free


def has_waited_too_long(registry: Registry, plays: str, now: timedelta) -> bool:
    """Whether an actor of an engine has waited so long for a node that none will come."""
    return any(
        engine.phase is ActorPhase.STARTING
        and engine.node is None
        and engine.engine == plays
        and now - engine.since > NODE_COMES_WITHIN
        for engine in registry.engines.values()
    )


def moving(registry: Registry, draining: Collection[NodeId]) -> Sequence[EngineRecord]:
    """The actors whose running games have to move to other actors."""
    running = {game.id for game in registry.running()}
    return [
        engine
        for engine in registry.engines.values()
        if engine.phase is ActorPhase.PLAYING and engine.game in running
        if engine.leave_by is not None or engine.node in draining
    ]


def suspects(
    engines: Collection[EngineRecord],
    staying: Collection[NodeId],
    *,
    now: timedelta,
    own_stall: timedelta | None,
) -> tuple[ActorName, ...]:
    """Returns the actors to replace now, longest silent first, at most `MOST_AT_ONCE`.

    Args:
        engines: all actors; only those that play are judged.
        staying: the nodes that Ray calls neither dead nor draining.
        now: the moment of judgement.
        own_stall: when our own loop last stood still, and could read no answers.
    """
    if own_stall is not None and now - own_stall < GRACE_AFTER_OWN_STALL:
        return ()
    busy = [engine for engine in engines if engine.phase is ActorPhase.PLAYING]
    silent = [engine for engine in busy if now - engine.last_seen > SILENCE_LIMIT]
    if len(silent) >= MASS_SILENCE and len(silent) * 2 > len(busy):
        silent = [engine for engine in silent if engine.node not in staying]
    ripe = [
        engine
        for engine in silent
        if engine.node not in staying or now - engine.since >= GRACE_AFTER_START
    ]
    ripe.sort(key=lambda engine: (engine.last_seen, engine.name))
    return tuple(engine.name for engine in ripe[:MOST_AT_ONCE])
