"""A NetworkPolicy that keeps somebody from what it needs is named, with whom and from what."""

from typing import Any

import pytest

from crabstick.settings import Settings
from tests.unit.manifests.clusters import (
    Manifest,
    a_cluster,
    a_container,
    a_group,
    a_pod,
    problems,
    said,
)

RAY: Manifest = {"podSelector": {"matchLabels": {"ray.io/cluster": "crabstick"}}}
NAMES: Manifest = {"ports": [{"port": 53, "protocol": "UDP"}]}
WORLD: Manifest = {"to": [{"ipBlock": {"cidr": "0.0.0.0/0"}}]}
LICHESS: Manifest = {**WORLD, "ports": [{"port": 443}]}
OUT = [{"to": [RAY]}, NAMES, LICHESS]
IN = [{"from": [RAY]}]


def a_policy(**spec: Any) -> Manifest:
    metadata = {"name": "x", "namespace": "crabstick"}
    return {"kind": "NetworkPolicy", "metadata": metadata, "spec": {**RAY, **spec}}


def cut_off(*policies: Manifest, cluster: Manifest | None = None, **changes: Any) -> list[str]:
    found = problems(cluster or a_cluster(), *policies, **changes)
    return [each.removeprefix("network: NetworkPolicy x, spec.") for each in found]


def test_without_a_policy_nobody_is_cut_off() -> None:
    assert said("network", a_cluster()) == ["no policies"]


def test_one_that_lets_everybody_do_what_they_must_is_counted() -> None:
    assert said("network", a_cluster(), a_policy(ingress=IN, egress=OUT)) == [
        "1 policy cuts nobody off"
    ]


def test_it_says_who_is_cut_off_from_whom_and_what_to_do() -> None:
    api_server = {"ports": [{"port": 6443}]}
    (found,) = cut_off(a_policy(ingress=IN, egress=[{"to": [RAY]}, NAMES, api_server]))
    assert found == (
        "egress lets the head not reach Lichess at port 443, nor does another policy: add a rule "
        "that does; the same goes for game"
    )


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        ({"egress": []}, ["the head at port 6379", "Ray chooses", "Lichess", "names", "autoscal"]),
        ({"policyTypes": ["Egress"]}, ["6379", "chooses", "Lichess", "names", "autoscaler"]),
        ({"policyTypes": ["Ingress"]}, ["6379", "chooses"]),
        ({"ingress": []}, ["6379", "chooses"]),
        ({}, ["6379", "chooses"]),
        ({"egress": [NAMES, LICHESS], "ingress": IN}, ["6379", "chooses"]),
        ({"egress": [{"to": [RAY]}, LICHESS], "ingress": IN}, ["names"]),
        ({"egress": [{"to": [RAY]}, NAMES], "ingress": IN}, ["Lichess", "autoscaler"]),
        ({"ingress": [{"from": [RAY], "ports": [{"port": 6379}]}]}, ["chooses"]),
        ({"ingress": [{"from": [RAY], "ports": [{"port": 10002, "endPort": 65535}]}]}, ["6379"]),
        ({"ingress": [{"from": [RAY], "ports": [{"protocol": "UDP"}]}]}, ["6379", "chooses"]),
        ({"ingress": [{"from": [RAY], "ports": [{"port": 1, "endPort": 65535}]}]}, []),
        ({"ingress": [{"from": [RAY], "ports": [{"protocol": "TCP"}]}]}, []),
        ({"ingress": [{}]}, []),
        ({"ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8"}}]}]}, []),
    ],
)
def test_each_thing_that_is_kept_from_them_is_one_sentence(
    spec: Manifest, parts: list[str]
) -> None:
    found = " / ".join(cut_off(a_policy(**spec)))
    assert all(part in found for part in parts)
    told = {"6379", "chooses", "Lichess", "names", "autoscaler"}
    assert {each for each in told if each in found} == {
        each for each in told if any(each[:8] in part for part in parts)
    }


@pytest.mark.parametrize(
    ("peer", "count"),
    [
        ({"namespaceSelector": {}}, 0),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "crabstick"}}}, 0),
        ({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "chess"}}}, 2),
        ({"namespaceSelector": {"matchLabels": {"team": "chess"}}}, 0),
        ({"namespaceSelector": {}, "podSelector": {"matchLabels": {"team": "chess"}}}, 2),
        ({"podSelector": {}}, 0),
        ({"podSelector": {"matchExpressions": [{"key": "ray.io/group", "operator": "Exists"}]}}, 0),
        (
            {
                "podSelector": {
                    "matchExpressions": [
                        {"key": "ray.io/node-type", "operator": "NotIn", "values": ["head"]}
                    ]
                }
            },
            1,
        ),
    ],
)
def test_a_peer_is_whom_its_selectors_take(peer: Manifest, count: int) -> None:
    found = cut_off(a_policy(ingress=[{"from": [peer]}]))
    assert len(found) == count


def test_policies_add_up() -> None:
    rules = [a_policy(policyTypes=["Egress"], egress=[rule]) for rule in OUT]
    assert cut_off(*rules) == []
    assert cut_off(*rules[:2])


@pytest.mark.parametrize("cidr", ["10.0.0.0/8", "192.168.1.0/24", "fd00::/8"])
def test_lichess_is_at_no_private_address(cidr: str) -> None:
    rule = {"to": [{"ipBlock": {"cidr": cidr}}], "ports": [{"port": 443}]}
    (found,) = cut_off(a_policy(ingress=IN, egress=[{"to": [RAY]}, NAMES, rule]))
    assert "Lichess" in found


def test_a_lichess_of_your_own_may_be_anywhere() -> None:
    settings = Settings.model_validate({"lichess": {"url": "http://lila.internal:9663"}})
    policy = a_policy(ingress=IN, egress=[{"to": [RAY]}, NAMES, {"ports": [{"port": 6443}]}])
    assert cut_off(policy, settings=settings) == []


def test_ports_that_ray_is_told_are_not_judged() -> None:
    cluster = a_cluster(workerGroupSpecs=[a_group(rayStartParams={"node-manager-port": "6380"})])
    policy = a_policy(ingress=[{"from": [RAY], "ports": [{"port": 6379}]}])
    assert cut_off(policy, cluster=cluster) == []


def a_keeper() -> Manifest:
    asks = ["ray job submit --address http://crabstick-head-svc:8265 -- x"]
    pod = a_pod(containers=[a_container(name="keeper", args=asks)])
    labels = {"name": "keeper"}
    return {
        "kind": "Deployment",
        "metadata": {"name": "keeper", "namespace": "crabstick"},
        "spec": {"template": {"metadata": {"labels": labels}, "spec": pod}},
    }


KEEPER: Manifest = {"podSelector": {"matchLabels": {"name": "keeper"}}}


@pytest.mark.parametrize(
    ("port", "is_open"), [(8265, True), ("dashboard", True), (8000, False), ("metrics", False)]
)
def test_who_asks_a_service_reaches_the_pods_behind_it(port: int | str, *, is_open: bool) -> None:
    ray = a_container(ports=[{"name": "dashboard", "containerPort": 8265}])
    head = {"rayStartParams": {"num-cpus": "0"}, "template": {"spec": a_pod(containers=[ray])}}
    policy = a_policy(ingress=[*IN, {"from": [KEEPER], "ports": [{"port": port}]}])
    found = cut_off(policy, a_keeper(), cluster=a_cluster(headGroupSpec=head))
    assert bool(found) is not is_open
    words = "ingress lets Deployment keeper not reach the Service crabstick-head-svc at port 8265"
    assert all(each.startswith(words) for each in found)


def test_who_asks_a_service_needs_names() -> None:
    rule = {"to": [RAY], "ports": [{"port": 8265}]}
    (found,) = cut_off(a_policy(**KEEPER, egress=[rule]), a_keeper())
    assert found.startswith("egress lets Deployment keeper not reach names at port 53/UDP")


def test_a_policy_of_another_namespace_binds_nobody_here() -> None:
    policy = a_policy()
    policy["metadata"]["namespace"] = "chess"
    assert not any("lets" in each for each in cut_off(policy))
