"""The simulated Kubernetes API server: `routes` over HTTPS, for clients with our certificate."""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.kube.certificate import write_certificate
from tests.kube.routes import Request, answer
from tests.kube.store import Store


class ApiServer:
    """Where it is, and what a client needs.

    Args:
        host: its address.
        port: its port.
        certificate: PEM, for either side, which is its own authority.
        key: PEM.
    """

    def __init__(self, host: str, port: int, certificate: Path, key: Path) -> None:
        self.url = f"https://{host}:{port}"
        self.certificate = certificate
        self.key = key
        self.environment = {
            "KUBERNETES_SERVICE_HOST": host,
            "KUBERNETES_SERVICE_PORT_HTTPS": str(port),
            "RAY_KUBERAY_CA_CERT_PATH": str(certificate),
            "RAY_KUBERAY_CLIENT_CERT_PATH": str(certificate),
            "RAY_KUBERAY_CLIENT_KEY_PATH": str(key),
        }
        """By which Ray's autoscaler finds it; in a Pod a ServiceAccount has these."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, store: Store, *connection: Any) -> None:
        self._store = store
        super().__init__(*connection)

    def _reply(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request(
            method=self.command,
            url=self.path,
            content_type=self.headers.get("Content-Type", ""),
            body=json.loads(body) if body else None,
        )
        said = answer(self._store, request)
        text = json.dumps(said.body).encode()
        self.send_response(said.status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_PATCH = do_DELETE = _reply  # noqa: N815 -- the names that http.server looks for

    def log_message(self, *_: Any) -> None:
        """The store has a history."""


@contextmanager
def api_server(store: Store, host: str, folder: Path) -> Iterator[ApiServer]:
    """Serves the store on a free port of `host`; the certificate is put into `folder`."""
    certificate, key = write_certificate(host, folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(certificate)
    context.verify_mode = ssl.CERT_REQUIRED
    server = ThreadingHTTPServer((host, 0), partial(_Handler, store))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, name="api", daemon=True)
    thread.start()
    try:
        yield ApiServer(host, server.server_port, certificate, key)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
