"""A RayCluster that nobody has anything against, and what is said of one that was spoiled."""

from copy import deepcopy
from typing import Any

from crabstick.errors import CrabstickError
from crabstick.manifests.bundle import Answers, Bundle, Versions, open_bundle
from crabstick.manifests.documents import Document
from crabstick.manifests.points import look
from crabstick.settings import Settings

Manifest = dict[str, Any]

VERSIONS = Versions(ray="2.60.0", python="3.11")
SETTINGS = Settings()
TOKEN = {
    "name": "LICHESS_BOT_TOKEN",
    "valueFrom": {"secretKeyRef": {"name": "crabstick-tokens", "key": "lichess"}},
}
SECRETS = {("crabstick", "crabstick-tokens"): frozenset({"lichess", "admin"})}
ANSWERS = Answers(secrets=SECRETS)


LOCKED = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


def a_container(**changes: Any) -> Manifest:
    return {
        "name": "ray",
        "image": "example.com/crabstick:1",
        "env": [
            {"name": "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S", "value": "0"},
            {"name": "RAY_worker_niceness", "value": "0"},
            {"name": "RAY_gcs_rpc_server_reconnect_timeout_s", "value": "600"},
            deepcopy(TOKEN),
        ],
        "resources": {"limits": {"cpu": "2", "memory": "2Gi"}},
        "volumeMounts": [{"name": "tmp", "mountPath": "/scratch"}],
        "securityContext": dict(LOCKED),
        **changes,
    }


def a_pod(**changes: Any) -> Manifest:
    return {
        "containers": [a_container()],
        "terminationGracePeriodSeconds": 3,
        "volumes": [{"name": "tmp", "emptyDir": {}}],
        "securityContext": {
            "runAsNonRoot": True,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **changes,
    }


def a_group(name: str = "game", **changes: Any) -> Manifest:
    return {
        "groupName": name,
        "minReplicas": 0,
        "maxReplicas": 4,
        "rayStartParams": {},
        "template": {"spec": a_pod()},
        **changes,
    }


def a_cluster(**changes: Any) -> Manifest:
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayCluster",
        "metadata": {"name": "crabstick", "namespace": "crabstick"},
        "spec": {
            "rayVersion": "2.60.0",
            "authOptions": {"mode": "token"},
            "enableInTreeAutoscaling": True,
            "autoscalerOptions": {"version": "v2", "securityContext": dict(LOCKED)},
            "headGroupSpec": {
                "rayStartParams": {"num-cpus": "0"},
                "template": {"spec": a_pod()},
            },
            "workerGroupSpecs": [a_group()],
            **changes,
        },
    }


def spoiled(path: str, value: object, cluster: Manifest | None = None) -> Manifest:
    """A cluster with another value at the dotted path; None removes what is there, + appends."""
    copy = deepcopy(cluster or a_cluster())
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    place: Any = copy
    for step in way:
        place = place[step] if isinstance(step, int) else place.setdefault(step, {})
    if last == "+":
        place.append(value)
    elif value is None:
        place.pop(last)
    else:
        place[last] = value
    return copy


def opened(*things: Manifest, settings: Settings = SETTINGS, answers: Answers = ANSWERS) -> Bundle:
    """The objects as the rules get them."""
    documents = [Document(body=thing, lines={}) for thing in things]
    bundle = open_bundle(documents, "test.yaml", VERSIONS, settings)
    return Bundle(**{**_fields(bundle), "answers": answers})


def _fields(bundle: Bundle) -> dict[str, Any]:
    return {name: getattr(bundle, name) for name in bundle.__slots__}


def told(*things: Manifest, **changes: Any) -> list[tuple[str, str | CrabstickError]]:
    """Everything that is said of them."""
    return list(look(opened(*things, **changes), is_named=False))


def problems(*things: Manifest, **changes: Any) -> list[str]:
    """What is wrong, without what is well."""
    return [
        f"{subject}: {words}"
        for subject, words in told(*things, **changes)
        if isinstance(words, CrabstickError)
    ]


def said(subject: str, *things: Manifest, **changes: Any) -> list[str]:
    """What is said of one point."""
    return [str(words) for about, words in told(*things, **changes) if about == subject]
