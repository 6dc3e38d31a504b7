"""The requests of Kubernetes' API that Ray's autoscaler makes, answered from the store.

The paths are Kubernetes' own. No socket here: `api` has that.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qsl, urlsplit

from jsonpatch import JsonPatchException, JsonPointerException

from tests.kube.objects import Manifest, name_of
from tests.kube.store import Store

JSON_PATCH: Final = "application/json-patch+json"
CLUSTER: Final = "/apis/ray.io/v1/namespaces/(?P<namespace>[^/]+)/rayclusters/(?P<name>[^/]+)"
PODS: Final = "/api/v1/namespaces/(?P<namespace>[^/]+)/pods"
POD: Final = f"{PODS}/(?P<name>[^/]+)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request; `body` is parsed JSON."""

    method: str
    url: str
    content_type: str = ""
    body: Any = None
    names: Mapping[str, str] = field(default_factory=dict)
    """What the path is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is said; `body` is JSON."""

    status: HTTPStatus = HTTPStatus.OK
    body: Manifest


Reply: TypeAlias = Callable[[Store, Request], Answer]


def answer(store: Store, request: Request) -> Answer:
    """Answers every request, also those that are not understood."""
    path = urlsplit(request.url).path
    for method, pattern, reply in _ROUTES:
        match = re.fullmatch(pattern, path)
        if match is not None and method == request.method:
            return reply(store, _about(request, match.groupdict()))
    return _problem(HTTPStatus.NOT_FOUND, f"no route for {request.method} {path}")


def _about(request: Request, names: Mapping[str, str]) -> Request:
    return Request(
        method=request.method,
        url=request.url,
        content_type=request.content_type,
        body=request.body,
        names=names,
    )


def _get_cluster(store: Store, request: Request) -> Answer:
    cluster = store.cluster()
    if not _is_meant(cluster, request):
        return _missing(request)
    store.reads += 1
    return Answer(body=cluster)


def _patch_cluster(store: Store, request: Request) -> Answer:
    if not _is_meant(store.cluster(), request):
        return _missing(request)
    if request.content_type != JSON_PATCH:
        return _problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"only {JSON_PATCH} is understood")
    try:
        return Answer(body=store.patch_cluster(request.body))
    except (JsonPatchException, JsonPointerException) as error:
        return _problem(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))


def _list_pods(store: Store, request: Request) -> Answer:
    query = dict(parse_qsl(urlsplit(request.url).query))
    wanted = dict(label.split("=") for label in query["labelSelector"].split(","))
    pods = [
        pod
        for pod in store.pods()
        if pod["metadata"]["namespace"] == request.names["namespace"]
        and wanted.items() <= pod["metadata"]["labels"].items()
    ]
    metadata = {"resourceVersion": store.version}
    return Answer(body={"kind": "PodList", "metadata": metadata, "items": pods})


def _get_pod(store: Store, request: Request) -> Answer:
    meant = [pod for pod in store.pods() if _is_meant(pod, request)]
    return Answer(body=meant[0]) if meant else _missing(request)


def _delete_pod(store: Store, request: Request) -> Answer:
    found = _get_pod(store, request)
    if found.status is HTTPStatus.OK:
        store.delete_pod(request.names["name"], "on request")
    return found


def _is_meant(thing: Manifest, request: Request) -> bool:
    whose = {"namespace": thing["metadata"]["namespace"], "name": name_of(thing)}
    return whose == request.names


def _missing(request: Request) -> Answer:
    return _problem(HTTPStatus.NOT_FOUND, f"there is no {request.names['name']}")


def _problem(status: HTTPStatus, message: str) -> Answer:
    body = {"kind": "Status", "status": "Failure", "code": status.value, "message": message}
    return Answer(status=status, body=body)


_ROUTES: Final[tuple[tuple[str, str, Reply], ...]] = (
    ("GET", CLUSTER, _get_cluster),
    ("PATCH", CLUSTER, _patch_cluster),
    ("GET", PODS, _list_pods),
    ("GET", POD, _get_pod),
    ("DELETE", POD, _delete_pod),
)
