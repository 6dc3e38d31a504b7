"""The endpoints, called as ASGI: what they answer, and that they always answer."""

import asyncio
import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import RayActorError

from actors.http import HttpEndpoints, api, http_app
from actors.names import EVENT_LISTENER, WORKER_SET
from crabstick.telemetry.metrics import Ledger
from crabstick.tokens import ADMIN_VARIABLE
from tests.unit.actors.births import a_birth
from tests.unit.actors.handles import FakeHandle
from tests.unit.actors.wards import FakeWard
from tests.unit.virtual_time import stall, virtual_loop

TOKEN = "a-long-admin-token"  # noqa: S105 -- of this test
GAMES = [{"id": "abcdefgh"}]


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: str

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Bot:
    """What stands behind the endpoints; `handles` is whom Ray knows by name."""

    def __init__(self) -> None:
        self.age_s: float | None = 3.0
        self.worker_set = FakeHandle(self)
        self.listener = FakeHandle(self)
        self.handles = {WORKER_SET: self.worker_set, EVENT_LISTENER: self.listener}
        self.ward = FakeWard()
        self.endpoints: Any = None
        self.shut_down: list[str] = []
        self.shut_down_takes_s = 0.0

    async def describe(self, _message: object) -> dict[str, object]:
        return {"v": 1, "age_s": self.age_s}

    async def statistics(self, _message: object) -> dict[str, object]:
        return {"v": 1, "games": GAMES, "ledger": Ledger().snapshot()}

    def get_actor(self, name: str, _namespace: str) -> FakeHandle:
        if name not in self.handles:
            raise ValueError(f"Failed to look up actor with name '{name}'")
        return self.handles[name]

    async def end_manager(self, namespace: str) -> int:
        await asyncio.sleep(self.shut_down_takes_s)
        self.shut_down.append(namespace)
        return 2


@pytest.fixture
def bot(monkeypatch: pytest.MonkeyPatch) -> Bot:
    """The endpoints of a bot, with Ray's and Serve's part done by hand."""
    bot = Bot()
    plain_class: Any = HttpEndpoints.__mro__[1]  # what Serve wraps
    context = SimpleNamespace(servable_object=plain_class(a_birth().pack(), bot.ward))
    bot.endpoints = context.servable_object
    monkeypatch.setattr("ray.serve.get_replica_context", lambda: context)
    monkeypatch.setattr("actors.http.ray.get_actor", bot.get_actor)
    monkeypatch.setattr("actors.http.end_manager", bot.end_manager)
    monkeypatch.delenv(ADMIN_VARIABLE, raising=False)
    return bot


async def ask(path: str, method: str = "GET", authorization: str | None = None) -> Answer:
    """One HTTP request."""
    headers = [(b"authorization", authorization.encode())] if authorization else []
    sent: list[Any] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": headers,
        "client": None,
        "server": None,
    }
    await api(scope, receive, send)
    return Answer(
        status=sent[0]["status"],
        headers={key.decode(): value.decode() for key, value in sent[0]["headers"]},
        body=b"".join(message.get("body", b"") for message in sent[1:]).decode(),
    )


async def took_s(path: str) -> tuple[int, float]:
    """The status, and how long it took."""
    began_s = virtual_loop().time()
    answer = await ask(path)
    return answer.status, virtual_loop().time() - began_s


@pytest.mark.usefixtures("bot")
async def test_a_bot_that_runs_is_alive_and_ready() -> None:
    answers = [await ask("/livez"), await ask("/readyz")]
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[1].json == {"ok": True, "age_s": 3.0}


@pytest.mark.parametrize("age_s", [None, 15.1])
async def test_a_listener_that_does_not_hear_is_not_ready(bot: Bot, age_s: float | None) -> None:
    bot.age_s = age_s
    answer = await ask("/readyz")
    assert (answer.status, answer.json["age_s"]) == (503, age_s)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/games"])
async def test_without_actors_every_answer_is_a_503(bot: Bot, path: str) -> None:
    bot.handles.clear()
    assert (await ask(path)).status == 503


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/games"])
async def test_whatever_hangs_the_answer_comes_within_two_seconds(bot: Bot, path: str) -> None:
    bot.worker_set.is_silent = bot.listener.is_silent = True
    status, seconds = await took_s(path)
    assert status == 503
    assert seconds < 2


@pytest.mark.parametrize("path", ["/metrics", "/games"])
async def test_whatever_hangs_many_who_ask_at_once_do_not_queue(bot: Bot, path: str) -> None:
    bot.worker_set.is_silent = True
    answers = await asyncio.gather(*(took_s(path) for _ in range(32)))
    assert {status for status, _ in answers} == {503}
    assert max(seconds for _, seconds in answers) < 2


async def test_a_gcs_that_hangs_does_not_hang_the_answer(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    del bot
    monkeypatch.setattr(asyncio, "to_thread", hang)
    status, seconds = await took_s("/livez")
    assert status == 503
    assert seconds < 2


async def test_an_actor_that_was_made_anew_is_found_again(bot: Bot) -> None:
    assert (await ask("/livez")).status == 200
    bot.worker_set.errors.append(RayActorError())
    bot.handles[WORKER_SET] = FakeHandle(bot)
    assert [(await ask("/livez")).status for _ in range(2)] == [503, 200]


@pytest.mark.usefixtures("bot")
async def test_the_metrics_are_prometheus_text() -> None:
    answer = await ask("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'crabstick_games{state="playing"} 0.0' in answer.body


@pytest.mark.usefixtures("bot")
async def test_the_games_are_json() -> None:
    assert (await ask("/games")).json == {"games": GAMES}


async def test_however_often_it_is_asked_the_worker_set_is_asked_once_a_second(bot: Bot) -> None:
    await asyncio.gather(*(ask("/games") for _ in range(20)))
    assert len(bot.worker_set.told("statistics")) == 1
    stall(1.1)
    await ask("/metrics")
    assert len(bot.worker_set.told("statistics")) == 2


async def test_without_an_admin_token_shutdown_is_closed(bot: Bot) -> None:
    answer = await ask("/shutdown", "POST", f"Bearer {TOKEN}")
    assert (answer.status, bot.shut_down) == (403, [])


@pytest.mark.parametrize(
    "authorization", [None, "", "Bearer", "Bearer ", "Bearer wrong", TOKEN, f"Basic {TOKEN}", "ü"]
)
async def test_shutdown_needs_the_right_token(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, authorization: str | None
) -> None:
    monkeypatch.setenv(ADMIN_VARIABLE, TOKEN)
    answer = await ask("/shutdown", "POST", authorization)
    assert (answer.status, bot.shut_down) == (401, [])
    assert answer.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in answer.body


@pytest.mark.parametrize("authorization", [f"Bearer {TOKEN}", f"bearer {TOKEN}"])
async def test_shutdown_ends_the_manager_and_tells_how_many_games_go_on(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, authorization: str
) -> None:
    monkeypatch.setenv(ADMIN_VARIABLE, TOKEN)
    answer = await ask("/shutdown", "POST", authorization)
    assert (answer.status, answer.json) == (200, {"ok": True, "games": 2})
    assert bot.shut_down == ["tests"]


async def test_a_shutdown_that_hangs_is_answered_too(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ADMIN_VARIABLE, TOKEN)
    bot.shut_down_takes_s = 3600
    answer = await ask("/shutdown", "POST", f"Bearer {TOKEN}")
    assert (answer.status, bot.shut_down) == (503, [])


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/sandbox/"])
async def test_nothing_else_is_there(path: str) -> None:
    assert (await ask(path)).status == 404


@pytest.mark.usefixtures("bot")
async def test_a_get_shuts_nothing_down() -> None:
    assert (await ask("/shutdown")).status == 405


async def test_an_equal_fingerprint_is_an_equal_version() -> None:
    app: Any = http_app(a_birth())
    assert app._bound_deployment.version == "0123456789ab"


# The watch over the WorkerSet.


async def test_a_worker_set_that_hangs_is_restarted_and_the_replica_calls_itself_well(
    bot: Bot,
) -> None:
    for _ in range(3):  # as Serve does
        await bot.endpoints.check_health()
        await asyncio.sleep(1)
    bot.ward.takes_s = float("inf")
    for _ in range(7):
        await bot.endpoints.check_health()
        await asyncio.sleep(2)
    assert len(bot.ward.restarted_s) == 1


async def test_a_worker_set_that_answers_late_is_left_alone(bot: Bot) -> None:
    await bot.endpoints.check_health()
    bot.ward.takes_s = 5
    await asyncio.sleep(600)
    assert bot.ward.restarted_s == []
