"""`crabstick drain NODE`: the games of a node move to others, between moves, and it leaves."""

import asyncio
import time
from datetime import timedelta

from rich.console import Console

from actors.cluster import read_nodes
from actors.messages import Statistics
from actors.ops.connect import connect, disconnect
from actors.ops.drain import drain_node, find_node, is_alive
from crabstick.errors import EnvironmentProblem
from crabstick.rules.cluster_view import ClusterNode
from crabstick.settings import Settings
from crabstick.terminal.cluster import cluster_of
from crabstick.terminal.plural import counted
from crabstick.terminal.poll import fetch_statistics

__all__ = ["Progress", "drain"]

LOOK_EVERY_S = 0.5
LEAVING_TAKES = timedelta(seconds=10)
"""Ray lets an empty node go at once; one that stays has something else to do."""


def drain(
    settings: Settings, wish: str, within: timedelta, *, address: str | None, console: Console
) -> None:
    """Drains the node that `wish` names, and follows until it is empty; Ctrl-C only ends that.

    Games that are still there when `within` is up move in mid-thought, as soon as there is room.

    Raises:
        ConfigError: there is no such node, or it cannot be drained.
        EnvironmentProblem: nobody is there to hand its games over.
    """
    cluster = cluster_of(address)
    if cluster is None or cluster.is_unfinished:
        raise EnvironmentProblem("no bot runs here: name its cluster by --address or RAY_ADDRESS")
    namespace = settings.cluster.namespace
    connect(cluster.address, namespace)
    try:
        node = find_node(wish, read_nodes(settings.cluster))
        picture = asyncio.run(_picture(namespace))
        left = drain_node(node, within)
        console.print(f"node {node} drains within {left.total_seconds():.0f} s", soft_wrap=True)
        progress = Progress(node, time.monotonic() + left.total_seconds())
        asyncio.run(_follow(progress, picture, settings, console))
    except KeyboardInterrupt:
        console.print("no longer following; the node goes on draining")
    finally:
        disconnect()


async def _picture(namespace: str) -> Statistics:
    seen = await fetch_statistics(namespace)
    if seen is None:
        raise EnvironmentProblem(
            f"no WorkerSet answers in the namespace {namespace}, and nobody else hands games over: "
            "nothing was changed; `crabstick up` starts one"
        )
    return seen


async def _follow(
    progress: "Progress", seen: Statistics | None, settings: Settings, console: Console
) -> None:
    while await asyncio.to_thread(is_alive, progress.node, settings.cluster):
        if seen is not None:
            for line in progress.lines(seen, time.monotonic()):
                console.print(line, soft_wrap=True)
        if progress.is_done:
            return
        await asyncio.sleep(LOOK_EVERY_S)
        seen = await fetch_statistics(settings.cluster.namespace)
    console.print(f"node {progress.node} has left the cluster", soft_wrap=True)


class Progress:
    """What there is to say of a node that drains; `ends_s` is when its time is up, monotonic."""

    def __init__(self, node: ClusterNode, ends_s: float) -> None:
        self.node = node
        self.is_done = False
        """Whether nothing of ours is there any more, and yet the node stays."""
        self._ends_s = ends_s
        self._games: int | None = None
        self._is_late = False
        self._empty_since_s: float | None = None

    def lines(self, seen: Statistics, now_s: float) -> list[str]:
        """What is new in this picture."""
        lines = []
        games = sum(game.node == self.node.id for game in seen.games)
        if games != self._games:
            self._games = games
            lines.append(f"{counted(games, 'game')} to hand over …" if games else "no game is left")
        if games and now_s > self._ends_s and not self._is_late:
            self._is_late = True
            lines.append("the time is up: games stay where they are until there is room elsewhere")
        self._note_empty(any(actor.node == self.node.id for actor in seen.actors), now_s)
        if self.is_done:
            lines.append(f"node {self.node} is empty; something else keeps it in the cluster")
        return lines

    def _note_empty(self, has_actors: bool, now_s: float) -> None:  # noqa: FBT001 -- private
        if has_actors:
            self._empty_since_s = None
        elif self._empty_since_s is None:
            self._empty_since_s = now_s
        else:
            self.is_done = now_s - self._empty_since_s > LEAVING_TAKES.total_seconds()
