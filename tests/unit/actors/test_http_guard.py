"""The guard in Serve's proxy, in front of a Serve that the test controls."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from ray._common.utils import import_attr
from uvicorn.config import HTTP_PROTOCOLS

from actors.http.guard import ENVIRONMENT, Guard, install_guard
from actors.http.protocol import BoundedHttp
from tests.unit.actors.asgi import Answer, ask
from tests.unit.virtual_time import virtual_loop

PROBES = ["/livez", "/readyz"]
PAGES = ["/metrics", "/games"]
JSON = (b"content-type", b"application/json")
PLAIN = (b"content-type", b"text/plain; charset=utf-8")
OTHER_HEADERS = [
    (b"x-request-timeout-seconds", b"\xff"),
    (b"x-request-disconnect-disabled", b"?1"),
    (b"serve_multiplexed_model_id", b"1"),
    (b"x-request-id", b"mine"),
    (b"cookie", b"a=b"),
]


class Serve:
    """Answers each request after `takes_s`."""

    def __init__(self) -> None:
        self.takes_s = 0.0
        self.status = 200
        self.headers = [JSON, (b"x-request-id", b"abc"), (b"server", b"ours 1.0")]
        self.body = b'{"ok":true}'
        self.fails = False
        self.is_mute = False
        self.routes: dict[str, str] | None = {"/": "crabstick"}
        self.asked: list[Any] = []
        """The scopes of all requests but those for the routes."""
        self.bodies: list[bytes] = []
        self.are_gone: list[bool] = []
        """Whether the client has hung up before the answer."""

    @property
    def paths(self) -> list[str]:
        return [scope["path"] for scope in self.asked]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/-/routes":
            await self._send_routes(send)
            return
        self.asked.append(scope)
        message = await receive()
        self.bodies.append(message["body"])
        gone = asyncio.ensure_future(receive())
        await asyncio.sleep(self.takes_s)
        self.are_gone.append(gone.done())
        gone.cancel()
        if self.fails:
            raise RuntimeError("a secret")
        if self.is_mute:
            return
        start = {"type": "http.response.start", "status": self.status, "headers": self.headers}
        await send(start)
        await send({"type": "http.response.body", "body": self.body})

    async def _send_routes(self, send: Any) -> None:
        is_up = self.routes is not None
        status = 200 if is_up else 503
        await send({"type": "http.response.start", "status": status, "headers": []})
        body = json.dumps(self.routes).encode() if is_up else b"not yet"
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
def serve() -> Serve:
    return Serve()


@pytest.fixture
def guard(serve: Serve) -> Guard:
    return Guard(serve)


async def get_many(guard: Guard, path: str, count: int) -> list[Answer]:
    return await asyncio.gather(*(ask(guard, path) for _ in range(count)))


# Which requests pass.


@pytest.mark.parametrize("path", [*PROBES, *PAGES])
async def test_concurrent_clients_cost_serve_one_request(
    guard: Guard, serve: Serve, path: str
) -> None:
    serve.takes_s = 0.1
    answers = await get_many(guard, path, 30)
    assert {(answer.status, answer.body) for answer in answers} == {(200, '{"ok":true}')}
    assert serve.paths == [path]


@pytest.mark.parametrize("path", PROBES)
async def test_every_probe_of_a_flood_is_answered(guard: Guard, serve: Serve, path: str) -> None:
    statuses = set()
    for _ in range(100):
        statuses |= {answer.status for answer in await get_many(guard, path, 50)}
        await asyncio.sleep(0.01)
    assert statuses == {200}
    assert len(serve.paths) <= 5


@pytest.mark.parametrize("path", [*PAGES, "/nothing", "/shutdown"])
async def test_a_flood_of_anything_else_is_refused(guard: Guard, serve: Serve, path: str) -> None:
    answers = await get_many(guard, path, 1000)
    refused = [answer for answer in answers if answer.status == 503]
    assert len(refused) == 960
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert {frozenset(answer.json) for answer in refused} == {frozenset({"error"})}
    assert len(serve.paths) <= 40


@pytest.mark.parametrize("flooded", ["/games", "/nothing", "/shutdown"])
async def test_a_flood_of_other_pages_costs_prometheus_no_scrape(
    guard: Guard, serve: Serve, flooded: str
) -> None:
    statuses = []
    for _ in range(20):
        await get_many(guard, flooded, 200)
        statuses.append((await ask(guard, "/metrics")).status)
        await asyncio.sleep(1)
    assert statuses == [200] * 20
    assert serve.paths.count("/metrics") == 20


async def test_a_flood_of_metrics_takes_nothing_from_other_pages(
    guard: Guard, serve: Serve
) -> None:
    del serve
    answers = await get_many(guard, "/metrics", 1000)
    assert {answer.status for answer in answers} == {200, 503}
    assert (await ask(guard, "/games")).status == 200


@pytest.mark.parametrize("flooded", [*PAGES, "/nothing"])
async def test_during_a_flood_probes_and_shutdown_are_answered(
    guard: Guard, serve: Serve, flooded: str
) -> None:
    del serve
    await get_many(guard, flooded, 1000)
    answers = [await ask(guard, path) for path in PROBES]
    answers.append(await ask(guard, "/shutdown", "POST"))
    assert [answer.status for answer in answers] == [200] * 3


async def test_a_second_after_a_flood_clients_are_answered_again(
    guard: Guard, serve: Serve
) -> None:
    del serve
    for path in PAGES:
        await get_many(guard, path, 1000)
    await asyncio.sleep(1)
    for path in PAGES:
        assert [answer.status for answer in await get_many(guard, path, 20)] == [200] * 20


async def test_serve_gets_head_as_get(guard: Guard, serve: Serve) -> None:
    answer = await ask(guard, "/livez", "HEAD")
    assert answer.headers["content-length"] == "11"
    assert [scope["method"] for scope in serve.asked] == ["GET"]


async def test_another_method_is_refused_by_serve(guard: Guard, serve: Serve) -> None:
    serve.status, serve.body = 405, b'{"error":"method not allowed"}'
    serve.headers = [JSON, (b"allow", b"GET, HEAD")]
    answer = await ask(guard, "/livez", "POST")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert [scope["method"] for scope in serve.asked] == ["POST"]


async def test_only_the_authorization_is_passed_on(guard: Guard, serve: Serve) -> None:
    authorization = (b"authorization", b"Bearer \xff")
    await ask(guard, "/shutdown", "POST", [*OTHER_HEADERS, authorization, authorization])
    await ask(guard, "/livez", headers=[*OTHER_HEADERS, authorization])
    assert [scope["headers"] for scope in serve.asked] == [[authorization] * 2, []]


@pytest.mark.parametrize("path", [*PROBES, *PAGES, "/shutdown", "/nothing", "/-/routes"])
@pytest.mark.parametrize("header", [(b"content-length", b"99999"), (b"transfer-encoding", b"x")])
async def test_a_large_body_is_refused_unread(
    guard: Guard, serve: Serve, path: str, header: tuple[bytes, bytes]
) -> None:
    answer = await ask(guard, path, "POST", [header], chunk=b"x" * 65_536)
    assert (answer.status, answer.chunks_read, serve.paths) == (413, 0, [])
    assert answer.headers["connection"] == "close"


async def test_a_small_body_is_not_passed_on(guard: Guard, serve: Serve) -> None:
    length = (b"content-length", b"4096")
    answer = await ask(guard, "/shutdown", "POST", [length], chunk=b"x" * 100)
    assert (answer.status, answer.chunks_read, serve.bodies) == (200, 0, [b""])


async def test_a_large_head_is_refused(guard: Guard, serve: Serve) -> None:
    answer = await ask(guard, "/livez", headers=[(b"x", b"y" * 20_000)])
    assert (answer.status, serve.paths) == (431, [])


# Answers.


@pytest.mark.parametrize("path", [*PROBES, *PAGES, "/nothing"])
async def test_while_serve_hangs_an_answer_comes_within_three_seconds(
    guard: Guard, serve: Serve, path: str
) -> None:
    serve.takes_s = 3600
    began_s = virtual_loop().time()
    answers = await get_many(guard, path, 30)
    assert {answer.status for answer in answers} == {503}
    assert virtual_loop().time() - began_s < 3.1


async def test_a_shutdown_may_take_longer(guard: Guard, serve: Serve) -> None:
    serve.takes_s = 20
    assert (await ask(guard, "/shutdown", "POST")).status == 200
    serve.takes_s = 3600
    assert (await ask(guard, "/shutdown", "POST")).status == 503


async def test_serve_sees_no_disconnected_client(guard: Guard, serve: Serve) -> None:
    serve.takes_s = 5
    await ask(guard, "/shutdown", "POST")
    assert serve.are_gone == [False]


@pytest.mark.parametrize("trouble", ["fails", "is_mute"])
async def test_a_serve_that_fails_is_a_503_in_json(
    guard: Guard, serve: Serve, trouble: str
) -> None:
    setattr(serve, trouble, True)
    answer = await ask(guard, "/livez")
    assert (answer.status, answer.json) == (503, {"error": "no answer in time"})


@pytest.mark.parametrize(
    ("path", "status", "shown"),
    [
        ("/livez", 404, 503),  # no application is there
        ("/nothing", 404, 404),
        ("/games", 408, 503),
        ("/games", 500, 503),
        ("/games", 503, 503),
    ],
)
async def test_serves_own_errors_are_replaced(
    guard: Guard, serve: Serve, path: str, status: int, shown: int
) -> None:
    serve.status, serve.headers = status, [PLAIN]
    serve.body = b"Ping http://.../-/routes for available routes."
    answer = await ask(guard, path)
    assert answer.status == shown
    assert set(answer.json) == {"error"}
    assert "routes" not in answer.body


async def test_only_the_headers_that_a_client_needs_are_shown(guard: Guard, serve: Serve) -> None:
    serve.headers += [(b"allow", b"GET"), (b"x-replica", b"abc"), (b"date", b"now")]
    answer = await ask(guard, "/games")
    assert set(answer.headers) == {"content-type", "allow", "content-length"}


async def test_prometheus_text_stays_unchanged(guard: Guard, serve: Serve) -> None:
    serve.headers, serve.body = [PLAIN], b"crabstick_games 1\n"
    answer = await ask(guard, "/metrics")
    assert (answer.status, answer.body) == (200, "crabstick_games 1\n")


@pytest.mark.parametrize("path", ["/-/routes", "/-/healthz", "/-/"])
async def test_serves_own_pages_are_hidden(guard: Guard, serve: Serve, path: str) -> None:
    answer = await ask(guard, path)
    assert (answer.status, answer.json, serve.paths) == (404, {"error": "not found"}, [])


# Other applications on the same Serve.


@pytest.mark.parametrize("path", ["/other", "/other/", "/other/page"])
async def test_other_applications_are_passed_through_untouched(
    guard: Guard, serve: Serve, path: str
) -> None:
    serve.routes = {"/": "crabstick", "/other": "theirs"}
    large = (b"content-length", b"99999")
    answers = [
        await ask(guard, path, "POST", [*OTHER_HEADERS, large], b"x" * 9) for _ in range(100)
    ]
    assert {answer.status for answer in answers} == {200}
    assert answers[0].headers["x-request-id"] == "abc"
    assert serve.asked[0]["headers"] == [*OTHER_HEADERS, large]
    assert serve.bodies == [b"x" * 9] * 100


@pytest.mark.parametrize("path", ["/", "/others", "/an/other"])
async def test_every_other_path_is_ours(guard: Guard, serve: Serve, path: str) -> None:
    serve.routes = {"/": "crabstick", "/other": "theirs"}
    assert (await ask(guard, path, headers=[(b"transfer-encoding", b"chunked")])).status == 413


async def test_before_serve_knows_its_routes_every_path_is_ours(guard: Guard, serve: Serve) -> None:
    serve.routes = None
    assert (await ask(guard, "/other", headers=[(b"content-length", b"99999")])).status == 413


async def test_a_websocket_is_closed(guard: Guard) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, object]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await guard({"type": "websocket", "path": "/livez", "headers": []}, receive, send)
    assert sent == [{"type": "websocket.close"}]


# Installation.


def test_serves_proxy_finds_and_installs_the_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(HTTP_PROTOCOLS, "auto", "as it was")
    niceness: dict[int, int] = {}
    monkeypatch.setattr(
        os, "setpriority", lambda _which, task, value: niceness.update({task: value})
    )
    (path,) = ENVIRONMENT.values()
    assert import_attr(path) is install_guard
    (middleware,) = install_guard()
    assert middleware.cls is Guard
    assert import_attr(HTTP_PROTOCOLS["auto"]) is BoundedHttp
    if Path("/proc/self/task").exists():
        assert os.getpid() in niceness
        assert min(niceness.values()) >= 10
