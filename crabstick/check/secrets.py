"""The Secrets that the manifests name, and whether they exist."""

from collections.abc import Iterator
from typing import Final

from crabstick.check.finding import Finding, fault
from crabstick.check.kubectl import Place, ask
from crabstick.check.manifests import Manifests, at
from crabstick.errors import EnvironmentProblem

_SOURCES: Final = ("secret", "secretKeyRef", "secretRef", "imagePullSecrets", "authOptions")
"""The fields that name a Secret."""
_NAME: Final = "metadata.name"
_MAKERS: Final = {
    "Secret": _NAME,
    "SealedSecret": _NAME,
    "ExternalSecret": "spec.target.name",
    "Certificate": "spec.secretName",
    "RayCluster": _NAME,
}
"""Kind that is or makes a Secret -> the Secret's name, else that of the object.

For a RayCluster KubeRay's operator makes one with a token, for a Certificate cert-manager.
"""


def secrets(manifests: Manifests) -> Iterator[Finding]:
    """Checks that each Secret exists, and reports those that kubectl found."""
    asked = wanted(manifests)
    try:
        there = ask(asked)
    except EnvironmentProblem as reason:
        yield Finding(f"{', '.join(name for _, name in asked)}: not checked ({reason})")
        return
    for place in asked.keys() - there:
        where = f"the namespace {place[0]}" if place[0] else "kubectl's namespace"
        keys = f", with {', '.join(sorted(asked[place]))}" if asked[place] else ""
        yield fault(
            f"the Secret {place[1]} is neither in these manifests nor in {where} of the cluster: "
            f"create it there{keys}"
        )
    if there:
        yield Finding(f"{', '.join(sorted(name for _, name in there))}: found")


def wanted(manifests: Manifests) -> dict[Place, set[str]]:
    """The Secrets that must be there and do not come with the manifests, with their keys."""
    found: dict[Place, set[str]] = {}
    made: set[Place] = set()
    for thing in manifests.objects:
        namespace = at(thing, "metadata.namespace", "")
        for name, key in _named(thing, ""):
            found.setdefault((namespace, name), set()).add(key)
        route = _MAKERS.get(str(thing.get("kind")))
        if route:
            made.add((namespace, at(thing, route, "") or at(thing, _NAME, "")))
    return {place: keys - {""} for place, keys in sorted(found.items()) if place not in made}


def _named(value: object, field: str) -> Iterator[tuple[str, str]]:
    """The name and the key of each Secret that `value` names and that must exist."""
    if isinstance(value, list):
        for each in value:
            yield from _named(each, field)
    if isinstance(value, dict):
        for inner, each in value.items():
            yield from _named(each, inner)
        name = at(value, "secretName") or at(value, "name")
        if field in _SOURCES and name and not at(value, "optional"):
            for entry in at(value, "items", []) or [value]:  # a volume names each of its files
                yield str(name), at(entry, "key", "")
