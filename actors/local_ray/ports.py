"""TCP ports of this machine: which are free to listen on, and why one is not."""

import errno
import socket

from crabstick.errors import EnvironmentProblem

__all__ = ["LOOPBACK", "PortTaken", "free_port", "require_free", "usual_or_free"]

LOOPBACK = "127.0.0.1"
FIRST_UNPRIVILEGED = 1024
"""Linux's own default; below it only root may listen."""


class PortTaken(EnvironmentProblem):
    """Somebody listens there already."""


def free_port() -> int:
    """A TCP port on the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def usual_or_free(port: int) -> int:
    """The port where people look, when it can be had; else any that is free."""
    try:
        require_free(LOOPBACK, port)
    except EnvironmentProblem:
        return free_port()
    return port


def require_free(host: str, port: int) -> None:
    """Returns when a server could listen at `http.host` and `http.port` now.

    Raises:
        PortTaken: another one does.
        EnvironmentProblem: the host is not of this machine, or the port is not for this user.
    """
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except (OSError, UnicodeError) as error:  # what is no name at all cannot even be encoded
        raise _problem(host, port, error) from None


def _problem(host: str, port: int, error: Exception) -> EnvironmentProblem:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return PortTaken(
            f"port {port} on {host} is in use: end what listens there or set http.port to another"
        )
    if number in {errno.EACCES, errno.EPERM}:
        return EnvironmentProblem(
            f"port {port} on {host} is not for this user: set http.port to {FIRST_UNPRIVILEGED} "
            "or above"
        )
    if number == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror | UnicodeError):
        return EnvironmentProblem(
            f"http.host is {host}, which is no address of this machine: set it to one, such as "
            "127.0.0.1, or to 0.0.0.0 for all of them"
        )
    return EnvironmentProblem(f"nobody can listen on port {port} of {host}: {error}")
