"""`make demo` and `crabstick up` as a person meets them: they play, and leave nothing behind.

Whatever part of Ray dies, its games go on.
"""

import asyncio
import os
import random
import re
import signal
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from crabstick.sandbox.move_policies import random_mover
from crabstick.sandbox.opponent import Opponent, OpponentSpec, Result
from crabstick.sandbox.options import Options
from crabstick.sandbox.testing import RunningSandbox, running
from tests.e2e.commands import (
    PATIENCE_S,
    HomeBot,
    environment,
    left_behind,
    output,
    record,
    started,
    wait,
)

pytestmark = pytest.mark.e2e

CLOCK = (timedelta(seconds=300), timedelta(seconds=3))


def test_the_demo_plays_real_games_even_when_an_actor_is_killed(folder: Path) -> None:
    with started(folder, "demo", "--games", "2", "--clock", "30+0", "--chaos") as demo:
        assert demo.wait(PATIENCE_S) == 0, output(folder)
    assert "takeovers" in output(folder)
    assert len(list((folder / "games").glob("*.pgn"))) == 2
    assert left_behind(folder) == []


def test_ctrl_c_ends_the_demo_and_leaves_nothing(folder: Path) -> None:
    with started(folder, "demo", "--games", "1") as demo:
        wait(lambda: "Metrics:" in output(folder), folder)
        os.killpg(demo.pid, signal.SIGINT)
        assert demo.wait(PATIENCE_S) == 130
    assert "ending Ray …" in output(folder)
    assert "Traceback" not in output(folder)
    assert left_behind(folder) == []
    assert [path.name for path in folder.iterdir() if path.name.startswith("crabstick-")] == []


def test_up_plays_until_a_sigterm_and_then_finishes_its_games(folder: Path) -> None:
    with running(options=Options(rate_limits=False)) as sandbox:
        story = asyncio.run(_up_and_down(folder, sandbox))
    assert story.status == "mate"
    assert "was up already; nothing changed" in (folder / "again").read_text(encoding="utf-8")
    assert "challenges.max_games: 4 -> 3\ncrabstick is up\n" in output(folder, "reload")
    assert "waiting for 1 game (" in output(folder)
    assert "the bot is going down: 1 game may still be played" in output(folder, "status")
    assert "Traceback" not in output(folder)
    assert left_behind(folder) == []


async def _up_and_down(folder: Path, sandbox: RunningSandbox) -> Result:
    more = environment(sandbox)
    think = timedelta(seconds=2)
    player = OpponentSpec(
        name="sparring1",
        token=sandbox.token("sparring1"),
        policy=random_mover(random.Random(1)),
        delay=lambda: think,
    )
    clock = (timedelta(seconds=300), timedelta(seconds=1))
    with started(folder, "up", **more) as up:
        await asyncio.to_thread(wait, lambda: "is up" in output(folder), folder)
        await asyncio.to_thread(_run, folder, "again", "up", "--detach", **more)
        changed = {**more, "CRABSTICK__CHALLENGES__MAX_GAMES": "3"}
        await asyncio.to_thread(_run, folder, "reload", "reload", **changed)
        async with Opponent(sandbox.url, player) as opponent:
            game_id = await opponent.challenge("crabstick", clock, "black")
            await asyncio.to_thread(wait, lambda: _has_begun(sandbox), folder)
            os.killpg(up.pid, signal.SIGTERM)  # as systemd does; a Ctrl-C is the same to us
            await asyncio.to_thread(wait, lambda: "waiting for 1 game (" in output(folder), folder)
            await asyncio.to_thread(_run, folder, "status", "status", **more)
            think = timedelta()
            result = await opponent.wait_result(game_id)
        assert await asyncio.to_thread(up.wait, PATIENCE_S) == 0, output(folder)
        return result


def _has_begun(sandbox: RunningSandbox) -> bool:
    return any(game["moves"] for game in sandbox.ledger()["games"])


def _run(folder: Path, out: str, *arguments: str, **more: str) -> None:
    with started(folder, *arguments, out=out, **more) as command:
        command.wait(PATIENCE_S)


@pytest.mark.parametrize(
    "name",
    [
        "raylet",
        pytest.param("gcs_server", marks=pytest.mark.long),
        pytest.param("", marks=pytest.mark.long, id="all of Ray"),
    ],
)
def test_games_are_played_on_when_ray_is_killed(folder: Path, name: str) -> None:
    with running(options=Options(rate_limits=False)) as sandbox:
        bot = HomeBot(folder=folder, sandbox=sandbox, environment=environment(sandbox))
        results = asyncio.run(_killed_ray(bot, name))
    assert [(result.status, result.winner) for result in results] == [
        ("mate", "white"),
        ("mate", "black"),
    ]
    metrics = f"http://127.0.0.1:{bot.environment['CRABSTICK__HTTP__PORT']}/metrics"
    assert re.sub(r"http://127.0.0.1:\d+ \(", "http://RAY (", output(folder)).splitlines() == [
        f"settings: no crabstick.yaml in {folder}",
        "starting Ray on this machine …",
        "crabstick plays",
        "Ray dashboard: http://RAY (`crabstick dashboard` gives its token)",
        f"Metrics: {metrics}",
        "crabstick is up",
        "Ray died; restarting it, and then the games …",
        "the bot plays again",
        "ending Ray …",
    ]
    assert left_behind(folder) == []


async def _killed_ray(bot: HomeBot, name: str) -> list[Result]:
    with started(bot.folder, "up", **bot.environment) as up:
        await bot.until(lambda: "is up" in output(bot.folder))
        async with bot.opponent(1, think_s=4) as first, bot.opponent(2, think_s=4) as second:
            games = [
                await first.challenge("crabstick", CLOCK, "black"),
                await second.challenge("crabstick", CLOCK, "white"),
            ]
            for game in games:
                await bot.wait_moves(game, 1)
            bot.kill(name)
            await bot.until(lambda: "the bot plays again" in output(bot.folder))
            for game in games:
                await bot.wait_moves(game, 1)
            bot.hurry.set()
            results = [await first.wait_result(games[0]), await second.wait_result(games[1])]
        os.killpg(up.pid, signal.SIGTERM)
        assert await asyncio.to_thread(up.wait, PATIENCE_S) == 0, output(bot.folder)
    return results


@pytest.mark.long
def test_up_adopts_a_ray_whose_supervisor_was_killed_and_it_is_kept_running(folder: Path) -> None:
    with running(options=Options(rate_limits=False)) as sandbox:
        bot = HomeBot(folder=folder, sandbox=sandbox, environment=environment(sandbox))
        assert bot.run("out", "up", "--detach") == 0, output(folder)
        before = record(folder)
        os.kill(before["supervisor"]["pid"], signal.SIGKILL)
        assert bot.run("again", "up", "--detach") == 0, output(folder, "again")
        adopted = record(folder)
        bot.kill("raylet")
        wait(lambda: record(folder)["node"] != before["node"] and record(folder)["is_up"], folder)
        assert bot.run("third", "up", "--detach") == 0, output(folder, "third")
        assert bot.run("down", "down") == 0, output(folder, "down")
    for out in ("again", "third"):
        assert "was up already; nothing changed" in output(folder, out)
    assert {**adopted, "supervisor": None} == {**before, "supervisor": None}
    assert adopted["supervisor"] != before["supervisor"]
    assert left_behind(folder) == []


@pytest.mark.long
def test_a_signal_while_up_connects_ends_all_of_it(folder: Path) -> None:
    with (
        running(options=Options(rate_limits=False)) as sandbox,
        started(folder, "up", **environment(sandbox)) as up,
    ):
        wait(lambda: record(folder).get("is_up"), folder)
        os.killpg(up.pid, signal.SIGTERM)
        assert up.wait(PATIENCE_S) == 130, output(folder)
    assert "Traceback" not in output(folder)
    assert left_behind(folder) == []


@pytest.mark.long
def test_two_ups_at_once_share_the_ray_that_a_killed_one_began_to_start(folder: Path) -> None:
    with running(options=Options(rate_limits=False)) as sandbox:
        more = environment(sandbox)
        with started(folder, "up", **more) as killed:
            wait(lambda: record(folder), folder)
            killed.kill()
        with (
            started(folder, "up", out="first", **more) as first,
            started(folder, "up", out="second", **more) as second,
        ):
            for out in ("first", "second"):
                wait(partial(is_up, folder, out), folder)
            heads = [line for line in left_behind(folder) if "ray.scripts.scripts start" in line]
            for up in (first, second):
                os.killpg(up.pid, signal.SIGINT)
            assert [up.wait(PATIENCE_S) for up in (first, second)] == [0, 0]
        _run(folder, "down", "down", **more)
    assert len(heads) == 1
    assert both(folder).count("Ray is being started here already; waiting for it …") == 1
    assert both(folder).count("another crabstick command is at work") == 1
    assert both(folder).count("no longer following; the bot goes on") == 2
    assert (folder / ".ray" / "auth_token").stat().st_mode & 0o077 == 0
    assert "the bot is down" in output(folder, "down")
    assert left_behind(folder) == []


def both(folder: Path) -> str:
    return output(folder, "first") + output(folder, "second")


def is_up(folder: Path, out: str) -> bool:
    return "crabstick is up" in output(folder, out) or "was up already" in output(folder, out)
