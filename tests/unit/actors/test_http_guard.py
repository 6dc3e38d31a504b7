"""The door of Serve's proxy, with a Serve behind it that does as the test wants."""

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
NOSY = [
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
        """The scopes of all requests but those for its routes."""
        self.bodies: list[bytes] = []
        self.are_gone: list[bool] = []
        """Whether the client has hung up before the answer."""

    @property
    def paths(self) -> list[str]:
        return [scope["path"] for scope in self.asked]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/-/routes":
            await self._tell_routes(send)
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

    async def _tell_routes(self, send: Any) -> None:
        is_up = self.routes is not None
        status = 200 if is_up else 503
        await send({"type": "http.response.start", "status": status, "headers": []})
        body = json.dumps(self.routes).encode() if is_up else b"not yet"
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
def serve() -> Serve:
    return Serve()


@pytest.fixture
def door(serve: Serve) -> Guard:
    return Guard(serve)


async def get_many(door: Guard, path: str, count: int) -> list[Answer]:
    return await asyncio.gather(*(ask(door, path) for _ in range(count)))


# What is let in.


@pytest.mark.parametrize("path", [*PROBES, *PAGES])
async def test_all_who_ask_at_once_cost_serve_one_request(
    door: Guard, serve: Serve, path: str
) -> None:
    serve.takes_s = 0.1
    answers = await get_many(door, path, 30)
    assert {(answer.status, answer.body) for answer in answers} == {(200, '{"ok":true}')}
    assert serve.paths == [path]


@pytest.mark.parametrize("path", PROBES)
async def test_a_flood_of_probes_is_answered_to_the_last(
    door: Guard, serve: Serve, path: str
) -> None:
    statuses = set()
    for _ in range(100):
        statuses |= {answer.status for answer in await get_many(door, path, 50)}
        await asyncio.sleep(0.01)
    assert statuses == {200}
    assert len(serve.paths) <= 5


@pytest.mark.parametrize("path", [*PAGES, "/nothing", "/shutdown"])
async def test_a_flood_of_anything_else_is_sent_away(door: Guard, serve: Serve, path: str) -> None:
    answers = await get_many(door, path, 1000)
    refused = [answer for answer in answers if answer.status == 503]
    assert len(refused) == 960
    assert {answer.headers["retry-after"] for answer in refused} == {"1"}
    assert {frozenset(answer.json) for answer in refused} == {frozenset({"error"})}
    assert len(serve.paths) <= 40


@pytest.mark.parametrize("flooded", ["/games", "/nothing", "/shutdown"])
async def test_a_flood_of_others_costs_prometheus_no_scrape(
    door: Guard, serve: Serve, flooded: str
) -> None:
    statuses = []
    for _ in range(20):
        await get_many(door, flooded, 200)
        statuses.append((await ask(door, "/metrics")).status)
        await asyncio.sleep(1)
    assert statuses == [200] * 20
    assert serve.paths.count("/metrics") == 20


async def test_a_flood_of_metrics_takes_nothing_from_other_pages(door: Guard, serve: Serve) -> None:
    del serve
    answers = await get_many(door, "/metrics", 1000)
    assert {answer.status for answer in answers} == {200, 503}
    assert (await ask(door, "/games")).status == 200


async def test_metrics_are_answered_again_a_second_after_a_flood(door: Guard, serve: Serve) -> None:
    del serve
    await get_many(door, "/metrics", 1000)
    assert (await ask(door, "/metrics")).status == 503
    await asyncio.sleep(1)
    assert (await ask(door, "/metrics")).status == 200


@pytest.mark.parametrize("flooded", [*PAGES, "/nothing"])
async def test_in_a_flood_probes_and_shutdown_are_answered(
    door: Guard, serve: Serve, flooded: str
) -> None:
    del serve
    await get_many(door, flooded, 1000)
    answers = [await ask(door, path) for path in PROBES]
    answers.append(await ask(door, "/shutdown", "POST"))
    assert [answer.status for answer in answers] == [200] * 3


async def test_who_was_sent_away_may_come_back(door: Guard, serve: Serve) -> None:
    del serve
    await get_many(door, "/games", 1000)
    await asyncio.sleep(1)
    assert [answer.status for answer in await get_many(door, "/games", 20)] == [200] * 20


async def test_head_is_get_to_serve(door: Guard, serve: Serve) -> None:
    answer = await ask(door, "/livez", "HEAD")
    assert answer.headers["content-length"] == "11"
    assert [scope["method"] for scope in serve.asked] == ["GET"]


async def test_another_method_is_for_serve_to_refuse(door: Guard, serve: Serve) -> None:
    serve.status, serve.body = 405, b'{"error":"method not allowed"}'
    serve.headers = [JSON, (b"allow", b"GET, HEAD")]
    answer = await ask(door, "/livez", "POST")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
    assert [scope["method"] for scope in serve.asked] == ["POST"]


async def test_nothing_but_the_authorization_is_handed_on(door: Guard, serve: Serve) -> None:
    authorization = (b"authorization", b"Bearer \xff")
    await ask(door, "/shutdown", "POST", [*NOSY, authorization, authorization])
    await ask(door, "/livez", headers=[*NOSY, authorization])
    assert [scope["headers"] for scope in serve.asked] == [[authorization] * 2, []]


@pytest.mark.parametrize("path", [*PROBES, *PAGES, "/shutdown", "/nothing", "/-/routes"])
@pytest.mark.parametrize("header", [(b"content-length", b"99999"), (b"transfer-encoding", b"x")])
async def test_a_large_body_is_refused_unread(
    door: Guard, serve: Serve, path: str, header: tuple[bytes, bytes]
) -> None:
    answer = await ask(door, path, "POST", [header], chunk=b"x" * 65_536)
    assert (answer.status, answer.chunks_read, serve.paths) == (413, 0, [])
    assert answer.headers["connection"] == "close"


async def test_a_small_body_is_not_handed_on(door: Guard, serve: Serve) -> None:
    length = (b"content-length", b"4096")
    answer = await ask(door, "/shutdown", "POST", [length], chunk=b"x" * 100)
    assert (answer.status, answer.chunks_read, serve.bodies) == (200, 0, [b""])


async def test_a_large_head_is_refused(door: Guard, serve: Serve) -> None:
    answer = await ask(door, "/livez", headers=[(b"x", b"y" * 20_000)])
    assert (answer.status, serve.paths) == (431, [])


# What is answered.


@pytest.mark.parametrize("path", [*PROBES, *PAGES, "/nothing"])
async def test_whatever_serve_does_the_answer_comes_in_three_seconds(
    door: Guard, serve: Serve, path: str
) -> None:
    serve.takes_s = 3600
    began_s = virtual_loop().time()
    answers = await get_many(door, path, 30)
    assert {answer.status for answer in answers} == {503}
    assert virtual_loop().time() - began_s < 3.1


async def test_a_shutdown_may_take_longer(door: Guard, serve: Serve) -> None:
    serve.takes_s = 20
    assert (await ask(door, "/shutdown", "POST")).status == 200
    serve.takes_s = 3600
    assert (await ask(door, "/shutdown", "POST")).status == 503


async def test_who_hangs_up_ends_no_request(door: Guard, serve: Serve) -> None:
    serve.takes_s = 5
    await ask(door, "/shutdown", "POST")
    assert serve.are_gone == [False]


@pytest.mark.parametrize("trouble", ["fails", "is_mute"])
async def test_a_serve_that_fails_is_a_503_in_json(door: Guard, serve: Serve, trouble: str) -> None:
    setattr(serve, trouble, True)
    answer = await ask(door, "/livez")
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
async def test_serves_own_words_are_kept_back(
    door: Guard, serve: Serve, path: str, status: int, shown: int
) -> None:
    serve.status, serve.headers = status, [PLAIN]
    serve.body = b"Ping http://.../-/routes for available routes."
    answer = await ask(door, path)
    assert answer.status == shown
    assert set(answer.json) == {"error"}
    assert "routes" not in answer.body


async def test_only_what_a_client_needs_is_shown_of_an_answer(door: Guard, serve: Serve) -> None:
    serve.headers += [(b"allow", b"GET"), (b"x-replica", b"abc"), (b"date", b"now")]
    answer = await ask(door, "/games")
    assert set(answer.headers) == {"content-type", "allow", "content-length"}


async def test_prometheus_text_stays_what_it_is(door: Guard, serve: Serve) -> None:
    serve.headers, serve.body = [PLAIN], b"crabstick_games 1\n"
    answer = await ask(door, "/metrics")
    assert (answer.status, answer.body) == (200, "crabstick_games 1\n")


@pytest.mark.parametrize("path", ["/-/routes", "/-/healthz", "/-/"])
async def test_serves_own_pages_are_not_for_the_world(door: Guard, serve: Serve, path: str) -> None:
    answer = await ask(door, path)
    assert (answer.status, answer.json, serve.paths) == (404, {"error": "not found"}, [])


# Who else is on the same Serve.


@pytest.mark.parametrize("path", ["/other", "/other/", "/other/page"])
async def test_other_applications_are_passed_through_untouched(
    door: Guard, serve: Serve, path: str
) -> None:
    serve.routes = {"/": "crabstick", "/other": "theirs"}
    large = (b"content-length", b"99999")
    answers = [await ask(door, path, "POST", [*NOSY, large], b"x" * 9) for _ in range(100)]
    assert {answer.status for answer in answers} == {200}
    assert answers[0].headers["x-request-id"] == "abc"
    assert serve.asked[0]["headers"] == [*NOSY, large]
    assert serve.bodies == [b"x" * 9] * 100


@pytest.mark.parametrize("path", ["/", "/others", "/an/other"])
async def test_what_goes_to_no_other_application_is_ours(
    door: Guard, serve: Serve, path: str
) -> None:
    serve.routes = {"/": "crabstick", "/other": "theirs"}
    assert (await ask(door, path, headers=[(b"transfer-encoding", b"chunked")])).status == 413


async def test_a_serve_that_knows_no_routes_yet_has_no_others(door: Guard, serve: Serve) -> None:
    serve.routes = None
    assert (await ask(door, "/other", headers=[(b"content-length", b"99999")])).status == 413


async def test_a_websocket_is_closed(door: Guard) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, object]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await door({"type": "websocket", "path": "/livez", "headers": []}, receive, send)
    assert sent == [{"type": "websocket.close"}]


# How it gets there.


def test_serves_proxy_finds_the_door(monkeypatch: pytest.MonkeyPatch) -> None:
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
