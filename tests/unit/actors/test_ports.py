"""Which ports are free."""

import socket

from actors.ports import free_port, port_is_free, usual_or_free


def test_a_port_that_somebody_holds_is_not_free() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        port = holder.getsockname()[1]
        assert not port_is_free("127.0.0.1", port)
        assert usual_or_free(port) != port
    assert port_is_free("127.0.0.1", port)
    assert usual_or_free(port) == port


def test_a_free_port_is_free() -> None:
    assert port_is_free("127.0.0.1", free_port())


def test_a_host_that_is_not_ours_has_no_free_port() -> None:
    assert not port_is_free("203.0.113.7", 8000)
