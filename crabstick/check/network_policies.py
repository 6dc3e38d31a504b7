"""Finds NetworkPolicies that do not let the Pods of Ray out to Lichess, a proxy or Redis.

A policy applies to the Pods that it selects. They may connect only where one of their policies
allows it. The addresses of a name are not known here, so any block of addresses counts as right.
Selectors with operators other than `In`, which ours do not have, count as selecting nothing.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import urlsplit

from crabstick.check.manifests import Group, Manifests, at

_USUAL_PORTS: Final = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379}
Labels = Mapping[str, object]


def network(manifests: Manifests, group: Group) -> Iterator[str]:
    """Checks that the Pods of the group may connect to everything that they need."""
    labels = _labels(group, at(manifests.cluster, "metadata.name", ""))
    namespace = at(manifests.cluster, "metadata.namespace")
    binding = [
        policy
        for policy in manifests.of_kind("NetworkPolicy")
        if at(policy, "metadata.namespace") == namespace
        and _selects(at(policy, "spec.podSelector"), labels)
        and ("Egress" in at(policy, "spec.policyTypes", []) or at(policy, "spec.egress"))
    ]
    rules = [rule for policy in binding for rule in at(policy, "spec.egress", [])]
    for title, port in _targets(group, manifests):
        if binding and not any(_lets(rule, port, labels) for rule in rules):
            name = at(binding[0], "metadata.name")
            yield f"no way to {title}: add port {port} to spec.egress of the NetworkPolicy {name}"


def _labels(group: Group, cluster: str) -> Labels:
    """Source: KubeRay 1.7, `ray-operator/controllers/ray/common/pod.go`, `labelPod`."""
    name = group.body.get("groupName")
    return {
        **at(group.body, "template.metadata.labels", {}),
        "ray.io/cluster": cluster,
        "ray.io/is-ray-node": "yes",
        "ray.io/node-type": "worker" if name else "head",
    }


def _targets(group: Group, manifests: Manifests) -> Iterator[tuple[str, int]]:
    """What the Pods connect to: its title and port."""
    lichess = urlsplit(manifests.settings.lichess.url)
    variables = {name.lower(): each.get("value", "") for name, each in group.env.items()}
    direct = [each.strip().lstrip(".") for each in variables.get("no_proxy", "").split(",")]
    is_direct = any(f".{lichess.hostname}".endswith(f".{each}") for each in direct if each)
    proxy = variables.get(f"{lichess.scheme}_proxy")
    urls = {"the proxy": proxy} if proxy and not is_direct else {"Lichess": lichess.geturl()}
    redis = at(manifests.cluster, "spec.gcsFaultToleranceOptions.redisAddress")
    if redis and group is manifests.head:
        urls["Redis"] = redis if "://" in redis else f"redis://{redis}"
    for title, url in urls.items():
        with suppress(ValueError):  # no address at all
            port = urlsplit(url).port or _USUAL_PORTS.get(urlsplit(url).scheme)
            if port:
                yield title, port


def _selects(selector: object, labels: Labels) -> bool:
    pairs = at(selector, "matchLabels", {}).items()
    return all(labels.get(key) == value for key, value in pairs) and all(
        at(wish, "operator") == "In" and labels.get(at(wish, "key", "")) in at(wish, "values", [])
        for wish in at(selector, "matchExpressions", [])
    )


def _lets(rule: object, port: int, labels: Labels) -> bool:
    ports, peers = at(rule, "ports", []), at(rule, "to", [])
    opens = not ports or any(_opens(each, port) for each in ports)
    return opens and (not peers or any(_is_outside(each, labels) for each in peers))


def _opens(wish: object, port: int) -> bool:
    first: int = at(wish, "port", port)  # a name may mean any port
    last: int = at(wish, "endPort", first)
    return at(wish, "protocol", "TCP") == "TCP" and first <= port <= last


def _is_outside(peer: object, labels: Labels) -> bool:
    """Whether the peer may be something other than the Pods of Ray."""
    pods = at(peer, "podSelector")
    return not pods or at(peer, "namespaceSelector") is not None or not _selects(pods, labels)
