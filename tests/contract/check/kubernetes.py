"""As much of a Kubernetes API server as `kubectl get` of Secrets needs."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Thing = dict[str, Any]

PATH_OF_A_SECRET = ("namespaces", "crabstick", "secrets", "crabstick-tokens")
POLL_S = 0.02
RESOURCES: dict[str, Thing] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/api/v1": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [
            {"name": "secrets", "namespaced": True, "kind": "Secret", "verbs": ["get", "list"]}
        ],
    },
    "/apis": {"kind": "APIGroupList", "groups": []},
}


@dataclass(slots=True, kw_only=True)
class Kubernetes:
    """What it holds: Secrets by namespace and name.

    `refusal` is what it says instead, with its status.
    """

    secrets: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    refusal: tuple[int, str] | None = None
    without: tuple[str, ...] = ()
    """The namespaces that do not exist."""
    asked: list[str] = field(default_factory=list)

    def answer(self, path: str) -> tuple[int, Thing]:
        """Status and body."""
        self.asked.append(path)
        if path in RESOURCES:
            return 200, RESOURCES[path]
        if self.refusal is not None:
            return _status(*self.refusal)
        places = path.split("/")[3:]
        if len(places) != len(PATH_OF_A_SECRET):
            return self._other(places)
        namespace, name = places[1], places[3]
        if (namespace, name) not in self.secrets:
            return _status(404, f'secrets "{name}" not found')
        metadata = {"name": name, "namespace": namespace}
        data = self.secrets[namespace, name]
        return 200, {"kind": "Secret", "apiVersion": "v1", "metadata": metadata, "data": data}

    def _other(self, places: list[str]) -> tuple[int, Thing]:
        """A namespace is looked at when something in it is missing."""
        if places[:1] != ["namespaces"] or places[1] in self.without:
            return _status(404, f"{' '.join(places)} not found")
        metadata = {"name": places[1]}
        return 200, {"kind": "Namespace", "apiVersion": "v1", "metadata": metadata}


def _status(code: int, message: str) -> tuple[int, Thing]:
    reason = {403: "Forbidden", 404: "NotFound"}.get(code, "InternalError")
    return code, {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": code,
    }


@contextmanager
def serving(kubernetes: Kubernetes, folder: Path) -> Iterator[Path]:
    """Serves it on loopback; yields the kubeconfig that leads there."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            code, body = kubernetes.answer(self.path.partition("?")[0])
            content = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serve = threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True)
    serve.start()
    config = folder / "kubeconfig"
    config.write_text(kubeconfig(server.server_address[1]), encoding="utf-8")
    try:
        yield config
    finally:
        server.shutdown()
        server.server_close()


def kubeconfig(port: int) -> str:
    """A kubeconfig that leads to this port of the machine."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
            "users": [{"name": "test", "user": {}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        }
    )
