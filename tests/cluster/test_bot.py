"""The bot on a healthy cluster: what it loads, counts, shows, and leaves alone."""

import asyncio
import sys
from typing import Any

import psutil
import pytest
import ray
import requests

from actors.clients import EVENT_LISTENER, WORKER_SET
from actors.cluster import find_actor
from actors.ops.deploy import deploy
from actors.ops.fingerprint import actor_config
from crabstick.errors import EnvironmentProblem
from tests.cluster.local_bot import (
    BOT,
    CLOCK,
    NAMESPACE,
    LocalBot,
    describe,
    engine_pid_of,
    statistics,
    until,
    wait_ply,
    wait_standbys,
)

pytestmark = pytest.mark.cluster

TASKS = "/api/v0/tasks?detail=1&limit=10000"
HEAVY = ("fastapi", "numpy", "ray.serve", "berserk", "prometheus_client", "rich")


async def loaded(name: str) -> list[str]:
    """The modules of an actor that lives."""
    handle = await find_actor(name, NAMESPACE)
    assert handle is not None
    modules: list[str] = await handle.__ray_call__.remote(lambda _self: list(sys.modules))
    return modules


@pytest.mark.usefixtures("bot")
def test_a_live_engine_actor_has_loaded_nothing_heavy() -> None:
    async def story() -> list[str]:
        actors = (await wait_standbys(1))["actors"]
        return await loaded(next(a["name"] for a in actors if a["phase"] == "standby"))

    modules = asyncio.run(story())
    assert "actors.engine_actor.engine_actor" in modules
    assert [name for name in modules if name.startswith(HEAVY)] == []


@pytest.mark.usefixtures("bot")
@pytest.mark.parametrize("name", [WORKER_SET, EVENT_LISTENER])
def test_a_manager_has_loaded_nothing_of_the_http_endpoints(name: str) -> None:
    modules = asyncio.run(loaded(name))
    assert [name for name in modules if name.startswith(("fastapi", "numpy", "ray.serve"))] == []


def test_bringing_up_what_is_up_changes_nothing(bot: LocalBot) -> None:
    async def pids() -> tuple[int, int]:
        return (await describe("worker-set"))["pid"], (await describe("event-listener"))["pid"]

    async def again() -> tuple[bool, tuple[int, int], tuple[int, int]]:
        before = await pids()
        replaced = await deploy(actor_config(bot.settings, BOT))
        return replaced is not None, before, await pids()

    replicas = {p.pid for p in _processes("ServeReplica")}
    changed, before, after = asyncio.run(again())
    assert (changed, after) == (False, before)
    assert {p.pid for p in _processes("ServeReplica")} == replicas


def test_a_second_bot_is_refused_before_anything_of_it_is_made(bot: LocalBot) -> None:
    second = actor_config(bot.settings, "second").model_copy(update={"namespace": "second"})

    async def story() -> object:
        with pytest.raises(EnvironmentProblem, match="a second bot needs a cluster of its own"):
            await deploy(second)
        return await find_actor(WORKER_SET, "second")

    assert asyncio.run(story()) is None


def test_the_engine_is_nicer_than_its_actor_and_ends_with_it(bot: LocalBot) -> None:
    async def story() -> tuple[int, int]:
        await wait_standbys(1)
        async with bot.opponent(0) as opponent:
            game_id = await opponent.challenge(BOT, CLOCK, "random")
            row = await wait_ply(game_id, 2)
            actor = psutil.Process(int((await describe(row["actor"]))["pid"]))
            engine = psutil.Process(engine_pid_of(actor.pid))
            nices = (actor.nice(), engine.nice())
            actor.kill()

            async def is_running() -> bool:
                return engine.is_running() and engine.status() != psutil.STATUS_ZOMBIE

            await until(is_running, lambda running: not running)
            await opponent.wait_result(game_id)
            return nices

    assert asyncio.run(story()) == (0, 10)


@pytest.mark.usefixtures("bot")
def test_the_figures_appear_in_rays_own_metrics() -> None:
    async def scraped() -> str:
        node = ray.nodes()[0]  # type: ignore[no-untyped-call]  # Ray's
        address = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
        return (await asyncio.to_thread(requests.get, address, timeout=10)).text

    shown = asyncio.run(until(scraped, lambda text: "ray_crabstick_actors{" in text))
    assert "ray_crabstick_games_finished_total{" in shown or "ray_crabstick_games{" in shown


def test_a_game_is_counted_once(bot: LocalBot) -> None:
    async def story() -> tuple[dict[str, Any], dict[str, Any]]:
        before = await statistics()
        await wait_standbys(1)
        async with bot.opponent(1, think_ms=20) as opponent:
            await opponent.play(BOT, CLOCK, "random")

        return before, await until(statistics, lambda after: _won(after) > _won(before))

    before, after = asyncio.run(story())
    assert _won(after) == _won(before) + 1


def _won(now: dict[str, Any]) -> int:
    return int(now["ledger"]["values"]["crabstick_games_finished_total"]["won"])


def _processes(title: str) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if title in " ".join(process.info["cmdline"] or [])
    ]
