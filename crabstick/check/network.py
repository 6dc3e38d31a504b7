"""NetworkPolicies that do not let the Pods of Ray out to Lichess, a proxy or Redis.

A policy binds the Pods that it selects: what none of their policies lets out is forbidden to them.
Which addresses a name has is not known here, so any block of addresses counts as the right one.
"""

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

from crabstick.check.documents import Manifest, below, items, metadata
from crabstick.check.finding import Finding
from crabstick.check.ray_cluster import Group, Manifests
from crabstick.errors import ConfigError

__all__ = ["network"]

_LICHESS: Final = "lichess.org"
_USUAL_PORTS: Final = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379}


def network(manifests: Manifests) -> Iterator[Finding]:
    """Each group of Pods gets out to everything that it asks."""
    namespace = metadata(manifests.cluster, "namespace")
    policies = [
        each
        for each in manifests.of_kind("NetworkPolicy")
        if metadata(each, "namespace") == namespace and _is_about_egress(each)
    ]
    for group in manifests.groups:
        labels = _labels(group, metadata(manifests.cluster, "name"))
        binding = [
            each for each in policies if _selects(below(each, "spec", "podSelector"), labels)
        ]
        rules = [rule for each in binding for rule in items(each, "spec", "egress")]
        for aim, host, port in _aims(group, manifests):
            if binding and not any(_lets(rule, host, port, labels) for rule in rules):
                yield Finding(
                    f"NetworkPolicy {metadata(binding[0], 'name')}, spec.egress lets {group} not "
                    f"reach {aim} at port {port}, nor does another policy: add a rule that does",
                    ConfigError,
                )


def _is_about_egress(policy: Manifest) -> bool:
    types = items(policy, "spec", "policyTypes")
    return "Egress" in types if types else below(policy, "spec", "egress") is not None


def _labels(group: Group, cluster: str) -> Mapping[str, object]:
    """What the Pods have: the labels of the template, and the operator's.

    Source: KubeRay 1.7, `ray-operator/controllers/ray/common/pod.go`, `labelPod`.
    """
    return {
        **(below(group.body, "template", "metadata", "labels") or {}),
        "app.kubernetes.io/created-by": "kuberay-operator",
        "app.kubernetes.io/name": "kuberay",
        "ray.io/cluster": cluster,
        "ray.io/group": "headgroup" if group.is_head else group.body.get("groupName"),
        "ray.io/is-ray-node": "yes",
        "ray.io/node-type": "head" if group.is_head else "worker",
    }


def _aims(group: Group, manifests: Manifests) -> Iterator[tuple[str, str, int]]:
    """What the Pods ask: what to call it, its host, its port."""
    lichess = urlsplit(str(manifests.settings.lichess.url))
    variables = {name.lower(): each.get("value", "") for name, each in group.env.items()}
    proxy, direct = variables.get(f"{lichess.scheme}_proxy"), variables.get("no_proxy", "")
    redis = below(manifests.cluster, "spec", "gcsFaultToleranceOptions", "redisAddress")
    urls = {"Lichess": lichess.geturl()}
    if proxy and not _is_direct(str(lichess.hostname), direct):
        urls = {"the proxy": proxy}
    if redis and group.is_head:
        urls["Redis"] = redis if "://" in redis else f"redis://{redis}"
    for title, url in urls.items():
        try:
            server = urlsplit(url)
            port = server.port or _USUAL_PORTS.get(server.scheme)
        except ValueError:  # no address at all
            continue
        if server.hostname and port:
            yield title, server.hostname, port


def _is_direct(host: str, no_proxy: str) -> bool:
    """Whether NO_PROXY has the host: a name stands for itself and all that ends with it."""
    names = [each.strip().lstrip(".") for each in no_proxy.split(",")]
    return "*" in names or any(f".{host}".endswith(f".{name}") for name in names if name)


def _selects(selector: object, labels: Mapping[str, object]) -> bool:
    wanted = below(selector, "matchLabels")
    pairs = wanted.items() if isinstance(wanted, Mapping) else ()
    return all(labels.get(key) == value for key, value in pairs) and all(
        _meets(labels.get(below(each, "key")), each) for each in items(selector, "matchExpressions")
    )


def _meets(label: object, wish: object) -> bool:
    values = items(wish, "values")
    verdicts = {
        "In": label in values,
        "NotIn": label not in values,
        "Exists": label is not None,
        "DoesNotExist": label is None,
    }
    return verdicts.get(below(wish, "operator"), False)


def _lets(rule: object, host: str, port: int, labels: Mapping[str, object]) -> bool:
    ports, peers = items(rule, "ports"), items(rule, "to")
    return (not ports or any(_is_port(each, port) for each in ports)) and (
        not peers or any(_may_be(each, host, labels) for each in peers)
    )


def _is_port(wish: object, port: int) -> bool:
    first = below(wish, "port") or port
    last = below(wish, "endPort") or first
    is_name = not isinstance(first, int) or not isinstance(
        last, int
    )  # of any port, for all we know
    is_tcp = below(wish, "protocol") in {None, "TCP"}
    return is_tcp and (is_name or first <= port <= last)


def _may_be(peer: object, host: str, labels: Mapping[str, object]) -> bool:
    """Whether the peer may be that host: Lichess is not a Pod, and the others are not Ray's."""
    if below(peer, "ipBlock") is not None:
        return True
    pods, elsewhere = below(peer, "podSelector"), below(peer, "namespaceSelector")
    is_ray = pods and elsewhere is None and _selects(pods, labels)
    return host != _LICHESS and not is_ray
