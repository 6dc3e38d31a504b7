"""Every check of `crabstick check` in the order of its findings, and the one report of them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from crabstick.check import cluster, crd, machine, manifests, network, secrets
from crabstick.check.cluster import SeenCluster, per_node
from crabstick.check.finding import Finding
from crabstick.check.manifests import per_group
from crabstick.check.ray_cluster import Manifests
from crabstick.errors import ConfigError, CrabstickError, EnvironmentProblem
from crabstick.settings import Settings

__all__ = ["CHECKS", "Check", "findings", "run"]

Seen = TypeVar("Seen")


@dataclass(frozen=True, slots=True)
class Check(Generic[Seen]):
    """A row of the table.

    `stage` is what the check looks at: the settings on this machine, a running cluster, or
    manifests. `well` is reported when `look` finds nothing. A problem that a gate finds hides the
    rest of its stage.
    """

    stage: type[Seen]
    subject: str
    look: Callable[[Seen], Iterable[Finding]]
    well: str = ""
    is_gate: bool = False

    def findings(self, seen: object) -> list[Finding]:
        """What the check finds; nothing in another stage."""
        if not isinstance(seen, self.stage):
            return []
        try:
            found = list(self.look(seen))
        except CrabstickError as error:
            kind = ConfigError if isinstance(error, ConfigError) else EnvironmentProblem
            found = [Finding(str(error), kind)]
        return found or [Finding(self.well)] * bool(self.well)


CHECKS: Final[tuple[Check[Settings] | Check[SeenCluster] | Check[Manifests], ...]] = (
    Check(Settings, "engine", machine.engine),
    Check(Settings, "HTTP", machine.http),
    Check(Settings, "POST /shutdown", machine.shutdown),
    Check(Settings, "Lichess", machine.account),  # last: the network may be slow
    Check(SeenCluster, "head", cluster.head),
    Check(SeenCluster, "autoscaler", cluster.autoscaler),
    Check(SeenCluster, "room", cluster.room),
    Check(SeenCluster, "drains", cluster.drains, "no node is leaving"),
    Check(SeenCluster, "code", per_node(cluster.code), "the same on every node, and here"),
    Check(SeenCluster, "Lichess token", per_node(cluster.token), "on every node"),
    Check(SeenCluster, "engine", per_node(cluster.engine), "on every node that plays"),
    Check(SeenCluster, "Python", per_node(cluster.python), "the same on every node"),
    Check(SeenCluster, "variables", per_node(cluster.variables), cluster.ALIKE),
    Check(SeenCluster, "clocks", per_node(cluster.clocks), "together within a second"),
    Check(SeenCluster, "nodes", cluster.unseen, "all were looked at"),
    Check(Manifests, "fields", crd.fields, f"all are known to {crd.KUBERAY}", is_gate=True),
    Check(Manifests, "settings", manifests.settings),
    Check(Manifests, "Pods", manifests.pods, "a changed manifest ends none of them"),
    Check(Manifests, "Ray", manifests.ray, f"{manifests.RAY}, as here"),
    Check(Manifests, "images", per_group(manifests.images), "the same on all nodes"),
    Check(Manifests, "head", manifests.head, "plays no games"),
    Check(Manifests, "autoscaler", manifests.autoscaler, "v2, and it drains nodes"),
    Check(Manifests, "authentication", manifests.authentication, "by token"),
    Check(Manifests, "network", per_group(network.network), "lets out to Lichess, proxy and Redis"),
    Check(Manifests, "slots", per_group(manifests.slots), "a game fits every worker"),
    Check(Manifests, "room", manifests.room),
    Check(Manifests, "drains", per_group(manifests.drains), "end before the Pods are killed"),
    Check(Manifests, "variables", manifests.variables, "Ray's own are alike on head and workers"),
    Check(
        Manifests, "Lichess token", per_group(manifests.token), "on the head and on every worker"
    ),
    Check(Manifests, "Secrets", secrets.secrets, "none is wanted"),
)


def findings(seen: object) -> Iterator[tuple[str, Finding]]:
    """What the checks of that stage find, each finding with its subject."""
    for check in CHECKS:
        found = check.findings(seen)
        yield from ((check.subject, each) for each in found)
        if check.is_gate and any(each.problem for each in found):
            yield "all else", Finding(f"to be judged when the {check.subject} are right")
            return


def run(seen: object, say: Callable[[str], None]) -> None:
    """Says each finding in a line, and raises the first problem at the end instead.

    Raises:
        ConfigError: the first problem is a mistake in what the user wrote.
        EnvironmentProblem: the first problem lies outside of that.
    """
    first: CrabstickError | None = None
    for subject, finding in findings(seen):
        if finding.problem is not None and first is None:
            first = finding.problem(finding.words)
        else:
            say(f"{subject}: {finding.words}")
    if first is not None:
        raise first
