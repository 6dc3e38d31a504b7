"""Every node that runs our actors has the Lichess token, and nobody else does: from a Secret."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from crabstick.manifests.bundle import Bundle
from crabstick.manifests.faults import Fault, Finding, Remark, Route
from crabstick.manifests.model import Group
from crabstick.manifests.pod_model import Container, KeyReference
from crabstick.manifests.rules.secret import keys_in_manifests
from crabstick.settings import ADMIN_VARIABLE, TOKEN_VARIABLE

__all__ = ["lichess_token", "written_secrets"]

_SECRET_VARIABLES = (TOKEN_VARIABLE, ADMIN_VARIABLE, "RAY_AUTH_TOKEN", "REDIS_PASSWORD")


def lichess_token(bundle: Bundle) -> Iterator[Finding]:
    """The head listens with it, and each worker moves with it."""
    for group in bundle.groups:
        source = _source(group)
        if _has_token(group, bundle):
            continue
        file = bundle.settings.lichess.token_file
        if file is not None and bundle.has_settings:
            yield Remark(
                f"{group} mounts nothing at {file} (lichess.token_file of the bot's settings): "
                "something else has to put the Lichess token there"
            )
            continue
        if source is not None and source.optional:
            yield Fault(
                f"of {group} has {TOKEN_VARIABLE} from the Secret {source.name} with optional: "
                "true, so without it the Pods start, and have no token: leave optional out",
                (*group.ray_route, "env"),
            )
        else:
            yield Fault(
                f"of {group} lacks the Lichess token: add {TOKEN_VARIABLE} with "
                f"valueFrom.secretKeyRef ({_example(bundle)})",
                (*group.ray_route, "env"),
            )


def _source(group: Group) -> KeyReference | None:
    variable = group.ray.variable(TOKEN_VARIABLE)
    return variable.value_from.secret_key_ref if variable and variable.value_from else None


def _has_token(group: Group, bundle: Bundle) -> bool:
    variable, source = group.ray.variable(TOKEN_VARIABLE), _source(group)
    is_optional = source is not None and source.optional
    if variable is not None and (variable.value or variable.value_from) and not is_optional:
        return True
    file = bundle.settings.lichess.token_file
    mounts = [mount.mount_path for mount in group.ray.volume_mounts if mount.mount_path]
    if file is not None and any(PurePosixPath(file).is_relative_to(path) for path in mounts):
        return True
    return _comes_by_the_dozen(group.ray, bundle)


def _comes_by_the_dozen(container: Container, bundle: Bundle) -> bool:
    """Whether it may be among the keys of a Secret that is taken as a whole."""
    known = {**keys_in_manifests(bundle), **bundle.answers.secrets}
    for source in container.env_from:
        if source.secret_ref is not None:
            keys = known.get((bundle.cluster.metadata.namespace, source.secret_ref.name))
            if keys is None or TOKEN_VARIABLE in {source.prefix + key for key in keys}:
                return True
    return False


def _example(bundle: Bundle) -> str:
    """The Secret that another group has it from, else ours of the documentation."""
    for group in bundle.groups:
        found = _source(group)
        if found is not None:
            return f"name {found.name}, key {found.key}, as {group} has it"
    return "name crabstick-tokens, key lichess"


def _written(container: Container, route: Route, owner: str) -> Iterator[Finding]:
    for at, variable in enumerate(container.env):
        if variable.name in _SECRET_VARIABLES and variable.value:
            yield Fault(
                f"holds what {variable.name} shall be, for everybody to read: put it into a Secret "
                "and name that in valueFrom.secretKeyRef",
                (*route, at),
                owner,
            )


def written_secrets(bundle: Bundle) -> Iterator[Finding]:
    """No token and no password stands in a manifest."""
    for pod in bundle.pods:
        for container, route in pod.containers():
            yield from _written(container, (*route, "env"), pod.owner)
    store = bundle.cluster.spec.gcs_fault_tolerance_options
    if store and store.redis_password and store.redis_password.value:
        yield Fault(
            "stands there for everybody to read: put it into a Secret and name that in "
            "valueFrom.secretKeyRef",
            ("spec", "gcsFaultToleranceOptions", "redisPassword", "value"),
        )
