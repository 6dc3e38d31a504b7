"""Which ports are free, and what is said of one that is not."""

import errno
import socket

import pytest

from actors.local_ray.ports import PortTaken, _problem, free_port, require_free, usual_or_free
from crabstick.errors import EnvironmentProblem


def test_a_port_that_somebody_holds_is_not_free() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        with pytest.raises(PortTaken, match=f"^port {port} on 127.0.0.1 is in use: .*http.port"):
            require_free("127.0.0.1", port)
        assert usual_or_free(port) != port
    require_free("127.0.0.1", port)
    assert usual_or_free(port) == port


def test_a_free_port_is_free() -> None:
    require_free("127.0.0.1", free_port())


@pytest.mark.parametrize("host", ["203.0.113.7", "2001:db8::7", "a..b", "x" * 64])
def test_a_host_that_is_not_of_this_machine_is_named(host: str) -> None:
    with pytest.raises(EnvironmentProblem, match="is no address of this machine") as caught:
        require_free(host, free_port())
    assert caught.value.message.startswith(f"http.host is {host}, ")
    assert not isinstance(caught.value, PortTaken)


def test_a_name_that_nobody_knows_is_no_address_of_this_machine() -> None:
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    assert "http.host is nowhere, which is no address" in str(_problem("nowhere", 8000, unknown))


def test_a_port_that_is_not_for_this_user_is_told_which_are() -> None:
    denied = PermissionError(errno.EACCES, "Permission denied")
    problem = _problem("127.0.0.1", 80, denied)  # the tests may be root, who may have any port
    assert str(problem) == (
        "port 80 on 127.0.0.1 is not for this user: set http.port to 1024 or above"
    )


def test_what_else_is_in_the_way_is_told_in_the_system_s_words() -> None:
    problem = _problem("::1", 8000, OSError(errno.EAFNOSUPPORT, "Address family not supported"))
    assert "nobody can listen on port 8000 of ::1" in str(problem)
    assert "Address family not supported" in str(problem)
