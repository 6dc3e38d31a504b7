"""The points about the nodes of a running cluster: what each has, and whether all have that."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from actors.seen import ClockRange, SeenNode
from crabstick.commands.seen_cluster import Found, SeenCluster, having, named
from crabstick.errors import EnvironmentProblem
from crabstick.settings import TOKEN_VARIABLE, Settings
from crabstick.tuning import WANTED, advice, differing, is_fit

__all__ = ["apart_s", "clocks", "code", "engine", "python", "token", "unseen", "variables"]

FARTHEST: Final = timedelta(seconds=1)
"""How far two clocks may be apart: more, and nobody can compare two logs."""


def code(cluster: SeenCluster, _settings: Settings) -> Found:
    """All run the crabstick that asks."""
    without = [node for node, look in cluster.seen if not look.code]
    if without:
        yield EnvironmentProblem(
            f"{having(without)} no code of crabstick: give all nodes the same image or checkout, "
            "or go by `ray job submit --working-dir . -- python -m crabstick ...`"
        )
    others: dict[str, list[SeenNode]] = {}
    for node, look in cluster.seen:
        if look.code and look.code != cluster.code:
            others.setdefault(look.version, []).append(node)
    for version, nodes in others.items():
        yield EnvironmentProblem(
            f"{having(nodes)} crabstick {version} with other code than this crabstick "
            f"{cluster.version}: give all nodes the same image or checkout, and run the commands "
            "there as well"
        )


def token(cluster: SeenCluster, settings: Settings) -> Found:
    """Whoever plays or listens has it."""
    without = [node for node, look in cluster.seen if not look.has_token]
    if without:
        file = settings.lichess.token_file
        also = f" or the file {file}" if file else ""
        yield EnvironmentProblem(
            f"{having(without)} no Lichess token, and whoever runs there cannot move: give Ray "
            f"{TOKEN_VARIABLE}{also} where it starts (on Kubernetes from a Secret)"
        )


def engine(cluster: SeenCluster, settings: Settings) -> Found:
    """Whoever plays has the program."""
    without = [node for node, look in cluster.seen if node.slots and not look.has_engine]
    if without:
        yield EnvironmentProblem(
            f"{having(without)} no program {settings.engine.path}, which engine.path names: put it "
            "on every node, in the same place"
        )


def python(cluster: SeenCluster, _settings: Settings) -> Found:
    """All have the version that asks."""
    others: dict[str, list[SeenNode]] = {}
    for node, look in cluster.seen:
        if look.python != cluster.python:
            others.setdefault(look.python, []).append(node)
    for version, nodes in others.items():
        yield EnvironmentProblem(
            f"{having(nodes)} Python {version}, and this is {cluster.python}: what one side sends "
            "the other may not read; take the same"
        )


def variables(cluster: SeenCluster, _settings: Settings) -> Found:
    """Ray itself is set alike everywhere."""
    heads = [look.flags for node, look in cluster.seen if node.is_head]
    if not heads:
        return
    differ = _differing(heads[0], cluster)
    for (name, told), nodes in sorted(differ.items()):
        yield EnvironmentProblem(
            f"{having(nodes)} {told}, and the head has {_told(heads[0], name)}: {advice(name)}"
        )
    for name in sorted(WANTED.keys() - {name for name, _ in differ}):
        if not is_fit(name, heads[0].get(name)):
            yield EnvironmentProblem(f"all nodes have {_told(heads[0], name)}: {advice(name)}")


def _differing(
    head: Mapping[str, str], cluster: SeenCluster
) -> dict[tuple[str, str], list[SeenNode]]:
    """A flag and what is said of it -> the nodes of which that is said."""
    differ: dict[tuple[str, str], list[SeenNode]] = {}
    for node, look in cluster.seen:
        for name in differing(head, look.flags):
            differ.setdefault((name, _told(look.flags, name)), []).append(node)
    return differ


def _told(flags: Mapping[str, str], name: str) -> str:
    return f"{name}={flags[name]}" if name in flags else f"no {name}"


def clocks(cluster: SeenCluster, _settings: Settings) -> Found:
    """No clock is far from the head's."""
    heads = [look.clock for node, look in cluster.seen if node.is_head]
    for node, look in cluster.seen:
        ahead_s = apart_s(heads[0], look.clock) if heads else 0.0
        if abs(ahead_s) > FARTHEST.total_seconds():
            way = "ahead of" if ahead_s > 0 else "behind"
            yield EnvironmentProblem(
                f"the clock of {node} is at least {abs(ahead_s):.1f} s {way} the head's: let both "
                "keep time by NTP"
            )


def apart_s(one: ClockRange, other: ClockRange) -> float:
    """How many seconds `other` is ahead of `one` for certain; less than zero when it is behind."""
    least, most = other.least_s - one.most_s, other.most_s - one.least_s
    if least > 0:
        return least
    return min(most, 0.0)


def unseen(cluster: SeenCluster, _settings: Settings) -> Found:
    """Each was looked at, unless it was better left alone."""
    for reason in sorted({node.unseen for node in cluster.nodes if node.unseen}):
        nodes = [node for node in cluster.nodes if node.unseen == reason]
        words = f"nobody looked at {named(nodes)}: {reason}"
        yield EnvironmentProblem(words) if any(node.is_lost for node in nodes) else words
