"""Mistakes in a RayCluster that neither the API server nor the operator names.

Some break at the first Pod, with an event at best; the others run, and cost games.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from tests.contract.manifests import Manifest

__all__ = ["silent_mistakes"]

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
LONGEST_PORT_NAME = 15
SET_BY_THE_OPERATOR = frozenset(
    {"RAY_CLUSTER_NAME", "RAY_CLOUD_INSTANCE_ID", "RAY_NODE_TYPE_NAME", "RAY_ADDRESS"}
)
SELECTED_BY_THE_OPERATOR = ("app.kubernetes.io/", "ray.io/")


def silent_mistakes(cluster: Manifest) -> list[str]:
    """One sentence for each."""
    spec = cluster["spec"]
    groups = {"head": spec["headGroupSpec"]}
    groups |= {group["groupName"]: group for group in spec["workerGroupSpecs"]}
    found = [*_of_the_cluster(cluster), *_of_the_workers(spec["workerGroupSpecs"])]
    for name, group in groups.items():
        mistakes = [*_of_a_template(group["template"]), *_of_a_container(group["template"]["spec"])]
        found += [f"{name}: {mistake}" for mistake in mistakes]
    return found


def _of_the_cluster(cluster: Manifest) -> Iterator[str]:
    spec, head = cluster["spec"], cluster["spec"]["headGroupSpec"]
    if not spec.get("enableInTreeAutoscaling"):
        yield "there is no autoscaler"
    if spec.get("autoscalerOptions", {}).get("version") != "v2":
        yield "without an explicit v2 a dead Pod is started anew under the autoscaler"
    if head.get("rayStartParams", {}).get("num-cpus") != "0":
        yield "the head has CPUs for games"
    if spec.get("suspend") or spec.get("upgradeStrategy", {}).get("type") == "Recreate":
        yield "all Pods go at once"
    if "externalStorageNamespace" in spec.get("gcsFaultToleranceOptions", {}):
        yield "a cluster that is made anew finds the ghosts of the last one"
    if cluster["metadata"].get("annotations", {}).get("ray.io/enable-serve-service"):
        yield "the operator's Service for Serve selects workers too"
    volumes = [volume["name"] for volume in head["template"]["spec"].get("volumes", ())]
    yield from _unknown_mounts("the autoscaler", spec.get("autoscalerOptions", {}), volumes)


def _of_the_workers(groups: list[Manifest]) -> Iterator[str]:
    names = [group["groupName"] for group in groups]
    yield from (f"two groups are called {name}" for name in _repeated(names))
    for group in groups:
        if not DNS_LABEL.fullmatch(group["groupName"]):
            yield f"the group {group['groupName']} gives Pods no legal name"
        if "replicas" in group:
            yield f"{group['groupName']}: an apply takes replicas from the autoscaler's hands"
        if group.get("maxReplicas", 0) < 1:
            yield f"{group['groupName']}: there is never a node"


def _of_a_template(template: Manifest) -> Iterator[str]:
    labels = template.get("metadata", {}).get("labels", {})
    for label in labels:
        if label.startswith(SELECTED_BY_THE_OPERATOR):
            yield f"the operator selects Pods by the label {label}"
    volumes = [volume["name"] for volume in template["spec"].get("volumes", ())]
    yield from (f"two volumes are called {name}" for name in _repeated(volumes))
    for container in template["spec"]["containers"]:
        yield from _unknown_mounts(container["name"], container, volumes)


def _unknown_mounts(name: str, container: Manifest, volumes: list[str]) -> Iterator[str]:
    for mount in container.get("volumeMounts", ()):
        if mount["name"] not in volumes:
            yield f"{name} mounts {mount['name']}, which is no volume"


def _of_a_container(pod: Manifest) -> Iterator[str]:
    for container in pod["containers"]:
        ports = [port["name"] for port in container.get("ports", ())]
        variables = [variable["name"] for variable in container.get("env", ())]
        paths = [mount["mountPath"] for mount in container.get("volumeMounts", ())]
        for name in (*_repeated(ports), *_repeated(variables), *_repeated(paths)):
            yield f"{container['name']} has {name} twice"
        for name in ports:
            if len(name) > LONGEST_PORT_NAME:
                yield f"the name of the port {name} is too long"
        for name in SET_BY_THE_OPERATOR & set(variables):
            yield f"{name} is the operator's to set"


def _repeated(names: Iterable[str]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]
