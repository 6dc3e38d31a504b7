"""Every check of `crabstick check`, in the order in which the findings are reported."""

from collections.abc import Iterator
from typing import Final

from crabstick.check import account, cluster, crd, engine, manifests, network, secrets, settings
from crabstick.check.finding import Check, Finding, findings
from crabstick.check.ray_cluster import Manifests

__all__ = ["CLUSTER", "MACHINE", "MANIFESTS", "of_manifests"]

MACHINE: Final = (
    Check("engine", engine.engine),
    Check("HTTP", settings.http),
    Check("POST /shutdown", settings.shutdown),
    Check("Lichess", account.account),  # last: the network may be slow
)
CLUSTER: Final = (
    Check("cluster", cluster.whole),
    Check("head", cluster.head),
    Check("autoscaler", cluster.autoscaler),
    Check("room", cluster.room),
    Check("drains", cluster.drains, "no node is leaving"),
    Check("code", cluster.code, "the same on every node, and here"),
    Check("Lichess token", cluster.token, "on every node"),
    Check("engine", cluster.engine, "on every node that plays"),
    Check("Python", cluster.python, "the same on every node"),
    Check("variables", cluster.variables, "Ray's own are alike on every node"),
    Check("clocks", cluster.clocks, "together within a second"),
    Check("nodes", cluster.unseen, "all were looked at"),
)
FIELDS: Final = Check("fields", crd.fields, f"all are known to {crd.KUBERAY}")
MANIFESTS: Final = (
    FIELDS,
    Check("settings", manifests.settings),
    Check("Pods", manifests.pods, "a changed manifest ends none of them"),
    Check("Ray", manifests.ray_version),
    Check("images", manifests.images, "the same on all nodes"),
    Check("head", manifests.head, "plays no games"),
    Check("autoscaler", manifests.autoscaler, "v2, and it drains nodes"),
    Check("authentication", manifests.authentication, "by token"),
    Check("network", network.network, "lets out to Lichess, a proxy and Redis"),
    Check("room", manifests.room),
    Check("drains", manifests.drains, "end before Kubernetes ends the Pods"),
    Check("variables", manifests.variables, "Ray's own are alike on head and workers"),
    Check("Lichess token", manifests.lichess_token, "on the head and on every worker"),
    Check("Secrets", secrets.secrets, "none is wanted"),
)


def of_manifests(seen: Manifests) -> Iterator[tuple[str, Finding]]:
    """What the checks find; when a field is wrong, the others have nothing to rely on."""
    mistakes = list(FIELDS.look(seen))
    yield from findings(MANIFESTS if not mistakes else (FIELDS,), seen)
    if mistakes:
        yield "all else", Finding("to be judged when the fields are right")
