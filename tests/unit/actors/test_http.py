"""The endpoints, called as ASGI: what they answer, and that they always answer."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from ray.exceptions import RayActorError, RayError

from actors.clients import EVENT_LISTENER, WORKER_SET
from actors.cluster import ActorAway
from actors.http.endpoints import HttpEndpoints, api
from crabstick.settings import ADMIN_VARIABLE
from tests.unit.actors.asgi import Answer, ask
from tests.unit.actors.configs import a_config
from tests.unit.actors.handles import FakeHandle
from tests.unit.virtual_time import stall, virtual_loop

PAGES = ["/livez", "/readyz", "/metrics", "/games"]
TOKEN = "a-long-admin-token"  # noqa: S105 -- of this test
GAMES = [{"id": "abcdefgh"}]
METRICS = "crabstick_moves_total 1.0\n"


class Bot:
    """The actors behind the endpoints; `handles` are the ones that Ray finds by name."""

    def __init__(self) -> None:
        self.age_s: float | None = 3.0
        self.metrics: dict[str, str] = {"metrics": METRICS}
        self.searches = 0
        self.worker_set = FakeHandle(self)
        self.listener = FakeHandle(self)
        self.handles = {WORKER_SET: self.worker_set, EVENT_LISTENER: self.listener}
        self.endpoints: Any = None
        self.shut_down: list[str] = []
        self.shut_down_takes_s = 0.0

    async def describe(self, _message: object) -> dict[str, object]:
        return {"v": 1, "age_s": self.age_s}

    async def statistics(self, _message: object) -> dict[str, object]:
        return {"v": 1, "bot": "crabby", "games": GAMES, **self.metrics}

    def get_actor(self, name: str, namespace: str) -> FakeHandle:
        assert namespace
        self.searches += 1
        if name not in self.handles:
            raise ValueError(f"Failed to look up actor with name '{name}'")
        return self.handles[name]

    async def end_manager(self, namespace: str) -> int:
        await asyncio.sleep(self.shut_down_takes_s)
        self.shut_down.append(namespace)
        return 2


@pytest.fixture
def bot(monkeypatch: pytest.MonkeyPatch) -> Bot:
    """The endpoints of a bot, without Ray and Serve."""
    bot = Bot()
    monkeypatch.setattr("actors.http.endpoints.this_node", lambda: "this-node")
    plain_class: Any = HttpEndpoints.__mro__[1]  # what Serve wraps
    context = SimpleNamespace(servable_object=plain_class(a_config().pack()))
    bot.endpoints = context.servable_object
    monkeypatch.setattr("ray.serve.get_replica_context", lambda: context)
    monkeypatch.setattr("ray.get_actor", bot.get_actor)
    monkeypatch.setattr("actors.http.endpoints.end_manager", bot.end_manager)
    monkeypatch.delenv(ADMIN_VARIABLE, raising=False)
    return bot


async def get(path: str, method: str = "GET") -> Answer:
    return await ask(api, path, method)


async def shut_down(*authorizations: str) -> Answer:
    """A POST with one Authorization header for each value."""
    headers = [(b"authorization", value.encode("latin-1")) for value in authorizations]
    return await ask(api, "/shutdown", "POST", headers)


async def timed(path: str) -> tuple[int, float]:
    """The status, and how many seconds the answer took."""
    began_s = virtual_loop().time()
    answer = await get(path)
    return answer.status, virtual_loop().time() - began_s


@pytest.mark.usefixtures("bot")
async def test_a_bot_that_runs_is_alive_and_ready() -> None:
    answers = [await get("/livez"), await get("/readyz")]
    assert [answer.status for answer in answers] == [200, 200]
    assert answers[1].json == {"ok": True, "age_s": 3.0}


@pytest.mark.parametrize("age_s", [None, 15.1])
async def test_a_listener_that_has_not_heard_from_lichess_is_not_ready(
    bot: Bot, age_s: float | None
) -> None:
    bot.age_s = age_s
    answer = await get("/readyz")
    assert (answer.status, answer.json["age_s"]) == (503, age_s)


@pytest.mark.parametrize("path", PAGES)
async def test_without_actors_every_answer_is_a_503(bot: Bot, path: str) -> None:
    bot.handles.clear()
    assert (await get(path)).status == 503


@pytest.mark.parametrize("path", PAGES)
async def test_while_actors_hang_many_clients_are_answered_in_two_seconds(
    bot: Bot, path: str
) -> None:
    bot.worker_set.is_silent = bot.listener.is_silent = True
    answers = await asyncio.gather(*(timed(path) for _ in range(200)))
    assert {status for status, _ in answers} == {503}
    assert max(seconds for _, seconds in answers) < 2


async def test_a_gcs_that_hangs_delays_no_answer(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    del bot
    monkeypatch.setattr("actors.cluster.in_gcs_thread", hang)
    status, seconds = await timed("/livez")
    assert status == 503
    assert seconds < 2


async def test_a_gcs_that_was_away_is_asked_again(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object, **__: object) -> None:
        raise RayError("the GCS is away")

    monkeypatch.setattr("ray.get_actor", away)
    assert (await get("/livez")).status == 503
    monkeypatch.setattr("ray.get_actor", bot.get_actor)
    stall(2)
    assert (await get("/livez")).status == 200


async def test_a_new_actor_of_the_same_name_is_found_at_once(bot: Bot) -> None:
    assert (await get("/livez")).status == 200
    stall(2)
    bot.worker_set.errors.append(RayActorError())
    bot.handles[WORKER_SET] = FakeHandle(bot)
    assert (await get("/livez")).status == 200


async def test_a_dead_actor_is_searched_for_once_a_second(bot: Bot) -> None:
    assert (await get("/livez")).status == 200
    bot.worker_set.errors.extend(RayActorError() for _ in range(9))
    stall(2)
    statuses = {(await get("/livez")).status for _ in range(100)}
    assert statuses == {503}
    assert bot.searches == 2


@pytest.mark.usefixtures("bot")
async def test_the_metrics_are_prometheus_text() -> None:
    answer = await get("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert answer.body == METRICS


@pytest.mark.usefixtures("bot")
async def test_the_games_are_json() -> None:
    assert (await get("/games")).json == {"games": GAMES}


async def test_an_older_worker_set_has_games_but_no_metrics(bot: Bot) -> None:
    bot.metrics = {}
    assert [(await get(path)).status for path in ("/metrics", "/games")] == [503, 200]


async def test_pages_ask_the_worker_set_once_a_second(bot: Bot) -> None:
    await asyncio.gather(*(get("/games") for _ in range(200)))
    await get("/metrics")
    assert len(bot.worker_set.sent("statistics")) == 1
    stall(1.1)
    await get("/metrics")
    assert len(bot.worker_set.sent("statistics")) == 2


async def test_probes_ask_the_actors_once_a_second(bot: Bot) -> None:
    for _ in range(100):
        await asyncio.gather(get("/livez"), get("/readyz"))
        await asyncio.sleep(0.05)
    for actor in (bot.worker_set, bot.listener):
        assert 4 <= len(actor.sent("describe")) <= 6


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize("path", PAGES)
async def test_head_is_answered_like_get(path: str) -> None:
    head, full = await get(path, "HEAD"), await get(path)
    assert (head.status, head.headers) == (full.status, full.headers)


@pytest.mark.parametrize("authorization", [(), (f"Bearer {TOKEN}",), ("Bearer ",)])
async def test_without_an_admin_token_shutdown_is_closed(
    bot: Bot, authorization: Sequence[str]
) -> None:
    answer = await shut_down(*authorization)
    assert (answer.status, bot.shut_down) == (403, [])


async def test_with_an_admin_token_that_cannot_be_read_shutdown_is_closed(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ADMIN_VARIABLE, "no token at all")
    answer = await shut_down("Bearer no token at all")
    assert (answer.status, bot.shut_down) == (403, [])
    assert "no token at all" not in answer.body


@pytest.mark.parametrize(
    "authorizations",
    [
        (),
        ("Bearer ",),
        ("Bearer wrong",),
        (f"Bearer {TOKEN}x",),
        (f"Bearer  {TOKEN}",),
        (TOKEN,),
        (f"Basic {TOKEN}",),
        ("\xfc",),
        (f"Bearer {TOKEN}\xff",),
        (f"Bearer {'x' * 10_000}",),
        (f"Bearer {TOKEN}", f"Bearer {TOKEN}"),
        ("Bearer wrong", f"Bearer {TOKEN}"),
    ],
)
async def test_shutdown_needs_the_right_token_once(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, authorizations: Sequence[str]
) -> None:
    monkeypatch.setenv(ADMIN_VARIABLE, TOKEN)
    answer = await shut_down(*authorizations)
    assert (answer.status, bot.shut_down) == (401, [])
    assert answer.headers["www-authenticate"] == "Bearer"
    assert TOKEN not in answer.body


@pytest.mark.parametrize("authorization", [f"Bearer {TOKEN}", f"bearer {TOKEN}"])
async def test_shutdown_ends_the_manager_and_returns_the_number_of_running_games(
    bot: Bot, monkeypatch: pytest.MonkeyPatch, authorization: str
) -> None:
    monkeypatch.setenv(ADMIN_VARIABLE, TOKEN)
    answer = await shut_down(authorization)
    assert (answer.status, answer.json) == (200, {"ok": True, "games": 2})
    assert bot.shut_down == ["tests"]


async def test_a_shutdown_that_hangs_is_a_503(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ADMIN_VARIABLE, TOKEN)
    bot.shut_down_takes_s = 3600
    answer = await shut_down(f"Bearer {TOKEN}")
    assert (answer.status, bot.shut_down) == (503, [])


async def test_a_shutdown_that_ray_does_not_answer_is_a_503_and_may_be_tried_again(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(_namespace: str) -> int:
        raise ActorAway("Ray's GCS does not answer")

    monkeypatch.setenv(ADMIN_VARIABLE, TOKEN)
    with monkeypatch.context() as away:
        away.setattr("actors.http.endpoints.end_manager", silent)
        assert (await shut_down(f"Bearer {TOKEN}")).status == 503
    assert (await shut_down(f"Bearer {TOKEN}")).status == 200
    assert bot.shut_down == ["tests"]


async def test_a_shutdown_goes_on_after_its_client_hangs_up(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ADMIN_VARIABLE, TOKEN)
    bot.shut_down_takes_s = 10
    asking = asyncio.ensure_future(shut_down(f"Bearer {TOKEN}"))
    await asyncio.sleep(5)
    asking.cancel()
    await asyncio.sleep(6)
    assert bot.shut_down == ["tests"]


async def test_concurrent_shutdowns_share_one(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ADMIN_VARIABLE, TOKEN)
    bot.shut_down_takes_s = 10
    answers = await asyncio.gather(*(shut_down(f"Bearer {TOKEN}") for _ in range(3)))
    assert [answer.json for answer in answers] == [{"ok": True, "games": 2}] * 3
    assert bot.shut_down == ["tests"]


async def test_a_small_body_is_ignored(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ADMIN_VARIABLE, TOKEN)
    headers = [(b"authorization", f"Bearer {TOKEN}".encode()), (b"content-length", b"4096")]
    answer = await ask(api, "/shutdown", "POST", headers, chunk=b'{"token": "wrong"}')
    assert (answer.status, answer.chunks_read, bot.shut_down) == (200, 0, ["tests"])


@pytest.mark.usefixtures("bot")
async def test_the_root_names_the_paths() -> None:
    answer = await get("/")
    assert set(PAGES) <= set(answer.json["paths"])


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize(
    "path", ["/docs", "/openapi.json", "/sandbox/", "/livez/", "/LIVEZ", "//livez", "/livez/x"]
)
async def test_every_other_path_is_a_404(path: str) -> None:
    answer = await get(path)
    assert (answer.status, answer.json) == (404, {"error": "not found"})


@pytest.mark.parametrize(
    ("method", "path"),
    [(method, path) for method in ("POST", "PUT", "DELETE", "OPTIONS", "BREW") for path in PAGES]
    + [(method, "/shutdown") for method in ("GET", "HEAD", "PUT", "OPTIONS")],
)
async def test_another_method_is_a_405_with_the_allowed_ones(
    bot: Bot, method: str, path: str
) -> None:
    answer = await get(path, method)
    assert (answer.status, bot.shut_down) == (405, [])
    assert answer.json == {"error": "method not allowed"}
    allowed = set(answer.headers["allow"].split(", "))
    assert allowed == ({"POST"} if path == "/shutdown" else {"GET", "HEAD"})


async def test_a_bug_of_ours_reveals_nothing(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_config: object) -> None:
        raise RuntimeError("a secret")

    del bot
    monkeypatch.setattr("actors.http.endpoints.read_admin_token", fail)
    sent: list[Any] = []

    async def note(message: Any) -> None:
        sent.append(message)

    async def app(scope: Any, receive: Any, _send: Any) -> None:
        with pytest.raises(RuntimeError):  # for Serve's log
            await api(scope, receive, note)
        for message in sent:
            await _send(message)

    answer = await ask(app, "/shutdown", "POST")
    assert (answer.status, "secret" in answer.body) == (500, False)
    assert set(answer.json) == {"error"}
