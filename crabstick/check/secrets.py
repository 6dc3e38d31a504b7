"""The Secrets that the manifests name, and whether they exist."""

from collections.abc import Iterator, Mapping
from typing import Final

from crabstick.check.documents import Manifest, below, items, metadata
from crabstick.check.finding import Finding
from crabstick.check.ray_cluster import Manifests
from crabstick.errors import EnvironmentProblem

__all__ = ["secrets", "wanted"]

_SOURCES: Final = frozenset({"secret", "secretKeyRef", "secretRef"})
"""Fields that name a Secret: of a volume, of a variable, of many variables."""
_LOGIN: Final = ".dockerconfigjson"
"""The key of a login to a registry."""
Place = tuple[str, str]
"""Namespace and name."""


def secrets(manifests: Manifests) -> Iterator[Finding]:
    """Each Secret is there; only those that were seen are said to be."""
    asked, answers = wanted(manifests), manifests.answers
    if asked and answers.silence:
        one = len(asked) == 1
        yield Finding(
            f"{', '.join(_title(*each) for each in asked.items())}: not in these manifests, and "
            f"whether the cluster has {'it' if one else 'them'} was not looked at "
            f"({answers.silence}); {' and '.join(_creation(*each) for each in asked.items())} "
            f"make{'s' * one} what is missing"
        )
        return
    for place, keys in asked.items():
        if place not in answers.secrets:
            where = f"the namespace {place[0]}" if place[0] else "kubectl's namespace"
            yield Finding(
                f"the Secret {_title(place, keys)} is neither in these manifests nor in {where} of "
                f"the cluster: {_creation(place, keys)} makes it",
                EnvironmentProblem,
            )
    there = [place[1] for place in asked if place in answers.secrets]
    if there:
        yield Finding(f"{', '.join(there)}: there")


def wanted(manifests: Manifests) -> dict[Place, set[str]]:
    """The Secrets that must be there and do not come with the manifests, with their keys."""
    made = {place for thing in manifests.objects for place in _made(thing)}
    token = below(manifests.cluster, "spec", "authOptions", "secretName")
    found: dict[Place, set[str]] = {}
    for thing in manifests.objects:
        for name, key in _named(thing):
            found.setdefault((metadata(thing, "namespace"), name), set()).add(key)
    if token:
        place = (metadata(manifests.cluster, "namespace"), str(token))
        found.setdefault(place, set()).add("auth_token")
    return {place: keys - {""} for place, keys in sorted(found.items()) if place not in made}


def _named(value: object) -> Iterator[tuple[str, str]]:
    """Name and key of each Secret that is named there and must exist; "" is any key."""
    for each in value if isinstance(value, list) else ():
        yield from _named(each)
    for field, each in value.items() if isinstance(value, Mapping) else ():
        yield from _named(each)
        name = below(each, "secretName") or below(each, "name")
        if field in _SOURCES and name and not below(each, "optional"):
            of_files = [str(below(item, "key")) for item in items(each, "items")]
            keys = of_files or [str(below(each, "key") or "")]
            yield from ((str(name), key) for key in keys)
        if field == "imagePullSecrets":
            yield from ((str(below(login, "name")), _LOGIN) for login in items(value, field))


def _made(thing: Manifest) -> Iterator[Place]:
    """The Secret that exists because of the object; the operator makes one with Ray's token."""
    name: object = metadata(thing, "name")
    match thing.get("kind"):
        case "ExternalSecret":
            name = below(thing, "spec", "target", "name") or name
        case "Certificate":
            name = below(thing, "spec", "secretName")
        case "Secret" | "SealedSecret" | "RayCluster":
            pass
        case _:
            return
    yield metadata(thing, "namespace"), str(name)


def _title(place: Place, keys: set[str]) -> str:
    return (
        f"{place[1]} (key{'s' * (len(keys) > 1)} {', '.join(sorted(keys))})" if keys else place[1]
    )


def _creation(place: Place, keys: set[str]) -> str:
    namespace = f" --namespace {place[0]}" if place[0] else ""
    kind = "docker-registry" if _LOGIN in keys else "generic"
    files = "".join(f" --from-file={key}=FILE" for key in sorted(keys) or ["KEY"])
    return f"`kubectl{namespace} create secret {kind} {place[1]}{files}`"
