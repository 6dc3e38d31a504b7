"""Pods of our manifests as containers: what the kubelet and the operator would make of them.

Limits of memory and CPU are left out, for they need control groups that not every machine has.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

BASE: Final = Path(__file__).parents[2] / "kuberay/base"
HEAD_SERVICE: Final = "crabstick-head-svc"
HTTP_SERVICE: Final = "crabstick-http"
OPERATOR: Final = (
    {"name": "RAY_AUTH_MODE", "value": "token"},
    {
        "name": "RAY_AUTH_TOKEN",
        "valueFrom": {"secretKeyRef": {"name": "crabstick", "key": "auth_token"}},
    },
)
"""What `authOptions` becomes in each Ray container."""

Spec = Mapping[str, Any]


def ray_pods() -> tuple[Spec, Spec]:
    """The Pods of the head and of a node, as the operator writes them."""
    cluster = yaml.safe_load((BASE / "ray-cluster.yaml").read_text(encoding="utf-8"))["spec"]
    head, worker = cluster["headGroupSpec"], cluster["workerGroupSpecs"][0]
    return (
        _ray_pod(head, ["--head", "--dashboard-host=0.0.0.0"]),
        _ray_pod(worker, [f"--address={HEAD_SERVICE}:6379"]),
    )


def keeper_spec() -> Spec:
    """The Pod that keeps the bot up."""
    keeper = yaml.safe_load((BASE / "keeper.yaml").read_text(encoding="utf-8"))
    spec: Spec = keeper["spec"]["template"]["spec"]
    return spec


def _ray_pod(group: Mapping[str, Any], arguments: Sequence[str]) -> Spec:
    spec = group["template"]["spec"]
    container = spec["containers"][0]
    cpus = str(container["resources"]["limits"]["cpu"])
    given = {"num-cpus": cpus, **group["rayStartParams"]}
    start = ["ray start --block", *arguments, *(f"--{key}={given[key]}" for key in given)]
    made = {
        **container,
        "command": ["/bin/bash", "-c", "--"],
        "args": [f"ulimit -n 65536; {' '.join(start)}"],
        "env": [*container["env"], *OPERATOR],
    }
    return {**spec, "containers": [made, *spec["containers"][1:]]}


def secret(name: str, key: str) -> str:
    """What podman calls one key of a Secret."""
    return f"{name}.{key}"


def options(spec: Spec, config: Path) -> tuple[list[str], list[str]]:
    """Of a Pod's first container: options of `podman run`, and the command.

    Args:
        spec: the Pod's.
        config: the folder that every ConfigMap becomes.
    """
    container = spec["containers"][0]
    context, locked = spec["securityContext"], container["securityContext"]
    found = [
        f"--user={context['runAsUser']}:{context['runAsGroup']}",
        f"--stop-timeout={spec['terminationGracePeriodSeconds']}",
        "--shm-size=256m",
        *(f"--cap-drop={capability.lower()}" for capability in locked["capabilities"]["drop"]),
        *(option for entry in container["env"] if (option := _variable(entry))),
        *_mounts(spec, container, config),
    ]
    if locked["readOnlyRootFilesystem"]:
        found += ["--read-only", "--read-only-tmpfs=false"]
    if not locked["allowPrivilegeEscalation"]:
        found.append("--security-opt=no-new-privileges")
    return found, [*container.get("command", ()), *container.get("args", ())]


def _variable(entry: Mapping[str, Any]) -> str:
    if "value" in entry:
        return f"--env={entry['name']}={entry['value']}"
    reference = entry["valueFrom"]["secretKeyRef"]
    if reference.get("optional"):
        return ""
    return f"--secret={secret(reference['name'], reference['key'])},type=env,target={entry['name']}"


def _mounts(spec: Spec, container: Mapping[str, Any], config: Path) -> list[str]:
    volumes = {volume["name"]: volume for volume in spec["volumes"]}
    found = []
    for mount in container["volumeMounts"]:
        path, volume = mount["mountPath"], volumes[mount["name"]]
        if "emptyDir" in volume:
            found.append(f"--tmpfs={path}:rw,exec,mode=1777,notmpcopyup")
        elif "configMap" in volume:
            found.append(f"--volume={config}:{path}:ro")
    return found
