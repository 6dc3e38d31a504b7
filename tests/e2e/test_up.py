"""`make demo` and `crabstick up` as a person meets them: they play, and leave nothing behind."""

import asyncio
import os
import random
import signal
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from crabstick.sandbox.move_policies import random_mover
from crabstick.sandbox.opponent import Opponent, OpponentSpec, Result
from crabstick.sandbox.options import Options
from crabstick.sandbox.testing import RunningSandbox, running
from tests.e2e.commands import PATIENCE_S, environment, left_behind, output, started, wait

pytestmark = pytest.mark.e2e


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


@pytest.mark.long
def test_a_signal_while_up_connects_ends_all_of_it(folder: Path) -> None:
    with (
        running(options=Options(rate_limits=False)) as sandbox,
        started(folder, "up", **environment(sandbox)) as up,
    ):
        wait(lambda: _ray_has_started(folder), folder)
        os.killpg(up.pid, signal.SIGTERM)
        assert up.wait(PATIENCE_S) == 130, output(folder)
    assert "Traceback" not in output(folder)
    assert left_behind(folder) == []


def _ray_has_started(folder: Path) -> bool:
    records = folder.glob(".ray/crabstick-*.json")
    return any('"is_up": true' in record.read_text(encoding="utf-8") for record in records)


@pytest.mark.long
def test_two_ups_at_once_share_one_ray_and_end_what_a_killed_one_left(folder: Path) -> None:
    with running(options=Options(rate_limits=False)) as sandbox:
        more = environment(sandbox)
        with started(folder, "up", **more) as killed:
            wait(lambda: list(folder.glob(".ray/crabstick-*.json")), folder)
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
    assert len(heads) == 1
    assert both(folder).count("starting Ray on this machine") == 1
    assert both(folder).count("another crabstick command is at work") >= 1
    assert both(folder).count("no longer following; the bot goes on") == 1
    assert both(folder).count("ending Ray …") >= 1
    assert (folder / ".ray" / "auth_token").stat().st_mode & 0o077 == 0
    assert left_behind(folder) == []


def both(folder: Path) -> str:
    return output(folder, "first") + output(folder, "second")


def is_up(folder: Path, out: str) -> bool:
    return "crabstick is up" in output(folder, out) or "was up already" in output(folder, out)
