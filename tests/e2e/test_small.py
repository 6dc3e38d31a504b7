"""`crabstick up --small`: a Ray cluster without dashboard, in which the bot lacks nothing."""

import asyncio
import os
import signal
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests
from ray.util import get_node_ip_address

from crabstick.sandbox.opponent import Result
from crabstick.sandbox.options import Options
from crabstick.sandbox.testing import RunningSandbox, running
from tests.e2e.commands import HomeBot, environment, left_behind, output, record, started

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(600)]

ADMIN = "the-admin-token-of-this-test"
CLOCK = (timedelta(seconds=180), timedelta(seconds=2))
THINK_S = 12
"""So slow that the game outlasts the test."""
ABSENT = ("dashboard.py", "ray-dashboard", "monitor.py", "ray.util.client.server", "ray::IDLE")
PATHS = ("/livez", "/readyz", "/metrics", "/games")


class Bot(HomeBot):
    """A bot, seen from outside."""

    async def run_here(self, out: str, *arguments: str) -> int:
        """Runs one command beside the opponents."""
        return await asyncio.to_thread(self.run, out, *arguments)

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
        """Status and text of an answer; 0 when there is none."""
        url = f"http://127.0.0.1:{self.environment['CRABSTICK__HTTP__PORT']}{path}"
        try:
            answer = requests.request(method, url, headers=headers, timeout=10)
        except requests.RequestException:
            return 0, ""
        return answer.status_code, answer.text

    def metric(self, name: str) -> float:
        """A number of `/metrics`; 0 when there is none."""
        lines = [line.split() for line in self.ask("/metrics")[1].splitlines()]
        return next((float(line[1]) for line in lines if line[:1] == [f"crabstick_{name}"]), 0)

    def players(self, game_id: str) -> list[int]:
        """The pid of the actor behind each of our moves, in their order."""
        logs = self.logs()
        intended = [one for one in logs.intended if one.game == game_id]
        return [logs.pids[one.actor] for one in sorted(intended, key=lambda one: one.ply)]


def a_bot(folder: Path, sandbox: RunningSandbox) -> Bot:
    more = {**environment(sandbox), "CRABSTICK_ADMIN_TOKEN": ADMIN}
    return Bot(folder=folder, sandbox=sandbox, environment=more)


def worker(folder: Path, title: str) -> psutil.Process | None:
    """The Ray worker of that title."""
    for process in psutil.Process(record(folder)["node"]["pid"]).children(recursive=True):
        with suppress(psutil.Error):  # it has ended
            if " ".join(process.cmdline()).startswith(title):
                return process
    return None


def test_a_small_ray_lacks_nothing_that_a_game_needs(folder: Path) -> None:
    with running(options=Options(rate_limits=False)) as sandbox:
        story = asyncio.run(_story(a_bot(folder, sandbox)))
    assert story["result"].status == "mate"
    assert story["takeovers"] == 1
    assert story["absent"] == []
    assert story["answers"] == dict.fromkeys(PATHS, 200)
    assert story["shutdown"] == [401, 200]
    for out in ("again", "plain"):
        assert "was up already; nothing changed" in output(folder, out)
    assert story["game"] in output(folder, "status")
    assert "is the head, where the bot itself lives" in output(folder, "drain")
    assert "was started with --small, without Ray's dashboard" in output(folder, "dashboard")
    assert "Ray dashboard" not in output(folder)
    assert "the bot was shut down" in output(folder)
    assert "Traceback" not in output(folder)
    assert left_behind(folder) == []


async def _story(bot: Bot) -> dict[str, Any]:
    folder = bot.folder
    with started(folder, "up", "--small", **bot.environment) as up:
        await bot.until(lambda: "crabstick is up" in output(folder))
        await bot.until(lambda: bot.metric('actors{state="standby"}'))
        async with bot.opponent(1, THINK_S) as opponent:
            game = await opponent.challenge("crabstick", CLOCK, "black")
            await bot.until(lambda: len(bot.players(game)) > 1)
            os.kill(bot.players(game)[-1], signal.SIGKILL)
            await bot.until(lambda: len(set(bot.players(game))) > 1)
            takeovers = bot.metric("takeovers_total")
            await _hang(bot)
            answers = {path: (await asyncio.to_thread(bot.ask, path))[0] for path in PATHS}
            await bot.run_here("again", "up", "--small", "--detach")
            await bot.run_here("plain", "up", "--detach")
            await bot.run_here("dashboard", "dashboard")
            await bot.run_here("status", "status")
            head = get_node_ip_address()  # type: ignore[no-untyped-call]  # as Ray calls 127.0.0.1
            await bot.run_here("drain", "drain", head)
            absent = [one for one in left_behind(folder) if any(what in one for what in ABSENT)]
            tokens = ("wrong", ADMIN)
            shutdown = [
                bot.ask("/shutdown", "POST", Authorization=f"Bearer {token}")[0] for token in tokens
            ]
            bot.hurry.set()
            result: Result = await opponent.wait_result(game)
        await bot.until(lambda: up.poll() is not None)
        assert up.returncode == 0, output(folder)
    return {
        "game": game,
        "result": result,
        "takeovers": takeovers,
        "answers": answers,
        "absent": absent,
        "shutdown": shutdown,
    }


async def _hang(bot: Bot) -> None:
    """Freezes the WorkerSet until its watchdog has restarted it."""
    hung = worker(bot.folder, "ray::WorkerSet")
    assert hung is not None
    hung.suspend()
    await bot.until(lambda: not hung.is_running() and worker(bot.folder, "ray::WorkerSet"))
    await bot.until(lambda: bot.ask("/livez")[0] == 200)


def test_a_small_ray_ends_with_its_bot(folder: Path) -> None:
    with running(options=Options(rate_limits=False)) as sandbox:
        asyncio.run(_up_and_down(a_bot(folder, sandbox)))
    assert "crabstick is up" in output(folder, "up")
    assert "Traceback" not in output(folder, "up") + output(folder, "down")
    assert left_behind(folder) == []


async def _up_and_down(bot: Bot) -> None:
    assert await bot.run_here("up", "up", "--small", "--detach") == 0
    assert await bot.run_here("down", "down", "--wait") == 0
