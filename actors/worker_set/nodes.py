"""The Ray nodes as they were when we last looked, and what has happened there since."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from actors.worker_set.registry import Registry
from crabstick.rules.cluster_view import NodeView, Observed
from crabstick.rules.model import NodeId

__all__ = ["Nodes"]

RAY_COUNTS_WITHIN = timedelta(milliseconds=500)
"""A raylet tells every 100 ms what is free there."""


class Nodes:
    """Plain bookkeeping; moments are monotonic."""

    def __init__(self) -> None:
        self.views: tuple[NodeView, ...] = ()
        self._looked_at = timedelta(0)

    def take(self, views: Sequence[NodeView], looked_at: timedelta) -> None:
        """What a look has shown that began at that moment."""
        self.views, self._looked_at = tuple(views), looked_at

    @property
    def healthy(self) -> set[NodeId]:
        """Those that stay."""
        return {node.id for node in self.views if not node.is_draining}

    @property
    def draining(self) -> set[NodeId]:
        """Those that shall be emptied."""
        return {node.id for node in self.views if node.is_draining}

    def observed(self, registry: Registry, now: timedelta) -> Observed:
        """What is where: a slot that was taken since the last look is free no more."""
        doubtful = registry.in_doubt(now)
        taken = registry.placed_since(self._looked_at - RAY_COUNTS_WITHIN)
        return Observed(
            actors=registry.views(now),
            nodes=tuple(
                replace(
                    node,
                    free_slots=max(node.free_slots - taken[node.id], 0),
                    is_doubtful=node.id in doubtful,
                )
                for node in self.views
            ),
            last_game_start=registry.last_game_start,
        )
