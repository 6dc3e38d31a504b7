"""Who reaches whom under the NetworkPolicies, computed from the objects and their Pods."""

import pytest

from tests.contract.kuberay.network import Place, may_reach
from tests.contract.kuberay.pods import pods
from tests.contract.kuberay.rendered import CASES, NAMESPACE, of_kind, rendered
from tests.contract.manifests import Manifest

POD_ADDRESS = "10.244.0.7"
ELSEWHERE = {
    "operator": Place(
        address=POD_ADDRESS,
        namespace="ray-system",
        labels={"app.kubernetes.io/name": "kuberay-operator"},
    ),
    "prometheus": Place(
        address=POD_ADDRESS,
        namespace="monitoring",
        labels={"app.kubernetes.io/name": "prometheus"},
    ),
    "neighbour": Place(address=POD_ADDRESS, namespace=NAMESPACE, labels={"app": "other"}),
    "stranger": Place(address=POD_ADDRESS, namespace="default", labels={"app": "other"}),
    "names": Place(address=POD_ADDRESS, namespace="kube-system", labels={"k8s-app": "kube-dns"}),
    "lichess": Place(address="37.187.205.99"),
    "lichess over IPv6": Place(address="2001:41d0:307:b200::"),
    "names of OpenShift": Place(
        address=POD_ADDRESS,
        namespace="openshift-dns",
        labels={"dns.operator.openshift.io/daemonset-dns": "default"},
    ),
    "names of a machine": Place(address="169.254.20.10"),
    "the API server": Place(address="10.96.0.1"),
    "a public API server": Place(address="34.118.224.1"),
    "the cloud's metadata": Place(address="169.254.169.254"),
}
NAMES = (53, 5353)
EVERYWHERE = [
    # from, to, port, whether
    ("game", "head", 6379, True),
    ("game", "head", 8265, True),
    ("head", "game", 10_002, True),
    ("game", "game", 30_000, True),
    ("keeper", "head", 8265, True),
    ("keeper", "head", 8000, True),
    ("keeper", "head", 6379, False),
    ("keeper", "game", 8080, False),
    ("keeper", "names", 53, True),
    ("keeper", "names of OpenShift", 5353, True),
    ("keeper", "lichess", 443, False),
    ("keeper", "the API server", 443, False),
    ("head", "keeper", 80, False),
    ("neighbour", "keeper", 80, False),
    ("operator", "head", 8265, True),
    ("operator", "head", 6379, False),
    ("operator", "game", 8265, False),
    ("prometheus", "head", 8080, True),
    ("prometheus", "head", 44_217, True),
    ("prometheus", "head", 44_227, True),
    ("prometheus", "head", 8000, True),
    ("prometheus", "game", 8080, True),
    ("prometheus", "head", 8265, False),
    ("neighbour", "head", 8000, True),
    ("neighbour", "head", 8265, False),
    ("neighbour", "game", 8080, False),
    ("stranger", "head", 8000, False),
    ("head", "names", 53, True),
    ("game", "names", 53, True),
    ("game", "names of OpenShift", 5353, True),
    ("game", "names of a machine", 53, True),
    ("head", "lichess", 443, True),
    ("game", "lichess", 443, True),
    ("game", "lichess over IPv6", 443, True),
    ("game", "lichess", 80, False),
    ("game", "the cloud's metadata", 80, False),
    ("head", "the API server", 443, True),
    ("head", "a public API server", 6443, True),
    ("head", "stranger", 443, True),  # wider than it had to be: the API server may be anywhere
    ("head", "stranger", 80, False),
    ("game", "stranger", 443, False),
    ("head", "the API server", 6443, True),
    ("head", "the API server", 8443, True),
    ("game", "the API server", 443, False),
    ("game", "the API server", 6443, False),
]
IN_PRODUCTION = [
    *EVERYWHERE,
    ("spot", "head", 6379, True),
    ("spot", "lichess", 443, True),
    ("prometheus", "spot", 8080, True),
    ("head", "redis", 6379, True),
    ("redis-cleanup", "redis", 6379, True),
    ("game", "redis", 6379, False),
    ("keeper", "redis", 6379, False),
    ("neighbour", "redis", 6379, False),
    ("redis", "names", 53, False),
    ("redis", "lichess", 443, False),
    ("redis", "head", 6379, False),
]


def places(objects: list[Manifest]) -> dict[str, Place]:
    return ELSEWHERE | {
        pod.role: Place(address=POD_ADDRESS, namespace=pod.namespace, labels=pod.labels)
        for pod in pods(objects)
    }


def paths_of(case: str) -> list[tuple[str, str, int, bool]]:
    return IN_PRODUCTION if case == "production" else EVERYWHERE


def wrong(objects: list[Manifest], policies: list[Manifest], case: str) -> list[str]:
    """The paths that are not as they should be."""
    known = places(objects)
    return [
        f"{source} -> {target}:{port}"
        for source, target, port, is_open in paths_of(case)
        if may_reach(policies, known[source], known[target], port, protocol(port)) != is_open
    ]


def protocol(port: int) -> str:
    return "UDP" if port in NAMES else "TCP"


@pytest.mark.parametrize("case", CASES)
def test_everybody_reaches_whom_they_need_and_nobody_else(case: str) -> None:
    assert wrong(rendered(case), of_kind(case, "NetworkPolicy"), case) == []


@pytest.mark.parametrize(("where", "port"), [("names", 53), ("names of OpenShift", 5353)])
def test_names_are_asked_for_over_tcp_too(where: str, port: int) -> None:
    known, policies = places(rendered("base")), of_kind("base", "NetworkPolicy")
    assert all(may_reach(policies, known[who], known[where], port) for who in ("head", "keeper"))


@pytest.mark.parametrize(
    ("name", "direction", "place"),
    [
        (policy["metadata"]["name"], direction, place)
        for policy in of_kind("base", "NetworkPolicy")
        for direction in ("ingress", "egress")
        for place in range(len(policy["spec"].get(direction, ())))
    ],
)
def test_a_rule_less_is_seen(name: str, direction: str, place: int) -> None:
    policies = of_kind("base", "NetworkPolicy")
    (policy,) = [each for each in policies if each["metadata"]["name"] == name]
    del policy["spec"][direction][place]
    assert wrong(rendered("base"), policies, "base")
