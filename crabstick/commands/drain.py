"""`crabstick drain NODE`: moves a node's games to other nodes, then the node leaves."""

import asyncio
import time
from datetime import timedelta

from rich.console import Console

from actors.cluster import drain_node, read_nodes
from actors.messages import Statistics
from actors.ops.find_node import find_node, is_alive
from crabstick.errors import EnvironmentProblem
from crabstick.explain import counted
from crabstick.rules.cluster_view import DEFAULT_ENGINE, ClusterNode
from crabstick.settings import Settings
from crabstick.terminal.running_bot import connected, fetch_statistics

POLL_S = 0.5
LEAVING_TAKES = timedelta(seconds=10)
"""Ray removes an empty node at once; a node that stays longer runs something else."""


def drain(
    settings: Settings, wish: str, within: timedelta, *, address: str | None, console: Console
) -> None:
    """Drains the node that `wish` names, and follows until it is empty.

    Ctrl-C stops following, not the drain. Games that are still there after `within` move in
    mid-thought, as soon as another node has room.

    Raises:
        ConfigError: there is no such node, or it cannot be drained.
        EnvironmentProblem: no WorkerSet runs that could hand the games over.
    """
    namespace = settings.cluster.namespace
    with connected(settings, address):
        demand = settings.demands()[DEFAULT_ENGINE]
        node = find_node(wish, [node.seen_by(demand) for node in read_nodes()])
        statistics = asyncio.run(fetch_statistics(namespace))
        if statistics is None:
            raise EnvironmentProblem(
                f"no WorkerSet answers in the namespace {namespace}, and nothing else hands games "
                "over: nothing was changed; `crabstick up` starts one"
            )
        left = drain_node(node.id, within)
        console.print(f"node {node} drains within {left.total_seconds():.0f} s", soft_wrap=True)
        progress = DrainProgress(node, time.monotonic() + left.total_seconds())
        try:
            asyncio.run(_follow(progress, statistics, settings, console))
        except KeyboardInterrupt:
            console.print("no longer following; the node goes on draining")


async def _follow(
    progress: "DrainProgress", statistics: Statistics | None, settings: Settings, console: Console
) -> None:
    while await asyncio.to_thread(is_alive, progress.node):
        if statistics is not None:
            for line in progress.update(statistics, time.monotonic()):
                console.print(line, soft_wrap=True)
        if progress.is_done:
            return
        await asyncio.sleep(POLL_S)
        statistics = await fetch_statistics(settings.cluster.namespace)
    console.print(f"node {progress.node} has left the cluster", soft_wrap=True)


class DrainProgress:
    """How far a node is drained; its time is up at `ends_s` (monotonic clock)."""

    def __init__(self, node: ClusterNode, ends_s: float) -> None:
        self.node = node
        self.is_done = False
        """Whether the node has been empty for a while, and still has not left the cluster."""
        self._ends_s = ends_s
        self._games: int | None = None
        self._is_late = False
        self._empty_since_s: float | None = None

    def update(self, statistics: Statistics, now_s: float) -> list[str]:
        """Returns the lines to print about what has changed."""
        lines = []
        games = sum(game.node == self.node.id for game in statistics.games)
        if games != self._games:
            self._games = games
            lines.append(f"{counted(games, 'game')} to hand over …" if games else "no game is left")
        if games and now_s > self._ends_s and not self._is_late:
            self._is_late = True
            lines.append("the time is up: games stay where they are until there is room elsewhere")
        if any(actor.node == self.node.id for actor in statistics.actors):
            self._empty_since_s = None
        elif self._empty_since_s is None:
            self._empty_since_s = now_s
        elif now_s - self._empty_since_s > LEAVING_TAKES.total_seconds():
            self.is_done = True
            lines.append(f"node {self.node} is empty; something else keeps it in the cluster")
        return lines
