"""NetworkPolicies that cut somebody off from whom a bot cannot do without.

A policy binds the Pods that it selects: what none of them allows is forbidden to such a Pod.
Addresses of Pods and labels of namespaces are not known here; what they decide counts as allowed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final, Literal, TypeAlias

from crabstick.manifests.bundle import Bundle, Pod
from crabstick.manifests.documents import Document, below, items
from crabstick.manifests.faults import Fault, Finding, Remark
from crabstick.manifests.rules.selector import also, selector_of, selects
from crabstick.manifests.rules.ways import Way, to_api_server, ways

__all__ = ["cut_off", "told_network"]

Side: TypeAlias = Literal["egress", "ingress"]

_POLICY: Final = "NetworkPolicy"
_OTHERS: Final = frozenset(
    {"AuthorizationPolicy", "CiliumClusterwideNetworkPolicy", "CiliumNetworkPolicy"}
)
"""What does the same in words of its own."""
_OF_CLUSTERS: Final = frozenset({"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"})
_OF_CLUSTERS_V6: Final = "fc00::/7"
"""Where clusters have their own addresses."""
_NAMESPACE: Final = "kubernetes.io/metadata.name"
"""The label that every namespace has, with its name."""
_PRIVATE: Final = tuple(
    map(
        ip_network,
        (
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "fc00::/7",
            "fe80::/10",
        ),
    )
)


def cut_off(bundle: Bundle) -> Iterator[Finding]:
    """Nobody is kept from what it needs."""
    names = {id(pod): str(group) for pod, group in zip(bundle.pods, bundle.groups, strict=False)}
    closed: dict[tuple[str, Side, str], dict[str, None]] = {}
    for way in ways(bundle):
        who = names.get(id(way.who), way.who.owner)
        for policy, side in _closed(way, bundle):
            closed.setdefault((policy.title, side, way.aim), {})[who] = None
    for (title, side, aim), (first, *others) in closed.items():
        yield Fault(
            f"lets {first} not reach {aim}, nor does another policy: add a rule that does"
            f"{also(first, others)}",
            ("spec", side),
            title,
        )
    if bundle.cluster.spec.enable_in_tree_autoscaling:
        yield from _api_server(bundle)
    for document in bundle.documents:
        if document.kind in _OTHERS:
            yield Remark(f"whom {document.title} lets talk to whom was not looked at")


def _api_server(bundle: Bundle) -> Iterator[Finding]:
    """The head's autoscaler asks it, mostly at an address of the cluster's own."""
    way = to_api_server(bundle)
    advice = "add a rule for the ports 443 and 6443 as base/network-policies.yaml has it"
    for policy, side in _closed(way, bundle):
        yield Fault(
            f"lets the head not reach the API server, as its autoscaler must: {advice}",
            ("spec", side),
            policy.title,
        )
        return
    for policy, _ in _closed(replace(way, at="private"), bundle):
        yield Remark(
            f"{policy.title} lets the head reach public addresses only, and the API server, which "
            f"the autoscaler asks, has hardly such a one: {advice}"
        )


def told_network(bundle: Bundle) -> str:
    """What is well there."""
    policies = sum(each.kind == _POLICY for each in bundle.documents)
    if not policies:
        return "no policies"
    return "1 policy cuts nobody off" if policies == 1 else f"{policies} policies cut nobody off"


def _closed(way: Way, bundle: Bundle) -> Iterator[tuple[Document, Side]]:
    """The first policy of each side on which all of them keep it shut."""
    ends: list[tuple[Side, Pod, Pod | None]] = [("egress", way.who, way.whom)]
    if way.whom is not None:
        ends.append(("ingress", way.whom, way.who))
    for side, bound, other in ends:
        policies = [each for each in bundle.documents if _binds(each, side, bound)]
        rules = [rule for each in policies for rule in items(each.body, ("spec", side))]
        if policies and not any(_lets(rule, side, way, bound, other) for rule in rules):
            yield policies[0], side


def _binds(policy: Document, side: Side, pod: Pod) -> bool:
    if policy.kind != _POLICY or policy.namespace != pod.namespace:
        return False
    types = items(policy.body, ("spec", "policyTypes"))
    has_egress = below(policy.body, ("spec", "egress")) is not None
    is_about = side.title() in types if types else side == "ingress" or has_egress
    return is_about and selects(selector_of(below(policy.body, ("spec", "podSelector"))), pod)


def _lets(rule: object, side: Side, way: Way, bound: Pod, other: Pod | None) -> bool:
    ports, peers = items(rule, ("ports",)), items(rule, ("to" if side == "egress" else "from",))
    server = bound if side == "ingress" else other
    is_open = not ports or any(_is_port(port, way, server) for port in ports)
    return is_open and (not peers or any(_is_peer(peer, way, bound, other) for peer in peers))


def _is_port(port: object, way: Way, server: Pod | None) -> bool:
    if str(below(port, ("protocol",)) or "TCP") != way.protocol:
        return False
    given, last = below(port, ("port",)), below(port, ("endPort",))
    if given is None:
        return True
    first = _number(str(given), server)
    allowed = range(first, (last if isinstance(last, int) else first) + 1)
    return any(_number(wanted, server) in allowed for wanted in way.ports)


def _number(port: str, server: Pod | None) -> int:
    """What a port's name stands for in those Pods; -1 for one that they do not have."""
    if port.isdecimal():
        return int(port)
    containers = server.containers() if server else ()
    named = (each for container, _ in containers for each in container.ports if each.name == port)
    return next((each.container_port for each in named), -1)


def _is_peer(peer: object, way: Way, bound: Pod, other: Pod | None) -> bool:
    pods, spaces = below(peer, ("podSelector",)), below(peer, ("namespaceSelector",))
    if below(peer, ("ipBlock",)) is not None:
        return _is_block(below(peer, ("ipBlock",)), way)
    if other is None:  # a Pod of somebody else, perhaps; the API server and Lichess are none
        is_ours = spaces is None and selector_of(pods) and selects(selector_of(pods), bound)
        return way.at == "anywhere" and not is_ours
    if spaces is None:
        is_there = other.namespace == bound.namespace
    else:
        named = [wish for wish in selector_of(spaces) if wish.key == _NAMESPACE]
        is_there = all(wish.is_met({_NAMESPACE: other.namespace}) for wish in named)
    return is_there and (pods is None or selects(selector_of(pods), other))


def _is_block(block: object, way: Way) -> bool:
    if way.at == "public":
        return not _within(str(below(block, ("cidr",))), _PRIVATE)
    without = {str(each) for each in items(block, ("except",))}
    return way.at == "anywhere" or not (without >= _OF_CLUSTERS or _OF_CLUSTERS_V6 in without)


def _within(block: str, networks: Sequence[IPv4Network | IPv6Network]) -> bool:
    try:
        network = ip_network(block, strict=False)
    except ValueError:
        return False
    return any(
        network.version == each.version and network.subnet_of(each)  # type: ignore[arg-type]
        for each in networks
    )
