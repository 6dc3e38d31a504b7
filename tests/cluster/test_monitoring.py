"""What a real bot shows: in Prometheus, in Ray's dashboard, in the logs."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from ray.util.state import list_tasks

from actors.ops.connect import dashboard_url
from crabstick.telemetry import log_events
from tests.cluster.local_bot import (
    BOT,
    CLOCK,
    OPPONENTS,
    LocalBot,
    dashboard,
    statistics,
    until,
    wait_ply,
    wait_standbys,
)
from tests.cluster.prometheus import CLUSTER, INSTALLED, Prometheus, scraping
from tests.contract.monitoring.parts import alerts, panels

pytestmark = pytest.mark.cluster

needs_prometheus = pytest.mark.skipif(
    not INSTALLED, reason="prometheus is not installed (Debian: prometheus)"
)


@pytest.fixture(scope="module")
def prometheus(bot: LocalBot, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    with scraping(bot.http, tmp_path_factory.mktemp("prometheus")) as prometheus:
        yield prometheus


def queries() -> dict[str, str]:
    """The queries of the dashboard, by row, panel and letter."""
    found: dict[str, str] = {}
    row = ""
    for panel in panels():
        row = panel["title"] if panel["type"] == "row" else row
        for target in panel.get("targets", ()):
            found[f"{row}: {panel['title']}, {target['refId']}"] = target["expr"]
    return found


async def answers(prometheus: Prometheus) -> dict[str, list[float]]:
    return {
        what: await asyncio.to_thread(prometheus.values, query) for what, query in queries().items()
    }


def is_up(prometheus: Prometheus) -> bool:
    try:
        return prometheus.is_scraping()
    except (OSError, ValueError):  # it does not listen yet
        return False


@needs_prometheus
def test_every_panel_of_the_dashboard_shows_a_real_game(
    bot: LocalBot, prometheus: Prometheus
) -> None:
    async def story() -> dict[str, list[float]]:
        await until(lambda: asyncio.to_thread(is_up, prometheus), bool)
        await wait_standbys(1)
        quick_ms = iter([50] * 4)  # four moves, then a long think: the game must not end early
        async with bot.opponent(3, think_ms=lambda: next(quick_ms, 30_000)) as opponent:
            game_id = await opponent.challenge(BOT, CLOCK, "random")
            await wait_ply(game_id, 8)
            await opponent.resign(game_id)
            await opponent.wait_result(game_id)
        values: dict[str, list[float]] = await until(
            lambda: answers(prometheus),
            lambda now: all(now.values()) and now["Now: Games, A"] == [0],
        )
        return values

    values = asyncio.run(story())
    assert values["Now: Problems, A"] == [0]
    assert values["Games: Won, A"][0] > 0
    for never in ("Lost", "Lost on time", "Forfeited"):
        assert values[f"Games: {never}, A"] == [0]
    assert values["Cost: Cost per game, A"][0] > 0
    assert 0 < values["Moves: Move overhead, A"][0] < 1


@needs_prometheus
def test_the_variables_of_the_dashboard_have_values(bot: LocalBot, prometheus: Prometheus) -> None:
    async def choices(label: str, series: str) -> Any:
        match = {"match[]": series}
        return await asyncio.to_thread(prometheus.ask, f"label/{label}/values", **match)

    async def story() -> tuple[Any, Any]:
        clusters = await until(lambda: choices("ray_io_cluster", "crabstick_games"), bool)
        series = "ray_node_network_receive_speed"
        return clusters, await until(lambda: choices("SessionName", series), bool)

    clusters, sessions = asyncio.run(story())
    assert clusters == [CLUSTER]
    assert sessions == [(bot.temp_dir / "session_latest").resolve().name]


@needs_prometheus
@pytest.mark.usefixtures("bot")
def test_every_rule_is_evaluated_and_nothing_that_is_critical_fires(
    prometheus: Prometheus,
) -> None:
    def rules() -> list[dict[str, Any]]:
        groups = prometheus.ask("rules")["groups"]
        return [rule for group in groups for rule in group["rules"]]

    async def evaluated() -> list[dict[str, Any]]:
        return await asyncio.to_thread(rules)

    found = asyncio.run(until(evaluated, lambda now: {r["health"] for r in now} == {"ok"}))
    assert sorted(rule["name"] for rule in found) == sorted(alerts())
    firing = [a for a in prometheus.ask("alerts")["alerts"] if a["state"] == "firing"]
    assert [a for a in firing if a["labels"]["severity"] == "critical"] == []


def running(actor: str) -> list[str]:
    """The running tasks on that actor's page in Ray's dashboard."""
    actors = dashboard("/logical/actors").json()["data"]["actors"].values()
    living = [one for one in actors if (one["name"], one["state"]) == (actor, "ALIVE")]
    return [
        task.name
        for one in living
        for task in list_tasks(
            address=dashboard_url(),
            filters=[
                ("actor_id", "=", one["actorId"]),
                ("job_id", "=", one["jobId"]),
                ("state", "=", "RUNNING"),
            ],
            detail=True,
        )
    ]


def test_rays_dashboard_names_game_opponent_and_clock_of_an_actor(bot: LocalBot) -> None:
    async def story() -> tuple[str, list[str]]:
        await wait_standbys(1)
        async with bot.opponent(4, think_ms=2000) as opponent:
            game_id = await opponent.challenge(BOT, CLOCK, "white")
            row = await wait_ply(game_id, 2)
            titles: list[str] = await until(
                lambda: asyncio.to_thread(running, row["actor"]),
                lambda now: any("1+1" in title for title in now),
            )
            await asyncio.to_thread(bot.resign, game_id, 4)
            await opponent.wait_result(game_id)
            return game_id, titles

    game_id, titles = asyncio.run(story())
    assert {*titles} == {
        "EngineActor.outcome",
        f"game {game_id} · black against BOT {OPPONENTS[4]} · 1+1",
    }


@pytest.mark.usefixtures("bot")
def test_a_standby_says_that_it_is_one() -> None:
    async def story() -> list[str]:
        actors = (await wait_standbys(1))["actors"]
        name = next(actor["name"] for actor in actors if actor["phase"] == "standby")
        titles: list[str] = await until(
            lambda: asyncio.to_thread(running, name), lambda now: "standby" in now
        )
        return titles

    assert {*asyncio.run(story())} == {"EngineActor.outcome", "standby"}


@pytest.mark.usefixtures("bot")
def test_pings_and_reports_do_not_bury_the_games() -> None:
    async def story() -> set[str]:
        await wait_standbys(1)
        tasks = await asyncio.to_thread(
            list_tasks, dashboard_url(), limit=10_000, raise_on_missing_output=False
        )
        return {task.func_or_class_name for task in tasks}

    listed = asyncio.run(story())
    assert "EngineActor.outcome" in listed
    assert listed.isdisjoint(
        {"EngineActor.describe", "EventListener.describe", "WorkerSet.describe", "WorkerSet.report"}
    )


def test_every_line_of_the_log_is_ready_for_a_log_store(bot: LocalBot) -> None:
    async def game() -> tuple[str, dict[str, Any]]:
        await wait_standbys(1)
        async with bot.opponent(5) as opponent:
            game_id = await opponent.challenge(BOT, CLOCK, "random")
            await wait_ply(game_id, 2)
            row = next(g for g in (await statistics())["games"] if g["id"] == game_id)
            await asyncio.to_thread(bot.resign, game_id, 5)
            await opponent.wait_result(game_id)
            return game_id, row

    game_id, row = asyncio.run(game())
    lines = [json.loads(line) for line in our_lines(bot)]
    assert lines
    assert [line for line in lines if not {"event", "level", "timestamp"} <= line.keys()] == []
    assert [line for line in lines if not line.get("node") or not line.get("actor")] == []
    moves = [line for line in bot.events(log_events.MOVE_POSTING) if line["game_id"] == game_id]
    assert {(line["actor"], line["node"]) for line in moves} == {(row["actor"], row["node"])}


def our_lines(bot: LocalBot) -> Iterator[str]:
    """The lines that our code has written, from all logs of Ray."""
    for path in bot.logs.rglob("worker-*.err"):
        text = path.read_text(encoding="utf-8", errors="replace")
        yield from (line for line in text.splitlines() if line.startswith('{"'))
