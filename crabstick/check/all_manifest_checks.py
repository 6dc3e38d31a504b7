"""Lists the checks of manifests in the order of the report; import this module late."""

from typing import Final

from crabstick.check import manifest_checks, network_policies, raycluster_schema, secrets
from crabstick.check.all_checks import Check
from crabstick.check.manifest_checks import per_group
from crabstick.check.manifests import Manifests

MANIFESTS: Final[tuple[Check[Manifests], ...]] = (
    Check(
        "fields",
        raycluster_schema.fields,
        f"all are known to {raycluster_schema.KUBERAY}",
        is_gate=True,
    ),
    Check("settings", manifest_checks.settings),
    Check("Pods", manifest_checks.pods, "a changed manifest ends no running Pod"),
    Check("Ray", manifest_checks.ray, f"{manifest_checks.RAY}, as here"),
    Check("images", per_group(manifest_checks.images), "the same on all nodes"),
    Check("head", manifest_checks.head, "plays no games"),
    Check("autoscaler", manifest_checks.autoscaler, "v2, and it drains nodes"),
    Check("authentication", manifest_checks.authentication, "by token"),
    Check(
        "network",
        per_group(network_policies.network),
        "allows connections to Lichess, the proxy and Redis",
    ),
    Check("slots", per_group(manifest_checks.slots), "a game fits every worker"),
    Check("room", manifest_checks.room),
    Check("drains", per_group(manifest_checks.drains), "end before the Pods are killed"),
    Check("variables", manifest_checks.variables, "Ray's own are alike on head and workers"),
    Check("Lichess token", per_group(manifest_checks.token), "on the head and on every worker"),
    Check("Secrets", secrets.secrets, "none is wanted"),
)
