"""Lists the checks of `crabstick check` in the order of the report, and makes the report.

Those of manifests are in `manifest_checks`, since what they import is slow to load.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from crabstick.check import local_checks, running_cluster
from crabstick.check.finding import Finding
from crabstick.check.running_cluster import RunningCluster, per_node
from crabstick.errors import ConfigError, CrabstickError, EnvironmentProblem
from crabstick.explain import counted
from crabstick.settings import Settings

Seen = TypeVar("Seen")


@dataclass(frozen=True, slots=True)
class Check(Generic[Seen]):
    """A row of a table.

    `well` is reported when `look` finds nothing. A problem that a gate finds hides the rest.
    """

    subject: str
    look: Callable[[Seen], Iterable[Finding]]
    well: str = ""
    is_gate: bool = False


MACHINE: Final[tuple[Check[Settings], ...]] = (
    Check("engine", local_checks.engine),
    Check("positions", local_checks.positions),
    Check("books and tablebases", local_checks.sources),
    Check("lists of players", local_checks.lists),
    Check("folders", local_checks.folders),
    Check("HTTP", local_checks.http),
    Check("POST /shutdown", local_checks.shutdown),
    Check("Lichess", local_checks.account),  # last: the network may be slow
)
CLUSTER: Final[tuple[Check[RunningCluster], ...]] = (
    Check("head", running_cluster.head),
    Check("autoscaler", running_cluster.autoscaler),
    Check("slots", running_cluster.slots, "each engine fits a node"),
    Check("room", running_cluster.room),
    Check("drains", running_cluster.drains, "no node is leaving"),
    Check("code", per_node(running_cluster.code), "the same on every node, and here"),
    Check("Lichess token", per_node(running_cluster.token), "on every node"),
    Check("engine", per_node(running_cluster.engine), "on every node that plays"),
    Check("Python", per_node(running_cluster.python), "the same on every node"),
    Check("variables", per_node(running_cluster.variables), "Ray's own are alike on every node"),
    Check("clocks", per_node(running_cluster.clocks), "within a second of each other"),
    Check("nodes", running_cluster.unseen, "all were looked at"),
)


def findings(checks: Iterable[Check[Seen]], seen: Seen) -> Iterator[tuple[str, Finding]]:
    """What the checks find, each finding with its subject."""
    for check in checks:
        try:
            found = list(check.look(seen))
        except CrabstickError as error:
            kind = ConfigError if isinstance(error, ConfigError) else EnvironmentProblem
            found = [Finding(str(error), kind)]
        if not found and check.well:
            found = [Finding(check.well)]
        yield from ((check.subject, each) for each in found)
        if check.is_gate and any(each.problem for each in found):
            yield "everything else", Finding(f"not checked until the {check.subject} are right")
            return


def run(checks: Iterable[Check[Seen]], seen: Seen, say: Callable[[str], None]) -> None:
    """Says each finding in a line, marks the problems, and raises the first one at the end.

    Raises:
        ConfigError: the first problem is a mistake in what the user wrote.
        EnvironmentProblem: the first problem is anything else.
    """
    first: Finding | None = None
    others = -1
    for subject, finding in findings(checks, seen):
        say(f"{subject}: {'PROBLEM: ' if finding.problem else ''}{finding.words}")
        if finding.problem:
            first = first or finding
            others += 1
    if first and first.problem:
        more = f" (and {counted(others, 'more problem')}, marked above)" if others else ""
        raise first.problem(first.words + more)
