"""TCP ports of this machine: which are free to listen on."""

import socket

__all__ = ["LOOPBACK", "free_port", "port_is_free", "usual_or_free"]

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A TCP port on the loopback interface that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def usual_or_free(port: int) -> int:
    """The port where people look, when nobody has it; else any that is free."""
    return port if port_is_free(LOOPBACK, port) else free_port()


def port_is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
