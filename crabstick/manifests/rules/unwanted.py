"""Variables and mounts that are somebody else's to set."""

from collections.abc import Iterator, Mapping, Sequence

from crabstick.manifests.faults import Fault, Finding, Route
from crabstick.manifests.pod_model import Mount, Variable

__all__ = ["unwanted_mounts", "unwanted_variables"]


def unwanted_variables(
    variables: Sequence[Variable], route: Route, why_not: Mapping[str, str]
) -> Iterator[Finding]:
    """A fault for each variable that `why_not` names; `route` is that of the list."""
    for at, variable in enumerate(variables):
        if variable.name in why_not:
            yield Fault(f"sets {variable.name}, but {why_not[variable.name]}", (*route, at))


def unwanted_mounts(
    mounts: Sequence[Mount], route: Route, path: str, why_not: str
) -> Iterator[Finding]:
    """A fault for each mount at that path."""
    for at, mount in enumerate(mounts):
        if mount.mount_path.rstrip("/") == path:
            yield Fault(f"is at {path}, but {why_not}", (*route, at))
