"""The points that are looked at in a running cluster, in the order in which they are told."""

from collections.abc import Callable, Iterator
from typing import Final

from actors.ops.report import SILENCE, Autoscaler
from crabstick.commands import node_points
from crabstick.commands.seen_cluster import Found, SeenCluster, Words
from crabstick.errors import EnvironmentProblem
from crabstick.settings import Settings
from crabstick.terminal.plural import counted

__all__ = ["points"]


def points(cluster: SeenCluster, settings: Settings) -> Iterator[tuple[str, Words]]:
    """Each point, with how it is there or what is wrong."""
    for subject, look, well in _POINTS:
        found = list(look(cluster, settings))
        yield from ((subject, words) for words in found)
        if not found:
            yield subject, well


def _whole(cluster: SeenCluster, _settings: Settings) -> Found:
    count = counted(len(cluster.nodes), "node")
    yield f"Ray {cluster.ray} with Python {cluster.python} at {cluster.address}, {count}"


def _head(cluster: SeenCluster, _settings: Settings) -> Found:
    head = cluster.head
    if head is None:
        yield EnvironmentProblem(
            "no living node is the head of the cluster: look whether Ray runs there"
        )
    elif not head.cpus:
        yield f"{head} plays no games"
    elif cluster.is_own:
        yield f"{head} plays as well, as on every Ray that crabstick starts by itself"
    else:
        yield EnvironmentProblem(
            f"the head {head} offers {head.cpus:g} CPUs for games, which would disturb the bot and "
            'each other: start it with --num-cpus=0 (on Kubernetes rayStartParams.num-cpus: "0"), '
            "and other nodes for the games"
        )


def _autoscaler(cluster: SeenCluster, settings: Settings) -> Found:
    scaling = cluster.scaling
    if scaling.autoscaler is Autoscaler.NONE:
        yield _none(cluster, settings)
    elif scaling.autoscaler is Autoscaler.V1:
        yield EnvironmentProblem(
            "the autoscaler is Ray's old one, which ends busy nodes without a drain: write "
            "autoscalerOptions.version: v2 (without KubeRay RAY_enable_autoscaler_v2=1 on the head)"
        )
    elif scaling.is_silent:
        yield EnvironmentProblem(
            f"the autoscaler has said nothing for {SILENCE.total_seconds():g} s, so no node comes "
            "or goes: its log tells why (on Kubernetes `kubectl logs HEAD-POD -c autoscaler`)"
        )
    elif scaling.has_no_place:
        slot = settings.cluster
        yield EnvironmentProblem(
            f"the autoscaler knows no group of nodes that a game fits on ({slot.slot_cpus:g} CPUs, "
            f"{slot.slot_memory_mb} MB): make the nodes larger, or cluster.slot_cpus and "
            "cluster.slot_memory_mb smaller"
        )
    elif settings.cluster.autoscaling:
        yield "v2, and it answers"
    else:
        yield "v2, and it answers; the bot makes more of it with cluster.autoscaling: true"


def _none(cluster: SeenCluster, settings: Settings) -> Words:
    if settings.cluster.autoscaling:
        why = "cluster.autoscaling is true"
    elif cluster.is_meant_to_grow and not cluster.is_own:
        why = "KubeRay or `ray up` made this cluster"
    else:
        return "none, so the cluster does not grow"
    return EnvironmentProblem(
        f"{why} and no autoscaler runs, so no node comes when a game needs one: on Kubernetes "
        "write enableInTreeAutoscaling: true and autoscalerOptions.version: v2, elsewhere start "
        "the head by `ray up`, or set cluster.autoscaling: false"
    )


def _room(cluster: SeenCluster, settings: Settings) -> Found:
    games, standby = settings.challenges.max_games, settings.cluster.standby
    slots = sum(node.slots for node in cluster.players if node.drains_in is None)
    has = f"{counted(slots, 'slot')} for {counted(games, 'game')} and a standby of {standby}"
    if slots >= games + standby:
        yield has
    elif cluster.scaling.autoscaler is not Autoscaler.NONE:
        yield f"{has} so far; more nodes come when they are needed"
    else:
        yield EnvironmentProblem(
            f"the cluster has {counted(slots, 'slot')} for games, and challenges.max_games "
            f"({games}) and cluster.standby ({standby}) want {games + standby}: add nodes, or "
            "lower them"
        )


def _drains(cluster: SeenCluster, _settings: Settings) -> Found:
    for node in cluster.nodes:
        if node.drains_in is not None:
            left_s = node.drains_in.total_seconds()
            yield f"{node} leaves within {left_s:.0f} s, and gets no more games"


_POINTS: Final[tuple[tuple[str, Callable[[SeenCluster, Settings], Found], str], ...]] = (
    ("cluster", _whole, ""),
    ("head", _head, ""),
    ("autoscaler", _autoscaler, ""),
    ("room", _room, ""),
    ("drains", _drains, "no node is leaving"),
    ("code", node_points.code, "the same on every node, and here"),
    ("Lichess token", node_points.token, "on every node"),
    ("engine", node_points.engine, "on every node that plays"),
    ("Python", node_points.python, "the same on every node"),
    ("variables", node_points.variables, "Ray's own are alike on every node"),
    ("clocks", node_points.clocks, "together within a second"),
    ("nodes", node_points.unseen, "all were looked at"),
)
"""Subject, what is found there, and what is said when nothing is."""
