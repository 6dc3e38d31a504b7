"""Connects this process to a Ray cluster, and says in one sentence why it cannot."""

import logging
import platform
import re
import socket
from datetime import timedelta

import ray

from crabstick.errors import ConfigError, EnvironmentProblem

__all__ = ["connect", "dashboard_url", "disconnect"]

LOOPBACK = "127.0.0.1"
PROBE_LIMIT = timedelta(seconds=3)


def connect(address: str, namespace: str) -> None:
    """Makes this process a driver of the cluster at `address` (`host:port` or `auto`).

    Raises:
        ConfigError: `address` is not one.
        EnvironmentProblem: nothing answers there, or it is not our Ray.
    """
    _check(address)
    logging.getLogger("ray.serve").setLevel(logging.ERROR)
    try:
        ray.init(
            address=address,
            namespace=namespace,
            log_to_driver=False,
            logging_level=logging.ERROR,
            # on loopback Ray need not find out which address the world sees
            _node_ip_address=LOOPBACK if address.startswith(f"{LOOPBACK}:") else None,
        )
    except Exception as error:  # noqa: BLE001 -- Ray raises whatever it meets, all say the same
        raise EnvironmentProblem(_why_not(address, str(error))) from None


def disconnect() -> None:
    """Leaves the cluster; detached actors stay."""
    ray.shutdown()


def dashboard_url() -> str:
    """Where the Ray dashboard of this cluster is served; empty without one."""
    url = ray.worker.get_dashboard_url()
    return f"http://{url}" if url else ""


def _check(address: str) -> None:
    """Ray itself waits a minute for a port at which nobody listens."""
    if address == "auto":
        return
    match = re.fullmatch(r"\[?([\w.:-]+?)\]?:(\d+)", address)
    if match is None or "://" in address:
        raise ConfigError(
            f"{address!r} is no address of a Ray cluster: write host:port of its head's GCS, "
            "such as 10.0.0.1:6379, or auto"
        )
    host, port = match.group(1), int(match.group(2))
    try:
        socket.create_connection((host, port), timeout=PROBE_LIMIT.total_seconds()).close()
    except (OSError, OverflowError) as error:
        raise EnvironmentProblem(
            f"no Ray answers at {address} ({error}): start one, or leave --address and RAY_ADDRESS "
            "out and crabstick starts its own"
        ) from None


def _why_not(address: str, error: str) -> str:
    if "ersion mismatch" in error:
        theirs = re.search(r"Ray: (\S+)\s+Python: (\S+)", error)
        runs = f"Ray {theirs[1]} on Python {theirs[2]}" if theirs else "another version"
        return (
            f"the cluster at {address} runs {runs}, this is Ray {ray.__version__} on Python "
            f"{platform.python_version()}: both sides need the same Ray and the same Python 3.x"
        )
    if "uth" in error and "oken" in error:
        return (
            f"the cluster at {address} wants its authentication token: set RAY_AUTH_MODE=token and "
            "put the token in RAY_AUTH_TOKEN or ~/.ray/auth_token"
        )
    first = error.strip().splitlines()[0][:200] if error.strip() else "no reason given"
    return f"cannot use the Ray cluster at {address}: {first}"
