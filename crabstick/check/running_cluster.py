"""Judges a running cluster by the results of a probe; connects to nothing itself."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from actors.ops.probe_results import (
    SILENCE,
    Autoscaler,
    ClockOffset,
    NodeFacts,
    NodeReport,
    ScalingReport,
)
from crabstick.check.finding import Finding, fault, together
from crabstick.check.ray_flags import flaws
from crabstick.errors import EnvironmentProblem
from crabstick.explain import counted
from crabstick.rules.cluster_view import asked, unplaced
from crabstick.settings import TOKEN_VARIABLE, Settings

_FARTHEST_S: Final = 1
"""How far two clocks may be apart before two logs cannot be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningCluster:
    """A running cluster, as it was found from here, and the settings of its bot."""

    settings: Settings
    python: str  # ours, as `version` and `code` are
    version: str
    code: str
    nodes: Sequence[NodeReport]
    scaling: ScalingReport
    is_own: bool = False  # `crabstick up` started it on this machine

    @property
    def head(self) -> NodeReport | None:
        """The node with the bot itself."""
        return next((node for node in self.nodes if node.is_head), None)


NodeCheck = Callable[[RunningCluster, NodeReport, NodeFacts], Iterable[str]]


def per_node(flaws_of: NodeCheck) -> Callable[[RunningCluster], Iterator[Finding]]:
    """Checks each node that answered; nodes with the same flaw share a sentence."""

    def look(cluster: RunningCluster) -> Iterator[Finding]:
        seen = [(node, node.facts) for node in cluster.nodes if node.facts]
        found = ((node, words) for node, facts in seen for words in flaws_of(cluster, node, facts))
        return together(found, EnvironmentProblem)

    return look


def head(cluster: RunningCluster) -> Iterator[Finding]:
    """Checks that the head plays no games."""
    node = cluster.head
    if node is None:
        yield fault("no living node is the head of the cluster: does Ray run there?")
    elif not node.cpus:
        yield Finding(f"{node} plays no games")
    elif cluster.is_own:
        yield Finding(f"{node} plays as well, as in every local Ray cluster")
    else:
        yield fault(
            f"the head {node} offers {node.cpus:g} CPUs for games, which would disturb the bot and "
            'each other: start it with --num-cpus=0 (on Kubernetes rayStartParams.num-cpus: "0"), '
            "and other nodes for the games"
        )


def autoscaler(cluster: RunningCluster) -> Iterator[Finding]:
    """Checks that the autoscaler is v2, answers, and can make nodes for each engine's games."""
    scaling, demands = cluster.scaling, cluster.settings.demands()
    if scaling.autoscaler is Autoscaler.NONE:
        yield _no_autoscaler(cluster)
    elif scaling.autoscaler is Autoscaler.V1:
        yield fault(
            "the autoscaler is Ray's old one, which ends busy nodes without a drain: write "
            "autoscalerOptions.version: v2 (without KubeRay RAY_enable_autoscaler_v2=1 on the head)"
        )
    elif scaling.is_silent:
        yield fault(
            f"the autoscaler has said nothing for {SILENCE.total_seconds():g} s, so no node comes "
            "or goes: see its log (on Kubernetes `kubectl logs HEAD-POD -c autoscaler`)"
        )
    elif scaling.homeless:
        for name in scaling.homeless:
            yield fault(
                f"the autoscaler knows no group of nodes with the {asked(name, demands[name])}: "
                "add such a group, or make the nodes larger"
            )
    else:
        more = "; the bot uses it fully only with cluster.autoscaling: true"
        yield Finding("v2, and it answers" + more * (not cluster.settings.cluster.autoscaling))


def _no_autoscaler(cluster: RunningCluster) -> Finding:
    is_wanted = cluster.settings.cluster.autoscaling
    is_grouped = any(node.group for node in cluster.nodes)  # KubeRay and `ray up` name groups
    if not is_wanted and (cluster.is_own or not is_grouped):
        return Finding("none, so the cluster does not grow")
    return fault(
        "no autoscaler runs, so no node comes when a game needs one: on Kubernetes write "
        "enableInTreeAutoscaling: true and autoscalerOptions.version: v2, elsewhere start the head "
        "by `ray up`" + ", or set cluster.autoscaling: false" * is_wanted
    )


def slots(cluster: RunningCluster) -> Iterator[Finding]:
    """Checks that each engine's games fit a node, or that such a node may come."""
    words = unplaced(cluster.settings.demands(), [node for node in cluster.nodes if node.cpus])
    if words and cluster.scaling.autoscaler is Autoscaler.NONE:
        yield fault(f"{words}: add such a node, or ask for less")
    elif words:
        yield Finding(f"{words}, so far; such a node comes when a game or a standby needs it")


def room(cluster: RunningCluster) -> Iterator[Finding]:
    """Checks that staying nodes have slots for all games and standbys, or that more come."""
    games, standby = cluster.settings.challenges.max_games, cluster.settings.cluster.standby
    count = sum(node.slots for node in cluster.nodes if node.drains_in is None)
    has = f"{counted(count, 'slot')} for {counted(games, 'game')} and a standby of {standby}"
    if count >= games + standby:
        yield Finding(has)
    elif cluster.scaling.autoscaler is not Autoscaler.NONE:
        yield Finding(f"{has} so far; more nodes come when they are needed")
    else:
        yield fault(
            f"the cluster has {counted(count, 'slot')} for games, and challenges.max_games "
            f"({games}) and cluster.standby ({standby}) want {games + standby}: add nodes, or "
            "lower them"
        )


def drains(cluster: RunningCluster) -> Iterator[Finding]:
    """Reports the nodes that are leaving."""
    for node in cluster.nodes:
        if node.drains_in is not None:
            left_s = node.drains_in.total_seconds()
            yield Finding(f"{node} leaves within {left_s:.0f} s, and gets no more games")


def code(cluster: RunningCluster, _node: NodeReport, facts: NodeFacts) -> Iterator[str]:
    """Checks that the node runs the same crabstick as this command."""
    if facts.code != cluster.code:
        other = f"crabstick {facts.version} with other code than this crabstick {cluster.version}"
        yield (
            f"{other if facts.code else 'no code of crabstick'}: give all nodes the same image or "
            "checkout, or go by `ray job submit --working-dir . -- python -m crabstick ...`"
        )


def token(cluster: RunningCluster, _node: NodeReport, facts: NodeFacts) -> Iterator[str]:
    """Checks that the node has the Lichess token, to listen or to move."""
    if not facts.has_token:
        file = cluster.settings.lichess.token_file
        also = f" or the file {file}" if file else ""
        yield (
            f"no Lichess token, and games there cannot move: give Ray {TOKEN_VARIABLE}{also} "
            "where it starts (on Kubernetes from a Secret)"
        )


def engine(cluster: RunningCluster, node: NodeReport, facts: NodeFacts) -> Iterator[str]:
    """Checks that the node has the engine's program, if games run there."""
    if node.slots and not facts.has_engine:
        path = cluster.settings.engine.path
        yield (
            f"no program {path}, which engine.path names: put it there on every node"
            if path
            else "no Python package pyffish, the bundled engine: install requirements.lock there, "
            "or set engine.kind: uci and engine.path"
        )


def python(cluster: RunningCluster, _node: NodeReport, facts: NodeFacts) -> Iterator[str]:
    """Checks that the node has the same Python as this command."""
    if facts.python != cluster.python:
        yield (
            f"Python {facts.python}, and this is {cluster.python}: one may not be able to read "
            "what the other sends; take the same"
        )


def variables(cluster: RunningCluster, _node: NodeReport, facts: NodeFacts) -> Iterator[str]:
    """Checks that Ray's own flags equal the head's, and fit where games need them."""
    if cluster.head and cluster.head.facts:
        yield from flaws(facts.flags, cluster.head.facts.flags)


def clocks(cluster: RunningCluster, _node: NodeReport, facts: NodeFacts) -> Iterator[str]:
    """Checks that the node's clock is close to the head's."""
    if cluster.head and cluster.head.facts:
        ahead_s = apart_s(cluster.head.facts.clock, facts.clock)
        if abs(ahead_s) > _FARTHEST_S:
            way = "ahead of" if ahead_s > 0 else "behind"
            yield f"a clock at least {abs(ahead_s):.1f} s {way} the head's: let both follow NTP"


def apart_s(one: ClockOffset, other: ClockOffset) -> float:
    """How many seconds `other` is ahead of `one` for certain; negative when it is behind."""
    least, most = other.least_s - one.most_s, other.most_s - one.least_s
    return least if least > 0 else min(most, 0.0)


def unseen(cluster: RunningCluster) -> Iterator[Finding]:
    """Reports the nodes that were not asked, and why, and those that did not answer."""
    for is_lost, problem in ((False, None), (True, EnvironmentProblem)):
        nodes = [node for node in cluster.nodes if node.unseen and node.is_lost is is_lost]
        found = ((node, f"not been looked at: {node.unseen}") for node in nodes)
        yield from together(found, problem)
