"""Judges a running cluster by what was seen of it; nothing is asked here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from actors.ops.report import SILENCE, Autoscaler, ClockOffset, NodeFacts, NodeReport, ScalingReport
from crabstick.check.finding import Finding
from crabstick.errors import EnvironmentProblem
from crabstick.ray_flags import WANTED, advice, differing, is_fit
from crabstick.settings import TOKEN_VARIABLE, Settings

__all__ = ["SeenCluster", "apart_s", "named"]

MOST_NAMED: Final = 5
FARTHEST: Final = timedelta(seconds=1)
"""How far two clocks may be apart before two logs cannot be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenCluster:
    """A running cluster, as it was found from here, and the settings of its bot."""

    settings: Settings
    address: str
    ray: str
    python: str
    """Ours, as `version` and `code` are."""
    version: str
    code: str
    nodes: Sequence[NodeReport]
    scaling: ScalingReport
    is_own: bool = False
    """Whether `crabstick up` started it on this machine."""

    @property
    def head(self) -> NodeReport | None:
        """The node with the bot itself."""
        return next((node for node in self.nodes if node.is_head), None)

    @property
    def seen(self) -> tuple[tuple[NodeReport, NodeFacts], ...]:
        """The nodes that answered."""
        return tuple((node, node.facts) for node in self.nodes if node.facts is not None)

    @property
    def flags_of_head(self) -> Mapping[str, str] | None:
        """Ray's flags there; None when the head did not answer."""
        return next((look.flags for node, look in self.seen if node.is_head), None)


def whole(cluster: SeenCluster) -> Iterator[Finding]:
    """What the cluster is."""
    count = _counted(len(cluster.nodes), "node")
    yield Finding(f"Ray {cluster.ray} with Python {cluster.python} at {cluster.address}, {count}")


def head(cluster: SeenCluster) -> Iterator[Finding]:
    """The head plays no games."""
    node = cluster.head
    if node is None:
        yield _problem("no living node is the head of the cluster: look whether Ray runs there")
    elif not node.cpus:
        yield Finding(f"{node} plays no games")
    elif cluster.is_own:
        yield Finding(f"{node} plays as well, as on every Ray that crabstick starts by itself")
    else:
        yield _problem(
            f"the head {node} offers {node.cpus:g} CPUs for games, which would disturb the bot and "
            'each other: start it with --num-cpus=0 (on Kubernetes rayStartParams.num-cpus: "0"), '
            "and other nodes for the games"
        )


def autoscaler(cluster: SeenCluster) -> Iterator[Finding]:
    """The autoscaler is v2, answers, and can make nodes that a game fits on."""
    scaling, wanted = cluster.scaling, cluster.settings.cluster
    if scaling.autoscaler is Autoscaler.NONE:
        yield _no_autoscaler(cluster)
    elif scaling.autoscaler is Autoscaler.V1:
        yield _problem(
            "the autoscaler is Ray's old one, which ends busy nodes without a drain: write "
            "autoscalerOptions.version: v2 (without KubeRay RAY_enable_autoscaler_v2=1 on the head)"
        )
    elif scaling.is_silent:
        yield _problem(
            f"the autoscaler has said nothing for {SILENCE.total_seconds():g} s, so no node comes "
            "or goes: its log tells why (on Kubernetes `kubectl logs HEAD-POD -c autoscaler`)"
        )
    elif scaling.has_no_place:
        yield _problem(
            f"the autoscaler knows no group of nodes that a game fits on ({wanted.slot_cpus:g} "
            f"CPUs, {wanted.slot_memory_mb} MB): make the nodes larger, or cluster.slot_cpus and "
            "cluster.slot_memory_mb smaller"
        )
    else:
        more = "; the bot makes more of it with cluster.autoscaling: true"
        yield Finding("v2, and it answers" + more * (not wanted.autoscaling))


def _no_autoscaler(cluster: SeenCluster) -> Finding:
    is_grouped = any(node.group for node in cluster.nodes)  # KubeRay and `ray up` name groups
    if cluster.settings.cluster.autoscaling:
        why = "cluster.autoscaling is true"
    elif is_grouped and not cluster.is_own:
        why = "KubeRay or `ray up` made this cluster"
    else:
        return Finding("none, so the cluster does not grow")
    return _problem(
        f"{why} and no autoscaler runs, so no node comes when a game needs one: on Kubernetes "
        "write enableInTreeAutoscaling: true and autoscalerOptions.version: v2, elsewhere start "
        "the head by `ray up`, or set cluster.autoscaling: false"
    )


def room(cluster: SeenCluster) -> Iterator[Finding]:
    """The nodes that stay have slots for all games and standbys, or more nodes come."""
    games = cluster.settings.challenges.max_games
    standby = cluster.settings.cluster.standby
    count = sum(node.slots for node in cluster.nodes if node.drains_in is None)
    has = f"{_counted(count, 'slot')} for {_counted(games, 'game')} and a standby of {standby}"
    if count >= games + standby:
        yield Finding(has)
    elif cluster.scaling.autoscaler is not Autoscaler.NONE:
        yield Finding(f"{has} so far; more nodes come when they are needed")
    else:
        yield _problem(
            f"the cluster has {_counted(count, 'slot')} for games, and challenges.max_games "
            f"({games}) and cluster.standby ({standby}) want {games + standby}: add nodes, or "
            "lower them"
        )


def drains(cluster: SeenCluster) -> Iterator[Finding]:
    """Which nodes are leaving."""
    for node in cluster.nodes:
        if node.drains_in is not None:
            left_s = node.drains_in.total_seconds()
            yield Finding(f"{node} leaves within {left_s:.0f} s, and gets no more games")


def code(cluster: SeenCluster) -> Iterator[Finding]:
    """All nodes run the crabstick that asks."""
    without = [node for node, look in cluster.seen if not look.code]
    if without:
        yield _problem(
            f"{_having(without)} no code of crabstick: give all nodes the same image or checkout, "
            "or go by `ray job submit --working-dir . -- python -m crabstick ...`"
        )
    others: dict[str, list[NodeReport]] = {}
    for node, look in cluster.seen:
        if look.code and look.code != cluster.code:
            others.setdefault(look.version, []).append(node)
    for version, nodes in others.items():
        yield _problem(
            f"{_having(nodes)} crabstick {version} with other code than this crabstick "
            f"{cluster.version}: give all nodes the same image or checkout, and run the commands "
            "there as well"
        )


def token(cluster: SeenCluster) -> Iterator[Finding]:
    """Every node that plays or listens has the Lichess token."""
    without = [node for node, look in cluster.seen if not look.has_token]
    if without:
        file = cluster.settings.lichess.token_file
        also = f" or the file {file}" if file else ""
        yield _problem(
            f"{_having(without)} no Lichess token, and games there cannot move: give Ray "
            f"{TOKEN_VARIABLE}{also} where it starts (on Kubernetes from a Secret)"
        )


def engine(cluster: SeenCluster) -> Iterator[Finding]:
    """Every node that plays has the engine's program."""
    without = [node for node, look in cluster.seen if node.slots and not look.has_engine]
    if without:
        yield _problem(
            f"{_having(without)} no program {cluster.settings.engine.path}, which engine.path "
            "names: put it on every node, in the same place"
        )


def python(cluster: SeenCluster) -> Iterator[Finding]:
    """All nodes have the Python that asks."""
    others: dict[str, list[NodeReport]] = {}
    for node, look in cluster.seen:
        if look.python != cluster.python:
            others.setdefault(look.python, []).append(node)
    for version, nodes in others.items():
        yield _problem(
            f"{_having(nodes)} Python {version}, and this is {cluster.python}: what one side sends "
            "the other may not read; take the same"
        )


def variables(cluster: SeenCluster) -> Iterator[Finding]:
    """Ray's own flags are alike everywhere, and those that a game needs are right."""
    flags = cluster.flags_of_head
    if flags is None:
        return
    differ: dict[tuple[str, str], list[NodeReport]] = {}
    for node, look in cluster.seen:
        for name in differing(flags, look.flags):
            differ.setdefault((name, _flag(look.flags, name)), []).append(node)
    for (name, other), nodes in sorted(differ.items()):
        yield _problem(
            f"{_having(nodes)} {other}, and the head has {_flag(flags, name)}: {advice(name)}"
        )
    for name in sorted(WANTED.keys() - {name for name, _ in differ}):
        if not is_fit(name, flags.get(name)):
            yield _problem(f"all nodes have {_flag(flags, name)}: {advice(name)}")


def clocks(cluster: SeenCluster) -> Iterator[Finding]:
    """No clock is far from the head's."""
    heads = [look.clock for node, look in cluster.seen if node.is_head]
    for node, look in cluster.seen:
        ahead_s = apart_s(heads[0], look.clock) if heads else 0.0
        if abs(ahead_s) > FARTHEST.total_seconds():
            way = "ahead of" if ahead_s > 0 else "behind"
            yield _problem(
                f"the clock of {node} is at least {abs(ahead_s):.1f} s {way} the head's: let both "
                "keep time by NTP"
            )


def apart_s(one: ClockOffset, other: ClockOffset) -> float:
    """How many seconds `other` is ahead of `one` for certain; negative when it is behind."""
    least, most = other.least_s - one.most_s, other.most_s - one.least_s
    return least if least > 0 else min(most, 0.0)


def unseen(cluster: SeenCluster) -> Iterator[Finding]:
    """Every node was asked and answered, unless it was better left alone."""
    for reason in sorted({node.unseen for node in cluster.nodes if node.unseen}):
        nodes = [node for node in cluster.nodes if node.unseen == reason]
        words = f"nobody looked at {named(nodes)}: {reason}"
        is_lost = any(node.is_lost for node in nodes)
        yield Finding(words, EnvironmentProblem if is_lost else None)


def named(nodes: Sequence[NodeReport]) -> str:
    """A few of the nodes, and how many more."""
    more = len(nodes) - MOST_NAMED
    first = ", ".join(str(node) for node in nodes[:MOST_NAMED])
    return f"{first} and {more} more" if more > 0 else first


def _having(nodes: Sequence[NodeReport]) -> str:
    return f"{named(nodes)} {'has' if len(nodes) == 1 else 'have'}"


def _flag(flags: Mapping[str, str], name: str) -> str:
    return f"{name}={flags[name]}" if name in flags else f"no {name}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _problem(words: str) -> Finding:
    return Finding(words, EnvironmentProblem)
