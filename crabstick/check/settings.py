"""The settings that concern this machine: the HTTP port, and who may shut the bot down."""

import json
import os
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from typing import Final

from actors.local_ray.ports import LOOPBACK, PortTaken, require_free
from actors.ops.address import VARIABLE
from crabstick.check.finding import Finding
from crabstick.settings import Settings, read_admin_token

__all__ = ["http", "shutdown"]

EVERYWHERE: Final = "0.0.0.0"  # noqa: S104 -- the owner's choice, not ours
LIVEZ_PATIENCE_S: Final = 3


def shutdown(settings: Settings) -> Iterator[Finding]:
    """Whether `POST /shutdown` is open."""
    guarded = read_admin_token(settings) is not None
    yield Finding("needs the admin token" if guarded else "closed, no admin token is set")


def http(settings: Settings) -> Iterator[Finding]:
    """The port is free, or a bot of ours serves it.

    Raises:
        EnvironmentProblem: another program listens there.
    """
    if os.environ.get(VARIABLE):
        words = f"comes up on the head of the cluster that {VARIABLE} names; not looked at"
        yield Finding(words)
        return
    host, port = settings.http.host, settings.http.port
    try:
        require_free(host, port)
        yield Finding(f"port {port} on {host} is free")
    except PortTaken:
        if not _is_served(LOOPBACK if host == EVERYWHERE else host, port):
            raise
        yield Finding(f"a bot serves port {port} on {host} already")


def _is_served(host: str, port: int) -> bool:
    """Whether a crabstick listens there."""
    connection = HTTPConnection(host, port, timeout=LIVEZ_PATIENCE_S)
    try:
        connection.request("GET", "/livez")
        answer: object = json.load(connection.getresponse())
    except (OSError, HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return answer == {"ok": True}
