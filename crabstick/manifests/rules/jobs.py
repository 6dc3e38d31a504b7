"""How the bot gets onto the cluster: a job of `crabstick up`, which the head's dashboard takes."""

import re
from collections.abc import Iterator
from typing import Final

from crabstick.manifests.bundle import Bundle, Pod
from crabstick.manifests.documents import below
from crabstick.manifests.faults import Fault, Finding, Remark, Route
from crabstick.manifests.pod_model import Container
from crabstick.manifests.rules.references import head_service
from crabstick.manifests.rules.secret import is_other_token, token_secret
from crabstick.manifests.rules.uses import AUTH_KEY, uses

__all__ = ["jobs", "other_tokens", "told_jobs"]

_UP = re.compile(r"crabstick[\s\"',]+up\b")
_PORT: Final = "8265"
_OFF: Final = {"replicas": 0, "suspend": True}
"""What leaves an object without Pods."""
_RAY_TOKEN: Final = ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")
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
    found = _submitter(bundle)
    if found is not None:
        yield from _submits(*found, bundle)
    elif len(bundle.documents) > 1:
        yield Remark(
            "nobody in these manifests submits `crabstick up`: no bot plays until somebody does"
        )


def told_jobs(bundle: Bundle) -> str:
    """Who submits the one that counts."""
    found = _submitter(bundle)
    if found is None:
        return "the head takes them"
    return f"{found[0].owner or 'a Pod of the RayCluster'} submits `crabstick up`"


def _submitter(bundle: Bundle) -> tuple[Pod, Container, Route] | None:
    for pod in bundle.pods:
        for container, route in pod.containers():
            if _UP.search(" ".join((*container.command, *container.args))):
                return pod, container, route
    return None


def _submits(pod: Pod, container: Container, route: Route, bundle: Bundle) -> Iterator[Finding]:
    """It is let in by Ray, and runs."""
    has_token = container.env_from or any(map(container.variable, _RAY_TOKEN))
    if bundle.cluster.spec.auth_options.mode == "token" and pod.owner and not has_token:
        yield Fault(
            f"has no {_RAY_TOKEN[0]}, and the head takes no job without it: take it from the "
            f"Secret {token_secret(bundle.cluster)}, key {AUTH_KEY}",
            (*route, "env"),
            pod.owner,
        )
    document = next((each for each in bundle.documents if each.title == pod.owner), None)
    for field, value in _OFF.items():
        if document is not None and below(document.body, ("spec", field)) == value:
            yield Remark(
                f"{pod.owner} has {field}: {str(value).lower()}, so nobody submits `crabstick up`: "
                "no bot plays until somebody does"
            )


def other_tokens(bundle: Bundle) -> Iterator[Finding]:
    """Who talks to Ray has the token of this cluster."""
    for use in uses(bundle):
        if use.kind == "Secret" and is_other_token(use, bundle):
            yield Fault(
                f"names the Secret {use.name}, and the token of this cluster is in "
                f"{token_secret(bundle.cluster)}: name that one",
                use.route,
                use.owner,
            )
