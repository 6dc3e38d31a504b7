"""TCP ports of this machine: which are free, and why one cannot be used."""

import errno
import socket

from crabstick.errors import EnvironmentProblem

LOOPBACK = "127.0.0.1"
FIRST_UNPRIVILEGED = 1024
"""Linux's default; only root may listen on a lower port."""


class PortTaken(EnvironmentProblem):
    """Another process listens on the port."""


def free_port() -> int:
    """Returns a TCP port of the loopback interface that is free at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def usual_or_free(port: int) -> int:
    """Returns the usual port if it is free, else any free port."""
    try:
        require_free(LOOPBACK, port)
    except EnvironmentProblem:
        return free_port()
    return port


def require_free(host: str, port: int) -> None:
    """Checks that a server could listen at `http.host` and `http.port` now.

    Raises:
        PortTaken: another process listens there.
        EnvironmentProblem: the machine has no such address, or this user may not use the port.
    """
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except (OSError, UnicodeError) as error:  # a malformed host name cannot even be encoded
        raise _problem(host, port, error) from None


def _problem(host: str, port: int, error: Exception) -> EnvironmentProblem:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return PortTaken(
            f"port {port} on {host} is in use: stop the program that listens there, or set "
            "http.port to another"
        )
    if number in {errno.EACCES, errno.EPERM}:
        return EnvironmentProblem(
            f"this user may not listen on port {port} of {host}: set http.port to "
            f"{FIRST_UNPRIVILEGED} or above"
        )
    if number == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror | UnicodeError):
        return EnvironmentProblem(
            f"http.host is {host}, which is no address of this machine: set it to one, such as "
            "127.0.0.1, or to 0.0.0.0 for all of them"
        )
    return EnvironmentProblem(f"cannot listen on port {port} of {host}: {error}")
