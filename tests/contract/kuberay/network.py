"""What NetworkPolicies let through, decided as Kubernetes does.

Source: the reference of networking.k8s.io/v1: policies add up; a Pod that none selects for a
direction is open in that direction; both ends must agree.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from tests.contract.kuberay.selectors import matches
from tests.contract.manifests import Manifest

NAME_OF_A_NAMESPACE = "kubernetes.io/metadata.name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An end of a connection: a Pod, or with `namespace` None something outside."""

    address: str
    namespace: str | None = None
    labels: dict[str, str] = field(default_factory=dict)


def may_reach(
    policies: list[Manifest], source: Place, target: Place, port: int, protocol: str = "TCP"
) -> bool:
    """Whether a connection comes about."""
    out = _rules(policies, source, "Egress")
    inward = _rules(policies, target, "Ingress")
    return _lets_through(out, "to", target, port, protocol) and _lets_through(
        inward, "from", source, port, protocol
    )


def _rules(
    policies: list[Manifest], place: Place, direction: str
) -> list[tuple[str, Manifest]] | None:
    """The namespace and the rule of each that counts; None where nothing is restricted."""
    mine = [
        policy
        for policy in policies
        if direction in policy["spec"]["policyTypes"]
        and policy["metadata"]["namespace"] == place.namespace
        and matches(policy["spec"]["podSelector"], place.labels)
    ]
    if not mine:
        return None
    return [
        (policy["metadata"]["namespace"], rule)
        for policy in mine
        for rule in policy["spec"].get(direction.lower(), ())
    ]


def _lets_through(
    rules: list[tuple[str, Manifest]] | None, side: str, other: Place, port: int, protocol: str
) -> bool:
    if rules is None:
        return True
    return any(
        (port, protocol) in _ports(rule, port, protocol)
        and (side not in rule or any(_is_meant(peer, home, other) for peer in rule[side]))
        for home, rule in rules
    )


def _ports(rule: Manifest, port: int, protocol: str) -> Iterator[tuple[int, str]]:
    if "ports" not in rule:
        yield port, protocol
    for opened in rule.get("ports", ()):
        yield opened["port"], opened.get("protocol", "TCP")


def _is_meant(peer: Manifest, home: str, other: Place) -> bool:
    if "ipBlock" in peer:
        block, address = peer["ipBlock"], ip_address(other.address)
        inside = [ip_network(part) for part in (block["cidr"], *block.get("except", ()))]
        return address in inside[0] and not any(address in part for part in inside[1:])
    if other.namespace is None:
        return False
    if "namespaceSelector" in peer:
        is_there = matches(peer["namespaceSelector"], {NAME_OF_A_NAMESPACE: other.namespace})
    else:
        is_there = other.namespace == home
    return is_there and matches(peer.get("podSelector", {}), other.labels)
