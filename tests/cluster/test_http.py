"""The endpoints under load: floods, hanging actors, and clients that break the rules.

Nothing here is about speed: the tests count calls, answers, and bytes that were read.
"""

import asyncio
import os
import re
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import psutil
import pytest
import ray
import requests

from actors.clients import EVENT_LISTENER, WORKER_SET
from actors.cluster import find_actor
from actors.http.limits import MAX_HEAD_BYTES
from actors.http.uvicorn_protocol import MAX_CONNECTIONS
from tests.cluster.local_bot import ADMIN_TOKEN, NAMESPACE, LocalBot, frozen, pid_of, until

pytestmark = pytest.mark.cluster

PROBES = ("/livez", "/readyz")
PAGES = ("/metrics", "/games")
FLOOD_S = 3.0
CONNECTIONS = 16
BURST = 40
A_SECOND = 20
PATIENCE = aiohttp.ClientTimeout(total=6)
"""Longer than any answer may take, with a machine that is busy."""
LARGE = 100_000_000
CHUNK = 65_536
MIB = 2**20


@dataclass(kw_only=True)
class Flood:
    """The answers to a flood."""

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    refusals: set[tuple[str, str | None, str]] = field(default_factory=set)
    """Content type, Retry-After and body of each 503."""
    probed: Counter[int] = field(default_factory=Counter)
    """The statuses of the probes, each on a new connection."""


async def flood(url: str, *paths: str) -> Flood:
    """Many connections send requests as fast as they can, while others probe."""
    answers = Flood()
    began_s = time.monotonic()
    is_over = asyncio.Event()

    async def send_all(path: str) -> None:
        async with aiohttp.ClientSession(url, timeout=PATIENCE) as session:
            while not is_over.is_set():
                async with session.get(path) as response:
                    body = await response.text()
                    answers.statuses[response.status] += 1
                    if response.status == 503:
                        kind, later = response.content_type, response.headers.get("retry-after")
                        answers.refusals.add((kind, later, body))

    async def probe(path: str) -> None:
        while not is_over.is_set():
            async with (
                aiohttp.ClientSession(url, timeout=PATIENCE) as session,
                session.get(path) as response,
            ):
                answers.probed[response.status] += 1

    async with asyncio.TaskGroup() as group:
        for number in range(CONNECTIONS):
            group.create_task(send_all(paths[number % len(paths)]))
        for path in PROBES:
            group.create_task(probe(path))
        await asyncio.sleep(FLOOD_S)
        is_over.set()
    answers.seconds = time.monotonic() - began_s
    return answers


async def get_all(url: str, *paths: str) -> list[int]:
    """The statuses of requests that are sent all at once."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(url, timeout=PATIENCE, connector=connector) as session:

        async def get(path: str) -> int:
            async with session.get(path) as response:
                await response.read()
                return response.status

        return await asyncio.gather(*(get(path) for path in paths))


async def until_probed(bot: LocalBot, statuses: list[int]) -> None:
    """Waits until the probes have these statuses; each answer comes within `PATIENCE`."""
    await until(lambda: get_all(bot.http, *PROBES), lambda now: now == statuses)


async def in_worker_set(work: Callable[[object], int]) -> int:
    """Runs a function in the WorkerSet's process."""
    handle = await find_actor(WORKER_SET, NAMESPACE)
    assert handle is not None
    done: int = await handle.__ray_call__.remote(work)
    return done


def begin_counting(_worker_set: object) -> int:
    """In the WorkerSet: from now on counts the calls of `statistics`."""
    module: Any = sys.modules["actors.worker_set.worker_set"]
    if not hasattr(module, "asked"):
        real, asked = module.statistics, []

        def counted(*arguments: Any, **options: Any) -> Any:
            if ray.get_runtime_context().get_task_name() == "WorkerSet.statistics":
                asked.append(1)  # by others: it asks itself as well
            return real(*arguments, **options)

        module.statistics, module.asked = counted, asked
    module.asked.clear()
    return 0


def counted(_worker_set: object) -> int:
    """In the WorkerSet: the number of calls since."""
    return len(sys.modules["actors.worker_set.worker_set"].asked)


def serve_processes() -> list[psutil.Process]:
    """The proxy and the replica."""
    found = []
    for entry in ray.util.list_named_actors(all_namespaces=True):
        if entry["namespace"] == "serve" and not entry["name"].endswith("CONTROLLER_ACTOR"):
            actor: Any = ray.get_actor(entry["name"], namespace="serve")
            found.append(psutil.Process(ray.get(actor.__ray_call__.remote(lambda _: os.getpid()))))
    return found


def memory_mib() -> float:
    """What Serve's proxy and replica have in memory."""
    return sum(process.memory_info().rss for process in serve_processes()) / MIB


@contextmanager
def connection(bot: LocalBot) -> Iterator[socket.socket]:
    """A client that sends raw bytes."""
    address = ("127.0.0.1", bot.settings.http.port)
    with socket.create_connection(address, timeout=PATIENCE.total) as client:
        yield client


def received(client: socket.socket) -> bytes:
    """Everything that comes until the other side closes."""
    parts = []
    try:
        while part := client.recv(CHUNK):
            parts.append(part)
    except ConnectionError:
        pass
    return b"".join(parts)


def push(client: socket.socket, head: bytes, chunk: bytes) -> tuple[int, bytes]:
    """Sends `chunk` again and again; returns how many bytes were read, and the answer."""
    sent = 0
    try:
        client.sendall(head)
        while sent < LARGE:
            client.sendall(chunk)
            sent += len(chunk)
    except ConnectionError:
        pass
    return sent, received(client)


# Floods.


@pytest.mark.parametrize("paths", [PAGES, ("/nothing", "/shutdown")])
def test_a_flood_is_refused_before_the_worker_set(bot: LocalBot, paths: tuple[str, str]) -> None:
    async def story() -> tuple[Flood, int]:
        await in_worker_set(begin_counting)
        return await flood(bot.http, *paths), await in_worker_set(counted)

    answers, asked = asyncio.run(story())
    assert set(answers.probed) == {200}
    assert asked <= answers.seconds + 1
    let_in = answers.statuses.total() - answers.statuses[503]
    budgets = 2  # `/metrics` has its own, and so has `/shutdown`; all others share one
    assert let_in <= budgets * (BURST + A_SECOND * answers.seconds)
    assert answers.statuses[503] > let_in
    kinds = {(kind, later) for kind, later, _ in answers.refusals}
    assert kinds == {("application/json", "1")}


# Hanging actors.


def test_probes_are_answered_while_the_worker_set_hangs_and_hundreds_wait(bot: LocalBot) -> None:
    async def story() -> list[int]:
        with frozen(await pid_of(WORKER_SET)):
            await until_probed(bot, [503, 200])  # once the last answer is too old
            crowd = asyncio.create_task(get_all(bot.http, *PAGES * 100))
            await until_probed(bot, [503, 200])
            return await crowd

    crowd = asyncio.run(story())
    assert (len(crowd), set(crowd)) == (200, {503})
    asyncio.run(until_probed(bot, [200, 200]))


def test_probes_are_answered_while_the_listener_hangs(bot: LocalBot) -> None:
    async def story() -> None:
        with frozen(await pid_of(EVENT_LISTENER)):
            await until_probed(bot, [200, 503])

    asyncio.run(story())
    asyncio.run(until_probed(bot, [200, 200]))


def test_probes_are_answered_while_rays_gcs_is_away(bot: LocalBot) -> None:
    async def story() -> list[list[int]]:
        with frozen(bot.gcs_pid):
            statuses = []
            for _ in range(3):
                statuses.append(await get_all(bot.http, *PROBES))
                await asyncio.sleep(1.2)  # longer than an answer is kept
            return statuses

    assert asyncio.run(story()) == [[200, 200]] * 3


# Requests that are too large.


@pytest.mark.parametrize("path", ["/metrics", "/shutdown"])
def test_a_large_body_is_not_taken_in(bot: LocalBot, path: str) -> None:
    line = f"POST {path} HTTP/1.1\r\nHost: x\r\n".encode()
    stated = line + f"Content-Length: {LARGE}\r\n\r\n".encode()
    endless = line + b"Transfer-Encoding: chunked\r\n\r\n"
    before_mib = memory_mib()
    for head, chunk in (
        (stated, b"x" * CHUNK),
        (endless, f"{CHUNK:x}\r\n".encode() + b"x" * CHUNK + b"\r\n"),
    ):
        with connection(bot) as client:
            taken, answer = push(client, head, chunk)
        assert taken < LARGE / 5
        assert re.match(rb"HTTP/1.1 413 .*\r\n\r\n{\"error\":\"[a-z ]+\"}$", answer, re.DOTALL)
    assert memory_mib() < before_mib + 20


def test_an_endless_head_is_not_taken_in(bot: LocalBot) -> None:
    before_mib = memory_mib()
    for head, chunk in (
        (b"GET /livez HTTP/1.1\r\n", b"X-Y: " + b"z" * 1000 + b"\r\n"),
        (b"GET /livez HTTP/1.1\r\nX: y", b"z" * CHUNK),
        (b"GET /livez", b"/x" * CHUNK),
    ):
        with connection(bot) as client:
            taken, answer = push(client, head, chunk)
        assert taken < LARGE / 5
        assert re.match(rb"HTTP/1.1 4(31|00|14) .*{\"error\":\"[a-zA-Z ]+\"}$", answer, re.DOTALL)
    assert memory_mib() < before_mib + 20


def test_clients_that_never_end_a_head_lock_nobody_out_and_are_cut_off(bot: LocalBot) -> None:
    """More of them than there may be connections."""
    with ExitStack() as stack:
        slow = [stack.enter_context(connection(bot)) for _ in range(MAX_CONNECTIONS + 50)]
        for client in slow[-MAX_CONNECTIONS:]:
            client.sendall(b"GET /livez HTTP/1.1\r\n")
        assert asyncio.run(get_all(bot.http, *PROBES)) == [200, 200]
        for client in slow:
            client.settimeout(30)
            assert received(client) == b""


# Answers.


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/docs", 404),
        ("GET", "/-/routes", 404),
        ("POST", "/livez", 405),
        ("POST", "/shutdown", 401),
    ],
)
def test_refusals_are_json_and_name_no_server(
    bot: LocalBot, method: str, path: str, status: int
) -> None:
    answer = requests.request(method, bot.http + path, timeout=6)
    assert answer.status_code == status
    assert set(answer.json()) == {"error"}
    assert answer.headers["content-type"] == "application/json"
    shown = {name.lower() for name in answer.headers} - {"allow", "www-authenticate"}
    assert shown == {"content-type", "content-length", "date"}


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"Authorization: Bearer %s\xff\r\n", b"401"),
        (b"Authorization: Bearer %s\r\nAuthorization: Bearer %s\r\n", b"401"),
        (b"Authorization: Bearer " + b"x" * 2 * MAX_HEAD_BYTES + b"\r\n", b"431"),
        (b"X-Request-Timeout-Seconds: \xff\r\nX-Request-Id: \xff\r\n", b"401"),
    ],
)
def test_no_header_but_the_right_one_shuts_anything_down(
    bot: LocalBot, lines: bytes, status: bytes
) -> None:
    with connection(bot) as client:
        more = lines.replace(b"%s", ADMIN_TOKEN.encode())
        body = b'{"token": "%s"}' % ADMIN_TOKEN.encode()
        length = b"Content-Length: %d\r\n" % len(body)
        head = b"POST /shutdown HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        client.sendall(head + length + more + b"\r\n" + body)
        answer = received(client)
    assert answer.split()[1] == status
    assert ADMIN_TOKEN.encode() not in answer
    assert asyncio.run(get_all(bot.http, "/livez")) == [200]
