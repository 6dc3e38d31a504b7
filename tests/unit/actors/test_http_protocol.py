"""The HTTP protocol without a network: bytes in, bytes out, and virtual time."""

import asyncio
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from actors.http.limits import MAX_HEAD_BYTES
from actors.http.uvicorn_protocol import MAX_CONNECTIONS, MAX_PIPELINED, BoundedHttp

REQUEST = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"


class Wire(asyncio.Transport):
    """The server's end of a connection."""

    def __init__(self, protocol: BoundedHttp) -> None:
        super().__init__()
        self._protocol = protocol
        self.written = b""
        self.is_cut = False
        self.is_closed = False

    def get_extra_info(self, _name: str, default: Any = None) -> Any:
        return default

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_cut = True
        asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    def is_closing(self) -> bool:
        return self.is_closed or self.is_cut

    def pause_reading(self) -> None:
        """Only the test delivers data."""

    def resume_reading(self) -> None:
        """See `pause_reading`."""


class Server:
    """Answers each request after `takes_s`."""

    def __init__(self) -> None:
        self.takes_s = 0.0
        self.paths: list[str] = []
        self._config = uvicorn.Config(
            self._answer, interface="asgi3", lifespan="off", log_config=None, log_level=None
        )
        self._state = ServerState()
        self._state.default_headers = [(b"server", b"uvicorn"), (b"date", b"now")]

    def connect(self) -> tuple[BoundedHttp, Wire]:
        protocol = BoundedHttp(self._config, self._state, {}, asyncio.get_running_loop())
        wire = Wire(protocol)
        protocol.connection_made(wire)
        return protocol, wire

    async def _answer(self, scope: Any, _receive: Any, send: Any) -> None:
        self.paths.append(scope["path"])
        await asyncio.sleep(self.takes_s)
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def server() -> Server:
    return Server()


async def test_an_answer_does_not_name_the_server(server: Server) -> None:
    protocol, wire = server.connect()
    protocol.data_received(REQUEST)
    await asyncio.sleep(0.1)
    assert wire.written == b"HTTP/1.1 200 OK\r\ndate: now\r\ncontent-length: 2\r\n\r\nok"


async def test_a_connection_serves_several_requests(server: Server) -> None:
    protocol, wire = server.connect()
    for _ in range(5):
        await asyncio.sleep(8)
        protocol.data_received(REQUEST)
    await asyncio.sleep(0.1)
    assert (wire.written.count(b"200 OK"), wire.is_cut) == (5, False)


async def test_a_silent_client_is_cut_off(server: Server) -> None:
    _, wire = server.connect()
    await asyncio.sleep(9.9)
    assert not wire.is_cut
    await asyncio.sleep(0.2)
    assert wire.is_cut


async def test_a_client_that_sends_its_head_too_slowly_is_cut_off(server: Server) -> None:
    protocol, wire = server.connect()
    protocol.data_received(b"GET / HTTP/1.1\r\n")
    for _ in range(10):
        assert not wire.is_cut
        protocol.data_received(b"X: y\r\n")
        await asyncio.sleep(1.01)
    assert (wire.is_cut, server.paths) == (True, [])


async def test_a_client_that_sends_its_body_too_slowly_is_cut_off_after_the_answer(
    server: Server,
) -> None:
    protocol, wire = server.connect()
    protocol.data_received(b"POST /shutdown HTTP/1.1\r\nContent-Length: 4096\r\n\r\n")
    for _ in range(10):
        assert not wire.is_cut
        protocol.data_received(b"x")
        await asyncio.sleep(1.01)
    assert (wire.is_cut, b"200 OK" in wire.written) == (True, True)


async def test_a_slow_answer_is_not_cut_off(server: Server) -> None:
    server.takes_s = 60
    protocol, wire = server.connect()
    protocol.data_received(REQUEST)
    await asyncio.sleep(61)
    assert (wire.is_cut, b"200 OK" in wire.written) == (False, True)


async def test_a_client_that_does_not_read_its_answer_is_cut_off(server: Server) -> None:
    protocol, wire = server.connect()
    protocol.data_received(REQUEST)
    protocol.pause_writing()
    await asyncio.sleep(9)
    protocol.resume_writing()
    await asyncio.sleep(9)
    assert not wire.is_cut
    protocol.data_received(REQUEST)
    protocol.pause_writing()
    await asyncio.sleep(10.1)
    assert wire.is_cut


@pytest.mark.parametrize("line", [b"X: " + b"y" * 100 + b"\r\n", b"y" * 100])
async def test_an_endless_head_is_refused(server: Server, line: bytes) -> None:
    protocol, wire = server.connect()
    protocol.data_received(b"GET / HTTP/1.1\r\nX: y")
    sent = 0
    while not wire.is_closed and sent < 2 * MAX_HEAD_BYTES:
        protocol.data_received(line)
        sent += len(line)
    assert wire.written.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert wire.written.endswith(b'\r\n\r\n{"error":"the header is too large"}')
    assert (wire.is_closed, server.paths) == (True, [])


async def test_a_client_that_does_not_read_a_refusal_is_cut_off(server: Server) -> None:
    protocol, wire = server.connect()
    protocol.data_received(b"GET / HTTP/1.1\r\nX: " + b"y" * 20_000)
    await asyncio.sleep(10.1)
    assert wire.is_cut


@pytest.mark.parametrize(
    "noise",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"hello\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nNa me: x\r\n\r\n",
        b"CONNECT lichess.org:443 HTTP/1.1\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_refused_in_json(server: Server, noise: bytes) -> None:
    protocol, wire = server.connect()
    protocol.data_received(noise)
    await asyncio.sleep(0.1)
    assert wire.written.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert wire.written.endswith(b'\r\n\r\n{"error":"this is not a valid HTTP request"}')
    assert (wire.is_closed, server.paths) == (True, [])


async def test_a_few_requests_may_be_pipelined(server: Server) -> None:
    protocol, wire = server.connect()
    protocol.data_received(REQUEST * MAX_PIPELINED)
    await asyncio.sleep(0.1)
    assert wire.written.count(b"200 OK") == MAX_PIPELINED


async def test_thousands_of_requests_may_not(server: Server) -> None:
    protocol, wire = server.connect()
    protocol.data_received(REQUEST * 10_000)
    await asyncio.sleep(0.1)
    assert wire.is_closed
    assert len(server.paths) <= MAX_PIPELINED


async def test_with_too_many_connections_the_one_idle_longest_is_closed(server: Server) -> None:
    server.takes_s = 5
    busy, busy_wire = server.connect()
    busy.data_received(REQUEST)
    wires = []
    for _ in range(MAX_CONNECTIONS + 9):
        wires.append(server.connect()[1])
        await asyncio.sleep(0.001)
    protocol, wire = server.connect()
    protocol.data_received(REQUEST)
    await asyncio.sleep(5.1)
    assert b"200 OK" in wire.written
    assert b"200 OK" in busy_wire.written
    assert {one.is_cut for one in wires[:10]} == {True}
    assert {one.is_cut for one in wires[11:]} == {False}


async def test_a_lost_connection_leaves_no_timer(server: Server) -> None:
    protocol, wire = server.connect()
    protocol.data_received(REQUEST)
    protocol.pause_writing()
    protocol.connection_lost(ConnectionResetError())
    await asyncio.sleep(30)
    assert not wire.is_cut
