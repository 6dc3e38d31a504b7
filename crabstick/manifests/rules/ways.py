"""Whom the Pods of a bot cannot do without: each other, Lichess, names, and what they name."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

from crabstick.manifests.bundle import Bundle, Pod
from crabstick.manifests.documents import Document, below, items
from crabstick.manifests.rules.references import head_service, is_wrong_port
from crabstick.manifests.rules.selector import selector_of, selects
from crabstick.manifests.rules.uses import Use, uses

__all__ = ["Way", "to_api_server", "ways"]

_LICHESS: Final = "lichess.org"
_GCS: Final = "6379"
_CHOSEN: Final = "40000"
"""One of the ports that Ray leaves to the system, unless it is told others."""
_TOLD_PORTS: Final = frozenset(
    {"max-worker-port", "min-worker-port", "node-manager-port", "worker-port-list"}
)
_API_SERVER: Final = ("443", "6443", "8443", "16443")
_NAMES: Final = ("53", "5353")
_USUAL: Final = {"http": 80, "https": 443, "redis": 6379, "rediss": 6379}


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """`who` asks at one of `ports`; `whom` is None for what is no Pod of these manifests.

    `at` is what is known of its address.
    """

    who: Pod
    aim: str
    ports: Sequence[str]
    protocol: str = "TCP"
    whom: Pod | None = None
    at: Literal["anywhere", "public", "private"] = "anywhere"


def to_api_server(bundle: Bundle) -> Way:
    """The autoscaler's, beside the head."""
    return Way(who=bundle.pods[0], ports=_API_SERVER, aim="the API server")


def ways(bundle: Bundle) -> Iterator[Way]:
    """All of them but that to the API server, of which less is known."""
    head, *workers = bundle.pods[: len(bundle.groups)]
    yield from _among_nodes(bundle)
    for node in (head, *workers):
        yield from _to_lichess(node, bundle.settings.lichess.url)
        yield Way(who=node, ports=_NAMES, protocol="UDP", aim="names at port 53/UDP")
    yield from _to_store(bundle)
    for use in uses(bundle):
        if use.kind == "Service" and use.key and not is_wrong_port(use, bundle):
            yield from _to_service(use, bundle)


def _among_nodes(bundle: Bundle) -> Iterator[Way]:
    head, *workers = bundle.pods[: len(bundle.groups)]
    are_told = any(group.spec.ray_start_params.keys() & _TOLD_PORTS for group in bundle.groups)
    gcs = bundle.cluster.head.spec.ray_start_params.get("port", _GCS)
    for worker in workers:
        yield Way(who=worker, whom=head, ports=[gcs], aim=f"the head at port {gcs}")
        for who, whom in () if are_told else ((worker, head), (head, worker)):
            aim = "other nodes at the ports that Ray chooses"
            yield Way(who=who, whom=whom, ports=[_CHOSEN], aim=aim)


def _to_lichess(node: Pod, url: str) -> Iterator[Way]:
    """There, or to the proxy that the environment names."""
    server, ray = urlsplit(url), node.spec.containers[:1]
    variables = {each.name.lower(): each for container in ray for each in container.env}
    if any(container.env_from for container in ray):
        return  # nobody knows here which way it goes
    proxy, direct = variables.get(f"{server.scheme}_proxy"), variables.get("no_proxy")
    if proxy is not None and not (direct and _is_direct(str(server.hostname), direct.value or "")):
        yield from _to_url(node, proxy.value or "", "the proxy")
    elif server.hostname == _LICHESS:
        yield Way(who=node, ports=["443"], aim="Lichess at port 443", at="public")
    else:
        yield from _to_url(node, url, "Lichess")


def _is_direct(host: str, direct: str) -> bool:
    """Whether NO_PROXY has the host: a name stands for itself and all that ends with it."""
    names = [each.strip().lstrip(".") for each in direct.split(",")]
    return "*" in names or any(f".{host}".endswith(f".{name}") for name in names if name)


def _to_store(bundle: Bundle) -> Iterator[Way]:
    """To a Redis that is not in these manifests."""
    store = bundle.cluster.spec.gcs_fault_tolerance_options
    address = store.redis_address if store is not None else ""
    held = [each.name for each in bundle.documents if each.kind == "Service"]
    if address:
        url = address if "://" in address else f"redis://{address}"
        yield from _to_url(bundle.pods[0], url, "Redis", held)


def _to_url(who: Pod, url: str, title: str, but_not: Collection[str] = ()) -> Iterator[Way]:
    """`but_not` names Services, which are judged by their Pods."""
    try:
        server = urlsplit(url)
        host, port = server.hostname, server.port or _USUAL.get(server.scheme)
    except ValueError:  # no address at all
        return
    if host and port and host.partition(".")[0] not in but_not:
        yield Way(who=who, ports=[str(port)], aim=f"{title} at port {port}")


def _to_service(use: Use, bundle: Bundle) -> Iterator[Way]:
    who, aim = _owner(use, bundle), f"the Service {use.name} at port {use.key}"
    yield Way(who=who, ports=_NAMES, protocol="UDP", aim="names at port 53/UDP")
    if use.name == head_service(bundle):
        yield Way(who=who, whom=bundle.pods[0], ports=[use.key], aim=aim)
    for document in bundle.documents:
        if (document.kind, document.name) != ("Service", use.name):
            continue
        selector = selector_of({"matchLabels": below(document.body, ("spec", "selector"))})
        for pod in bundle.pods:
            if selector and pod.namespace == document.namespace and selects(selector, pod):
                yield Way(who=who, whom=pod, ports=[_aim(document, use.key)], aim=aim)


def _owner(use: Use, bundle: Bundle) -> Pod:
    """The Pods that name it: of that object, of that group, else the head."""
    for pod in bundle.pods:
        if pod.owner == use.owner and use.route[: len(pod.route)] == pod.route:
            return pod
    return bundle.pods[0]


def _aim(service: Document, key: str) -> str:
    """The port of the Pod behind a port of the Service: a number or a name."""
    for port in items(service.body, ("spec", "ports")):
        if str(below(port, ("port",))) == key:
            return str(below(port, ("targetPort",)) or key)
    return key
