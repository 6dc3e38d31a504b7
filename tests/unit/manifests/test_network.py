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


MINE = {"to": [{"ipBlock": {"cidr": "10.1.0.0/16"}}]}
SERVER = Settings.model_validate({"lichess": {"url": "http://lila.internal:9663"}})


@pytest.mark.parametrize(
    ("rule", "count"),
    [
        ({**MINE, "ports": [{"port": 9663}]}, 0),
        ({"to": [{"podSelector": {"matchLabels": {"app": "lila"}}}]}, 0),
        ({"to": [{"namespaceSelector": {"matchLabels": {"team": "lila"}}}]}, 0),
        ({**MINE, "ports": [{"port": 443}]}, 1),
    ],
)
def test_a_lichess_of_your_own_may_be_anywhere(rule: Manifest, count: int) -> None:
    api_server = {"ports": [{"port": 6443}]}
    policy = a_policy(ingress=IN, egress=[{"to": [RAY]}, NAMES, api_server, rule])
    found = cut_off(policy, settings=SERVER)
    words = "egress lets the head not reach Lichess at port 9663"
    assert [each.startswith(words) for each in found] == [True] * count


def behind_a_proxy(**more: str) -> Manifest:
    variables = [{"name": name, "value": value} for name, value in more.items()]
    cluster = a_cluster()
    for group in (cluster["spec"]["headGroupSpec"], *cluster["spec"]["workerGroupSpecs"]):
        group["template"]["spec"]["containers"][0]["env"] += variables
    return cluster


@pytest.mark.parametrize(
    ("variables", "port", "words"),
    [
        ({"HTTPS_PROXY": "http://10.1.2.3:3128"}, 3128, ""),
        ({"https_proxy": "http://10.1.2.3:3128"}, 443, "the proxy at port 3128"),
        ({"HTTPS_PROXY": "http://10.1.2.3"}, 3128, "the proxy at port 80"),
        ({"HTTP_PROXY": "http://10.1.2.3:3128"}, 3128, "Lichess at port 443"),
        ({"HTTPS_PROXY": "http://10.1.2.3:3128", "NO_PROXY": ".svc, .org"}, 3128, "Lichess at"),
        ({"HTTPS_PROXY": "http://10.1.2.3:3128", "NO_PROXY": "*"}, 3128, "Lichess at port 443"),
        ({"HTTPS_PROXY": "http://10.1.2.3:3128", "NO_PROXY": ".svc,chess.org,"}, 3128, ""),
        ({"HTTPS_PROXY": "http://10.1.2.3:3128", "no_proxy": "localhost"}, 443, "the proxy at"),
        ({"HTTPS_PROXY": "http://10.1.2.3:many"}, 3128, ""),
    ],
)
def test_behind_a_proxy_that_is_whom_they_ask(
    variables: dict[str, str], port: int, words: str
) -> None:
    rules = [{"to": [RAY]}, NAMES, {"ports": [{"port": 6443}]}, {**MINE, "ports": [{"port": port}]}]
    found = cut_off(a_policy(ingress=IN, egress=rules), cluster=behind_a_proxy(**variables))
    assert [words in each for each in found] == [True] * bool(words)


@pytest.mark.parametrize(
    "address", ["redis.example:6379", "rediss://10.1.2.3:6379", "redis:6379", "10.1.2.3"]
)
@pytest.mark.parametrize(("port", "count"), [(6379, 0), (6380, 1)])
def test_a_redis_elsewhere_is_reached_by_a_rule_for_it(address: str, port: int, count: int) -> None:
    cluster = a_cluster(gcsFaultToleranceOptions={"redisAddress": address})
    rules = [*OUT, {**MINE, "ports": [{"port": port}]}]
    found = cut_off(a_policy(ingress=IN, egress=rules), cluster=cluster)
    cut = [each for each in found if each.startswith("egress lets the head not reach Redis")]
    assert len(cut) == count


@pytest.mark.parametrize("address", ["redis://[10.1.2.3:6379", "redis://a:b", "redis://"])
def test_an_address_that_is_none_is_no_way(address: str) -> None:
    cluster = a_cluster(gcsFaultToleranceOptions={"redisAddress": address})
    found = cut_off(a_policy(ingress=IN, egress=OUT), cluster=cluster)
    assert not any("reach Redis" in each for each in found)


def test_the_port_of_the_head_may_be_another() -> None:
    head = {"rayStartParams": {"num-cpus": "0", "port": "6380"}, "template": {"spec": a_pod()}}
    rules = [{"from": [RAY], "ports": [{"port": 6379}, {"port": 10002, "endPort": 65535}]}]
    (found,) = cut_off(a_policy(ingress=rules), cluster=a_cluster(headGroupSpec=head))
    assert found.startswith("ingress lets game not reach the head at port 6380")


PRIVATE = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"]


@pytest.mark.parametrize(
    ("block", "is_told"),
    [
        ({"cidr": "0.0.0.0/0", "except": PRIVATE}, True),
        ({"cidr": "::/0", "except": ["fc00::/7"]}, True),
        ({"cidr": "0.0.0.0/0", "except": PRIVATE[1:]}, False),
        ({"cidr": "0.0.0.0/0"}, False),
    ],
)
def test_an_api_server_is_hardly_at_a_public_address(block: Manifest, *, is_told: bool) -> None:
    rules = [{"to": [RAY]}, NAMES, {"to": [{"ipBlock": block}], "ports": [{"port": 443}]}]
    (found,) = said("network", a_cluster(), a_policy(ingress=IN, egress=rules))
    assert ("public addresses only" in found) is is_told


def test_without_an_autoscaler_nobody_asks_the_api_server() -> None:
    cluster = a_cluster(enableInTreeAutoscaling=False, autoscalerOptions={})
    block = {"cidr": "0.0.0.0/0", "except": PRIVATE}
    rules = [{"to": [RAY]}, NAMES, {"to": [{"ipBlock": block}], "ports": [{"port": 443}]}]
    assert said("network", cluster, a_policy(ingress=IN, egress=rules)) == [
        "1 policy cuts nobody off"
    ]


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


def test_policies_of_another_kind_were_not_looked_at() -> None:
    policy = {**a_policy(egress=[]), "kind": "CiliumNetworkPolicy"}
    assert said("network", a_cluster(), policy) == [
        "whom CiliumNetworkPolicy x lets talk to whom was not looked at"
    ]


def test_a_policy_of_another_namespace_binds_nobody_here() -> None:
    policy = a_policy()
    policy["metadata"]["namespace"] = "chess"
    assert not any("lets" in each for each in cut_off(policy))
