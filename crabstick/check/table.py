"""Every check of `crabstick check` in the order of its findings, and the one report of them."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from crabstick.check import crd, machine, manifest_checks, network, running_cluster, secrets
from crabstick.check.finding import Finding
from crabstick.check.manifest_checks import per_group
from crabstick.check.manifests import Manifests
from crabstick.check.running_cluster import RunningCluster, per_node
from crabstick.errors import ConfigError, CrabstickError, EnvironmentProblem
from crabstick.settings import Settings

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


CHECKS: Final[tuple[Check[Settings] | Check[RunningCluster] | Check[Manifests], ...]] = (
    Check(Settings, "engine", machine.engine),
    Check(Settings, "HTTP", machine.http),
    Check(Settings, "POST /shutdown", machine.shutdown),
    Check(Settings, "Lichess", machine.account),  # last: the network may be slow
    Check(RunningCluster, "head", running_cluster.head),
    Check(RunningCluster, "autoscaler", running_cluster.autoscaler),
    Check(RunningCluster, "room", running_cluster.room),
    Check(RunningCluster, "drains", running_cluster.drains, "no node is leaving"),
    Check(
        RunningCluster, "code", per_node(running_cluster.code), "the same on every node, and here"
    ),
    Check(RunningCluster, "Lichess token", per_node(running_cluster.token), "on every node"),
    Check(RunningCluster, "engine", per_node(running_cluster.engine), "on every node that plays"),
    Check(RunningCluster, "Python", per_node(running_cluster.python), "the same on every node"),
    Check(RunningCluster, "variables", per_node(running_cluster.variables), running_cluster.ALIKE),
    Check(RunningCluster, "clocks", per_node(running_cluster.clocks), "together within a second"),
    Check(RunningCluster, "nodes", running_cluster.unseen, "all were looked at"),
    Check(Manifests, "fields", crd.fields, f"all are known to {crd.KUBERAY}", is_gate=True),
    Check(Manifests, "settings", manifest_checks.settings),
    Check(Manifests, "Pods", manifest_checks.pods, "a changed manifest ends none of them"),
    Check(Manifests, "Ray", manifest_checks.ray, f"{manifest_checks.RAY}, as here"),
    Check(Manifests, "images", per_group(manifest_checks.images), "the same on all nodes"),
    Check(Manifests, "head", manifest_checks.head, "plays no games"),
    Check(Manifests, "autoscaler", manifest_checks.autoscaler, "v2, and it drains nodes"),
    Check(Manifests, "authentication", manifest_checks.authentication, "by token"),
    Check(Manifests, "network", per_group(network.network), "lets out to Lichess, proxy and Redis"),
    Check(Manifests, "slots", per_group(manifest_checks.slots), "a game fits every worker"),
    Check(Manifests, "room", manifest_checks.room),
    Check(Manifests, "drains", per_group(manifest_checks.drains), "end before the Pods are killed"),
    Check(
        Manifests, "variables", manifest_checks.variables, "Ray's own are alike on head and workers"
    ),
    Check(
        Manifests,
        "Lichess token",
        per_group(manifest_checks.token),
        "on the head and on every worker",
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
