"""Which Secrets the Pods need, and whether anybody has them."""

from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Final

from crabstick.explain import neighbours
from crabstick.manifests.bundle import Bundle
from crabstick.manifests.documents import Document
from crabstick.manifests.faults import Fault, Finding, Remark
from crabstick.manifests.model import RayCluster
from crabstick.manifests.rules.uses import AUTH_KEY, Use, uses

__all__ = [
    "contents",
    "is_other_token",
    "keys_in_manifests",
    "needed_secrets",
    "secrets",
    "token_secret",
    "told_secrets",
    "unseen",
]

_PULLING: Final = "imagePullSecrets"
_LOGIN: Final = " --docker-server=REGISTRY --docker-username=USER --docker-password=PASSWORD"
Keys = frozenset[str] | None
"""The keys of a Secret; None when nobody knows them."""


def needed_secrets(bundle: Bundle) -> Iterator[Use]:
    """Every Secret that must be there, as often as it is named; not one that is so by mistake."""
    for use in uses(bundle):
        if use.kind == "Secret" and use.name and not is_other_token(use, bundle):
            yield use


def token_secret(cluster: RayCluster) -> str:
    """Where Ray's token is: made by the operator, and called as the cluster, or somebody's own."""
    return cluster.spec.auth_options.secret_name or cluster.metadata.name


def is_other_token(use: Use, bundle: Bundle) -> bool:
    """Whether somebody takes Ray's token from a Secret that is not of this cluster's."""
    is_token = bool(use.owner and use.name) and use.key == AUTH_KEY
    is_made = (use.namespace, use.name) in dict(_made(bundle.documents))
    return is_token and use.name != token_secret(bundle.cluster) and not is_made


def keys_in_manifests(bundle: Bundle) -> dict[tuple[str, str], Keys]:
    """The Secrets that come with the manifests, or are made because of them."""
    made = dict(_made(bundle.documents))
    spec, metadata = bundle.cluster.spec, bundle.cluster.metadata
    if not spec.auth_options.secret_name:  # without a token there, that is told elsewhere
        made[metadata.namespace, metadata.name] = frozenset({AUTH_KEY})
    return made


def _made(documents: Iterable[Document]) -> Iterator[tuple[tuple[str, str], Keys]]:
    for document in documents:
        body, place = document.body, (document.namespace, document.name)
        spec = _mapping(body, "spec")
        match document.kind:
            case "Secret":
                yield place, frozenset({*_mapping(body, "data"), *_mapping(body, "stringData")})
            case "SealedSecret":
                yield place, None
            case "ExternalSecret":
                name = _mapping(spec, "target").get("name") or document.name
                yield (document.namespace, str(name)), None
            case "Certificate":
                yield (document.namespace, str(spec.get("secretName"))), None
            case _:
                pass


def _mapping(body: Mapping[str, object], key: str) -> Mapping[str, object]:
    below = body.get(key)
    return below if isinstance(below, Mapping) else {}


def unseen(bundle: Bundle) -> tuple[tuple[str, str], ...]:
    """Namespace and name of the Secrets that the manifests need and do not bring."""
    known = keys_in_manifests(bundle)
    places = ((use.namespace, use.name) for use in needed_secrets(bundle) if use.name)
    return tuple(dict.fromkeys(place for place in places if place not in known))


def secrets(bundle: Bundle) -> Iterator[Finding]:
    """Each is there, and has the keys that are wanted."""
    known, answers = keys_in_manifests(bundle), bundle.answers
    unknown: list[list[Use]] = []
    for place, wanted in _by_secret(bundle).items():
        if place in known:
            yield from _keys(known[place], wanted, is_elsewhere=False)
        elif place in answers.secrets:
            yield from _keys(answers.secrets[place], wanted, is_elsewhere=True)
        elif answers.silence:
            unknown.append(wanted)
        else:
            yield _missing(wanted)
    if unknown:
        yield _not_looked_at(unknown, answers.silence)


def contents(bundle: Bundle) -> Iterator[Finding]:
    """A Secret of these manifests holds base64, and wherever somebody wants it, something."""
    wanted = {(use.name, use.key) for use in needed_secrets(bundle)}
    secrets = [each for each in bundle.documents if each.kind == "Secret"]
    for document, field in product(secrets, ("data", "stringData")):
        for key, value in _mapping(document.body, field).items():
            if field == "data" and not _is_base64(str(value or "")):
                words = "is not in base64: write it so, or under stringData as it is"
                yield Fault(words, (field, key), document.title)
            elif not value and (document.name, key) in wanted:
                yield Fault("is empty", (field, key), document.title)


def _is_base64(text: str) -> bool:
    try:
        b64decode("".join(text.split()), validate=True)
    except ValueError:
        return False
    return True


def _by_secret(bundle: Bundle) -> dict[tuple[str, str], list[Use]]:
    wanted: dict[tuple[str, str], list[Use]] = {}
    for use in needed_secrets(bundle):
        wanted.setdefault((use.namespace, use.name), []).append(use)
    return wanted


def _not_looked_at(unknown: Sequence[Sequence[Use]], silence: str) -> Remark:
    return Remark(
        f"{', '.join(map(_told, unknown))}: not in these manifests, and whether the cluster has "
        f"{'it' if len(unknown) == 1 else 'them'} was not looked at ({silence}); "
        f"{' and '.join(map(_creation, unknown))} make{'s' * (len(unknown) == 1)} what is missing"
    )


def told_secrets(bundle: Bundle) -> str:
    """Which ones there are."""
    names = sorted({use.name for use in needed_secrets(bundle)})
    return f"{', '.join(names)}: there, with all keys" if names else "none is wanted"


def _keys(keys: Keys, wanted: Sequence[Use], *, is_elsewhere: bool) -> Iterator[Finding]:
    """A fault for each key that is missing, where it is wanted first."""
    if keys is None:
        return
    missing = {use.key: use for use in reversed(wanted) if use.key and use.key not in keys}
    for key, use in sorted(missing.items()):
        advice = neighbours(key, sorted(keys)) if keys else "it is empty"
        where = " in the cluster" if is_elsewhere else ""
        yield Fault(
            f"wants the key {key} of the Secret {use.name}, which{where} has no such key; {advice}",
            use.route,
            use.owner,
            is_elsewhere=is_elsewhere,
        )


def _missing(wanted: Sequence[Use]) -> Fault:
    use = wanted[0]
    place = f"the namespace {use.namespace}" if use.namespace else "kubectl's namespace"
    return Fault(
        f"wants the Secret {_told(wanted)}, which is neither in these manifests nor in {place} of "
        f"the cluster: {_creation(wanted)} makes it",
        use.route,
        use.owner,
        is_elsewhere=True,
    )


def _told(wanted: Sequence[Use]) -> str:
    keys = _wanted_keys(wanted)
    label = "key" if len(keys) == 1 else "keys"
    return f"{wanted[0].name} ({label} {', '.join(keys)})" if keys else wanted[0].name


def _wanted_keys(wanted: Sequence[Use]) -> list[str]:
    return sorted({use.key for use in wanted if use.key})


def _creation(wanted: Sequence[Use]) -> str:
    namespace = f" --namespace {wanted[0].namespace}" if wanted[0].namespace else ""
    if all(_is_login(use) for use in wanted):
        kind, content = "docker-registry", _LOGIN
    else:
        files = (f" --from-file={key}=FILE" for key in _wanted_keys(wanted) or ["KEY"])
        kind, content = "generic", "".join(files)
    return f"`kubectl{namespace} create secret {kind} {wanted[0].name}{content}`"


def _is_login(use: Use) -> bool:
    """Whether it is for pulling images, which takes a type and a key of its own."""
    return _PULLING in use.route
