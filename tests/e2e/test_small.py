"""`crabstick up --small`: a Ray without what people look at, in which the bot lacks nothing."""

import asyncio
import json
import os
import random
import signal
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import psutil
import pytest
import requests
from ray.util import get_node_ip_address

from crabstick.sandbox.move_policies import random_mover
from crabstick.sandbox.opponent import Opponent, OpponentSpec, Result, think_time
from crabstick.sandbox.options import Options
from crabstick.sandbox.testing import RunningSandbox, running
from crabstick.telemetry import names
from tests.e2e.stage import PATIENCE_S, left_behind, said, started, wait, wishes

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(600)]

ADMIN = "the-admin-token-of-this-test"
CLOCK = (timedelta(seconds=180), timedelta(seconds=2))
ABSENT = ("dashboard.py", "ray-dashboard", "monitor.py", "ray.util.client.server", "ray::IDLE")
PATHS = ("/livez", "/readyz", "/metrics", "/games")


class Bot:
    """A bot in a home of its own: what is seen of it from outside."""

    def __init__(self, folder: Path, sandbox: RunningSandbox) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.wishes = {**wishes(sandbox), "CRABSTICK_ADMIN_TOKEN": ADMIN}
        self.hurry = Event()
        """Once it is set, the opponent thinks no more: the story is told."""

    async def run(self, out: str, *arguments: str) -> int:
        """One command from its beginning to its end."""
        with started(self.folder, *arguments, out=out, **self.wishes) as command:
            return await asyncio.to_thread(command.wait, PATIENCE_S)

    async def until(self, condition: Callable[[], object]) -> None:
        """Waits for it."""
        await asyncio.to_thread(wait, condition, self.folder)

    def ask(self, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
        """Status and text of an answer; 0 when there is none."""
        url = f"http://127.0.0.1:{self.wishes['CRABSTICK__HTTP__PORT']}{path}"
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
        """The pid of the actor that was about to send each of our moves, in their order."""
        found = []
        for path in self.folder.glob("ray/session_2*/logs/worker-*"):
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                if names.MOVE_POSTING in line and line[0] == "{":
                    entry = json.loads(line)
                    if entry["game_id"] == game_id:
                        found.append((int(entry["ply"]), int(path.stem.rpartition("-")[2])))
        return [pid for _, pid in sorted(found)]

    def opponent(self) -> Opponent:
        """One that moves at random, so slowly that the game outlasts the story."""
        slow = think_time(timedelta(seconds=12), 0.3, random.Random(2))

        def delay() -> timedelta:
            return timedelta() if self.hurry.is_set() else slow()

        token, policy = self.sandbox.token("sparring1"), random_mover(random.Random(1))
        player = OpponentSpec(name="sparring1", token=token, policy=policy, delay=delay)
        return Opponent(self.sandbox.url, player)


def worker(above: int, title: str) -> psutil.Process | None:
    """The Ray worker of that title below a process."""
    for process in psutil.Process(above).children(recursive=True):
        with suppress(psutil.Error):  # it has ended
            if " ".join(process.cmdline()).startswith(title):
                return process
    return None


def test_a_small_ray_lacks_nothing_that_a_game_needs(folder: Path) -> None:
    with running(options=Options(rate_limits=False)) as sandbox:
        story = asyncio.run(_story(Bot(folder, sandbox)))
    assert story["result"].status == "mate"
    assert story["takeovers"] == 1
    assert story["absent"] == []
    assert story["answers"] == dict.fromkeys(PATHS, 200)
    assert story["shutdown"] == [401, 200]
    for out in ("again", "plain"):
        assert "was up already; nothing changed" in said(folder, out)
    assert story["game"] in said(folder, "status")
    assert "is the head, where the bot itself lives" in said(folder, "drain")
    assert "was started without --gcs-fault-tolerance" in said(folder, "tolerant")
    assert "Ray dashboard: none" in said(folder)
    assert "the bot was shut down" in said(folder)
    assert "Traceback" not in said(folder)
    assert left_behind(folder) == []


async def _story(bot: Bot) -> dict[str, Any]:
    folder = bot.folder
    with started(folder, "up", "--small", **bot.wishes) as up:
        await bot.until(lambda: "crabstick is up" in said(folder))
        await bot.until(lambda: bot.metric('actors{state="standby"}'))
        async with bot.opponent() as opponent:
            game = await opponent.challenge("crabstick", CLOCK, "black")
            await bot.until(lambda: len(bot.players(game)) > 1)
            os.kill(bot.players(game)[-1], signal.SIGKILL)
            await bot.until(lambda: len(set(bot.players(game))) > 1)
            takeovers = bot.metric("takeovers_total")
            await _hang(bot, up.pid)
            answers = {path: (await asyncio.to_thread(bot.ask, path))[0] for path in PATHS}
            await bot.run("again", "up", "--small", "--detach")
            await bot.run("plain", "up", "--detach")
            await bot.run("tolerant", "up", "--gcs-fault-tolerance", "--detach")
            await bot.run("status", "status")
            head = get_node_ip_address()  # type: ignore[no-untyped-call]  # as Ray calls 127.0.0.1
            await bot.run("drain", "drain", head)
            absent = [one for one in left_behind(folder) if any(what in one for what in ABSENT)]
            tokens = ("wrong", ADMIN)
            shutdown = [
                bot.ask("/shutdown", "POST", Authorization=f"Bearer {token}")[0] for token in tokens
            ]
            bot.hurry.set()
            result: Result = await opponent.wait_result(game)
        await bot.until(lambda: up.poll() is not None)
        assert up.returncode == 0, said(folder)
    return {
        "game": game,
        "result": result,
        "takeovers": takeovers,
        "answers": answers,
        "absent": absent,
        "shutdown": shutdown,
    }


async def _hang(bot: Bot, up: int) -> None:
    """The WorkerSet hangs, and is restarted by the one who watches over it."""
    hung = worker(up, "ray::WorkerSet")
    assert hung is not None
    hung.suspend()
    await bot.until(lambda: not hung.is_running() and worker(up, "ray::WorkerSet"))
    await bot.until(lambda: bot.ask("/livez")[0] == 200)


def test_a_small_ray_ends_with_its_bot(folder: Path) -> None:
    with running(options=Options(rate_limits=False)) as sandbox:
        asyncio.run(_up_and_down(Bot(folder, sandbox)))
    assert "crabstick is up" in said(folder, "up")
    assert "Traceback" not in said(folder, "up") + said(folder, "down")
    assert left_behind(folder) == []


async def _up_and_down(bot: Bot) -> None:
    assert await bot.run("up", "up", "--small", "--detach") == 0
    assert await bot.run("down", "down", "--wait") == 0
