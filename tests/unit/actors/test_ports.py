"""Which ports are free, and the sentence about one that cannot be used."""

import errno
import socket

import pytest

from actors.local_ray.ports import PortTaken, _problem, free_port, require_free, usual_or_free
from crabstick.errors import EnvironmentProblem


def test_a_port_with_a_listener_is_not_free() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        with pytest.raises(PortTaken, match=f"^port {port} on 127.0.0.1 is in use: .*http.port"):
            require_free("127.0.0.1", port)
        assert usual_or_free(port) != port
    require_free("127.0.0.1", port)
    assert usual_or_free(port) == port


@pytest.mark.parametrize("host", ["203.0.113.7", "2001:db8::7", "a..b", "x" * 64])
def test_a_host_that_this_machine_does_not_have_is_named(host: str) -> None:
    with pytest.raises(EnvironmentProblem, match=f"^http.host is {host}, .* no address") as caught:
        require_free(host, free_port())
    assert not isinstance(caught.value, PortTaken)


@pytest.mark.parametrize(
    ("error", "part"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "no address of this"),
        (PermissionError(errno.EACCES, "Permission denied"), "set http.port to 1024 or above"),
        (OSError(errno.EAFNOSUPPORT, "family not supported"), "family not supported"),
    ],
)
def test_an_error_of_the_system_is_explained(error: OSError, part: str) -> None:
    assert part in str(_problem("::1", 80, error))
