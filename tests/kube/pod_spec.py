"""The Pods that the KubeRay operator makes of a RayCluster: what it adds to their templates. Pure.

Source: KubeRay 1.7.0, `DefaultHeadPodTemplate`, `DefaultWorkerPodTemplate`, `BuildPod` and
`BuildAutoscalerContainer` in `common/pod.go`; only what these tests meet.
"""

import math
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from ray.autoscaler._private.kuberay.utils import parse_quantity

from tests.kube.objects import HEAD, Manifest, name_of

AUTH_KEY: Final = "auth_token"
"""The key of Ray's token in the Secret that is called as the cluster."""
EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 -- within a Pod
FALSE_IS_SAID: Final = {"include-dashboard", "log-color"}
"""Options of `ray start` that want a value; other booleans are switches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """What a network decides: addresses and ports.

    `port` gives the port for a usual one; `only` is the address that all Pods share, if they do.
    """

    head: str
    gcs_port: int
    port: Callable[[int], int]
    only: str | None = None


def pod_for(cluster: Manifest, group_name: str, serial: str, where: Addresses) -> Manifest:
    """A new Pod of that group; `serial` makes its name its own."""
    is_head = group_name == HEAD
    group = _group(cluster, group_name)
    kind = "head" if is_head else f"{group_name}-worker"
    name = f"{name_of(cluster)}-{kind}-{serial}"
    spec = deepcopy(group["template"]["spec"])
    spec["restartPolicy"] = "Never"
    ray = spec["containers"][0]
    ray["command"] = ["ray", "start", *_options(group, is_head=is_head, where=where)]
    ray["env"] = [*ray.get("env", ()), *_identity(cluster, name, group_name), *_auth(cluster)]
    if is_head:
        spec["containers"].append(_autoscaler(cluster, name, where))
    labels = {
        "ray.io/cluster": name_of(cluster),
        "ray.io/node-type": "head" if is_head else "worker",
        "ray.io/group": group_name,
        "ray.io/is-ray-node": "yes",
    }
    metadata = {"name": name, "namespace": cluster["metadata"]["namespace"], "labels": labels}
    return {"metadata": metadata, "spec": spec, "status": {"phase": "Pending"}}


def _group(cluster: Manifest, name: str) -> Manifest:
    if name == HEAD:
        return dict(cluster["spec"]["headGroupSpec"])
    groups = {group["groupName"]: group for group in cluster["spec"]["workerGroupSpecs"]}
    return dict(groups[name])


def _options(group: Manifest, *, is_head: bool, where: Addresses) -> Iterator[str]:
    """How `ray start` is called: what the group says, else what its limits say."""
    limits = group["template"]["spec"]["containers"][0].get("resources", {}).get("limits", {})
    params = {
        "metrics-export-port": where.port(8080),
        "dashboard-agent-listen-port": where.port(52365),
        "block": "true",
        **_resources(limits),
        **({"labels": _joined(group["labels"])} if "labels" in group else {}),
        **group.get("rayStartParams", {}),
    }
    if where.only is not None:
        params["node-ip-address"] = where.only
    if is_head:
        yield "--head"
        params |= {"port": where.gcs_port, "no-monitor": "true"}
        params |= {"dashboard-host": where.only or EVERYWHERE, "dashboard-port": where.port(8265)}
    else:
        params["address"] = f"{where.head}:{where.gcs_port}"
    for option, value in sorted(params.items()):
        if str(value) == "true":
            yield f"--{option}"
        elif str(value) != "false" or option in FALSE_IS_SAID:
            yield f"--{option}={value}"


def _resources(limits: Manifest) -> dict[str, str]:
    """A part of a CPU counts as a whole one."""
    found = {}
    if "cpu" in limits:
        found["num-cpus"] = str(math.ceil(parse_quantity(limits["cpu"])))
    if "memory" in limits:
        found["memory"] = str(int(parse_quantity(limits["memory"])))
    gpus = [amount for name, amount in limits.items() if name.endswith("gpu")]
    return found | ({"num-gpus": str(gpus[0])} if gpus else {})


def _joined(labels: Manifest) -> str:
    return ",".join(f"{name}={value}" for name, value in labels.items())


def _identity(cluster: Manifest, pod: str, group: str) -> list[Manifest]:
    """By these the autoscaler knows which Pod a Ray node is."""
    return _variables(
        RAY_CLUSTER_NAME=name_of(cluster),
        RAY_CLUSTER_NAMESPACE=cluster["metadata"]["namespace"],
        RAY_CLOUD_INSTANCE_ID=pod,
        RAY_NODE_TYPE_NAME=group,
        RAY_USAGE_STATS_KUBERAY_IN_USE="1",
        **({"RAY_enable_autoscaler_v2": "true"} if group == HEAD else {}),
    )


def _auth(cluster: Manifest) -> list[Manifest]:
    mode = cluster["spec"].get("authOptions", {}).get("mode", "disabled")
    if mode != "token":
        return _variables(RAY_AUTH_MODE=mode)
    secret = {"name": name_of(cluster), "key": AUTH_KEY}
    token = {"name": "RAY_AUTH_TOKEN", "valueFrom": {"secretKeyRef": secret}}
    return [*_variables(RAY_AUTH_MODE=mode), token]


def _autoscaler(cluster: Manifest, pod: str, where: Addresses) -> Manifest:
    """The container beside the head; its address is given, though it could find it out."""
    name, namespace = name_of(cluster), cluster["metadata"]["namespace"]
    environment = _variables(
        RAY_CLUSTER_NAME=name,
        RAY_CLUSTER_NAMESPACE=namespace,
        RAY_HEAD_POD_NAME=pod,
        KUBERAY_CRD_VER="v1",
    )
    command = ["ray", "kuberay-autoscaler", f"--gcs-address={where.head}:{where.gcs_port}"]
    return {
        "name": "autoscaler",
        "command": [*command, f"--cluster-name={name}", f"--cluster-namespace={namespace}"],
        "env": [
            *cluster["spec"].get("autoscalerOptions", {}).get("env", ()),
            *environment,
            *_auth(cluster),
        ],
    }


def _variables(**values: Any) -> list[Manifest]:
    return [{"name": name, "value": str(value)} for name, value in values.items()]
