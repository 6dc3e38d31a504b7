"""The Lichess token appears nowhere: not in logs, dashboard, store, processes or metrics."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import requests

from actors.clients import EVENT_LISTENER, engine_actors
from actors.cluster import ask, find_actor
from actors.ops.deploy import ensure_manager
from actors.ops.fingerprint import actor_config
from actors.ops.shutdown import end_manager
from crabstick.sandbox.testing import running
from crabstick.settings import Settings
from tests.cluster.local_bot import (
    BOT,
    CLOCK,
    PATIENCE,
    LocalBot,
    dashboard,
    until,
    wait_ply,
    wait_standbys,
)

pytestmark = pytest.mark.cluster

PAGES = (
    "/api/v0/actors?detail=1&limit=1000",
    "/api/v0/workers?detail=1&limit=1000",
    "/api/v0/tasks?detail=1&limit=1000",
    "/api/v0/runtime_envs?detail=1",
    "/logical/actors",
    "/nodes?view=summary",
    "/api/jobs/",
    "/api/serve/applications/",
)
STRANGER = "crabstick-stranger"


@pytest.fixture(scope="module")
def eventful(bot: LocalBot) -> LocalBot:
    """Part of a game, a crashed actor, and a server that refused the token."""
    asyncio.run(_play_and_crash(bot))
    asyncio.run(_be_refused())
    return bot


async def _play_and_crash(bot: LocalBot) -> None:
    await wait_standbys(1)
    async with bot.opponent(0, think_ms=700) as opponent:
        game_id = await opponent.challenge(BOT, CLOCK, "random")
        row = await wait_ply(game_id, 4)
        handle = await find_actor(row["actor"], bot.settings.cluster.namespace)
        assert handle is not None
        handle.__ray_call__.remote(lambda _self: 1 / 0)
        psutil.Process(
            int(str((await ask(handle.describe.remote({"v": 1}), PATIENCE))["pid"]))
        ).kill()
        await opponent.wait_result(game_id)


async def _be_refused() -> None:
    """A second bot, on a server that answers 401 to this token."""
    with running() as other:
        sections = {"lichess": {"url": other.url}, "cluster": {"namespace": STRANGER}}
        await ensure_manager(actor_config(Settings.model_validate(sections), BOT))

        async def problem() -> str:
            handle = await find_actor(EVENT_LISTENER, STRANGER)
            assert handle is not None
            return str((await ask(handle.describe.remote({"v": 1}), PATIENCE))["problem"])

        assert "token" in await until(problem, bool)
        await end_manager(STRANGER)
        for actor in await engine_actors(STRANGER):
            actor.kill()


def files_with(token: str, folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and token.encode() in path.read_bytes():
            yield path


def test_no_log_and_no_file_of_the_session_holds_the_token(eventful: LocalBot) -> None:
    assert list(files_with(eventful.token, eventful.temp_dir.resolve())) == []


def test_the_search_covers_the_store_of_the_head(eventful: LocalBot) -> None:
    """Otherwise the search above would prove nothing."""
    store = eventful.temp_dir / "gcs"
    assert list(files_with(eventful.settings.cluster.namespace, store)) != []


@pytest.mark.parametrize("page", PAGES)
def test_no_page_of_the_dashboard_holds_the_token(eventful: LocalBot, page: str) -> None:
    answer = dashboard(page)
    assert answer.status_code == 200
    assert eventful.token not in answer.text


def test_no_process_shows_the_token_in_its_command(eventful: LocalBot) -> None:
    commands = [
        " ".join(process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"])
    ]
    assert [command for command in commands if eventful.token in command] == []


def test_no_metric_and_no_endpoint_tells_the_token(eventful: LocalBot) -> None:
    texts = [requests.get(eventful.http + path, timeout=10).text for path in ("/metrics", "/games")]
    assert [text for text in texts if eventful.token in text] == []
    assert "crabstick_moves_total" in texts[0]
