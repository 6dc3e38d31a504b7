"""Connects this process to a Ray cluster; explains a failure in one sentence."""

import logging
import os
import platform
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import grpc
import ray
from ray._private import auto_init_hook, worker
from ray._private.authentication.authentication_token_setup import (
    maybe_enable_token_auth_if_token_available,
)
from ray._private.authentication.http_token_authentication import get_auth_headers_if_auth_enabled
from ray.core.generated import gcs_service_pb2, gcs_service_pb2_grpc

from actors.ops.address import host_and_port
from crabstick.errors import EnvironmentProblem
from crabstick.signals import blocked_interrupts

LOOPBACK = "127.0.0.1"
STDERR = 2
PROBE_LIMIT = timedelta(seconds=3)


def connect(address: str, namespace: str) -> None:
    """Makes this process a driver of the cluster whose GCS listens at `address` (`host:port`).

    Raises:
        ConfigError: `address` is not an address.
        EnvironmentProblem: nothing answers there, or another version of Ray does.
    """
    _reach(address)
    is_loopback = address.startswith(f"{LOOPBACK}:")
    if is_loopback:
        logging.getLogger("ray").setLevel(logging.ERROR)  # Ray would warn that it is on
        maybe_enable_token_auth_if_token_available(warn_if_disabled=False)
    with blocked_interrupts():  # Ray has handlers of its own; an interrupt now may crash Ray
        _probe(address)
        # `log_to_driver` is for workers only; the raylets' reports are in Ray's logs too
        worker._worker_logs_enabled = False  # noqa: SLF001 -- there is no public switch
        try:
            with _without_raw_lines():
                ray.init(
                    address=address,
                    namespace=namespace,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                    _node_ip_address=LOOPBACK if is_loopback else None,  # there it does not matter
                )
        except Exception as error:  # noqa: BLE001 -- Ray lets all kinds of errors through
            raise EnvironmentProblem(_why_not(address, str(error))) from None
    auto_init_hook.enable_auto_connect = False  # else a late call would connect again


@contextmanager
def _without_raw_lines() -> Iterator[None]:
    """Sends to nowhere what Ray's C++ part writes, such as warnings on a machine without a network.

    It writes to the descriptor itself, before it reads any setting. Errors come as exceptions.
    """
    kept = os.dup(STDERR)
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 -- only its number matters
        os.dup2(nowhere.fileno(), STDERR)
    try:
        yield
    finally:
        os.dup2(kept, STDERR)
        os.close(kept)


def disconnect() -> None:
    """Leaves the cluster; detached actors stay."""
    ray.shutdown()


def dashboard_url() -> str:
    """The URL of the Ray dashboard of this cluster; empty without a dashboard."""
    url = ray.worker.get_dashboard_url()
    return f"http://{url}" if url else ""


def _reach(address: str) -> None:
    """Tries the port first: Ray itself waits a minute for a port without a listener."""
    host, port = host_and_port(address)
    try:
        socket.create_connection((host, port), timeout=PROBE_LIMIT.total_seconds()).close()
    except (OSError, UnicodeError) as error:
        raise EnvironmentProblem(
            f"no Ray answers at {address} ({error}): start one, or leave --address and RAY_ADDRESS "
            "out and crabstick starts its own"
        ) from None


def _probe(address: str) -> None:
    """Asks the GCS first.

    Ray itself would print for many seconds that it cannot connect, but not why.
    """
    headers = get_auth_headers_if_auth_enabled({})
    with grpc.insecure_channel(address, [("grpc.enable_http_proxy", 0)]) as channel:
        try:
            answer = gcs_service_pb2_grpc.NodeInfoGcsServiceStub(channel).CheckAlive(
                gcs_service_pb2.CheckAliveRequest(),
                timeout=PROBE_LIMIT.total_seconds(),
                metadata=[(key.lower(), value) for key, value in headers.items()],
            )
        except grpc.RpcError as error:
            raise EnvironmentProblem(_why_no_answer(address, error.code())) from None
    if answer.ray_version != ray.__version__:
        raise EnvironmentProblem(_other_version(address, f"Ray {answer.ray_version}"))


def _why_no_answer(address: str, code: grpc.StatusCode) -> str:
    if code is grpc.StatusCode.UNAUTHENTICATED:
        return (
            f"the cluster at {address} wants another authentication token: set RAY_AUTH_MODE=token "
            "and put the cluster's token in RAY_AUTH_TOKEN or ~/.ray/auth_token"
        )
    return (
        f"what listens at {address} does not answer as a Ray head's GCS does: give the port of "
        "`ray start --head --port` (6379 by default), not the dashboard's"
    )


def _other_version(address: str, theirs: str) -> str:
    return (
        f"the cluster at {address} runs {theirs}, this is Ray {ray.__version__} on Python "
        f"{platform.python_version()}: both sides need the same Ray and the same Python 3.x"
    )


def _why_not(address: str, error: str) -> str:
    if "ersion mismatch" in error:
        theirs = re.search(r"Ray: (\S+)\s+Python: (\S+)", error)
        runs = f"Ray {theirs[1]} on Python {theirs[2]}" if theirs else "another version"
        return _other_version(address, runs)
    first = error.strip().splitlines()[0][:200] if error.strip() else "no reason given"
    return f"cannot use the Ray cluster at {address}: {first}"
