"""How the bot gets onto the cluster: a job of `crabstick up`, which the head's dashboard takes."""

import re
from collections.abc import Iterator
from typing import Final

from crabstick.manifests.bundle import Bundle
from crabstick.manifests.faults import Fault, Finding, Remark
from crabstick.manifests.rules.references import head_service
from crabstick.manifests.rules.uses import uses

__all__ = ["jobs", "told_jobs"]

_UP = re.compile(r"crabstick[\s\"',]+up\b")
_PORT: Final = "8265"
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


def jobs(bundle: Bundle) -> Iterator[Finding]:
    """The dashboard is there, is reached from other Pods, and at the port that they ask."""
    head = bundle.cluster.head
    parameters, route = head.spec.ray_start_params, (*head.route, "rayStartParams")
    host, port = parameters.get("dashboard-host", ""), parameters.get("dashboard-port", _PORT)
    if host in _LOOPBACK:
        yield Fault(
            f"is {host}, where no other Pod reaches the dashboard, which takes the jobs: leave it "
            "out",
            (*route, "dashboard-host"),
        )
    if parameters.get("include-dashboard", "").lower() == "false":
        yield Fault(
            "is false, and without the dashboard nobody takes a job: leave it out",
            (*route, "include-dashboard"),
        )
    service = head_service(bundle)
    if port != _PORT:
        for use in uses(bundle):
            if (use.kind, use.name, use.key) == ("Service", service, _PORT):
                words = f"is {port}, and {use.owner or 'a Pod'} asks {service} at {_PORT}"
                yield Fault(f"{words}: leave it out", (*route, "dashboard-port"))
                break
    if len(bundle.documents) > 1 and not _submitter(bundle):
        yield Remark(
            "nobody in these manifests submits `crabstick up`: no bot plays until somebody does"
        )


def told_jobs(bundle: Bundle) -> str:
    """Who submits the one that counts."""
    owner = _submitter(bundle)
    return f"{owner} submits `crabstick up`" if owner else "the head takes them"


def _submitter(bundle: Bundle) -> str:
    for pod in bundle.pods:
        for container, _ in pod.containers():
            if _UP.search(" ".join((*container.command, *container.args))):
                return pod.owner or "a Pod of the RayCluster"
    return ""
