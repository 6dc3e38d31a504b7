"""The head of a local Ray cluster dies in mid-game: the game goes on, and the head comes back."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest

from crabstick.sandbox.opponent import Result
from crabstick.sandbox.options import Options
from crabstick.sandbox.testing import running
from tests.e2e.commands import HomeBot, environment, left_behind, output, started, wait

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(900)]

BOT = "crabstick"
AWAY_S = 65
"""Longer than Ray's processes outlive their head by default."""
CLOCK = (timedelta(seconds=300), timedelta(seconds=3))
OPTIONS = Options(rate_limits=False, king_to_rook=False)
"""Castling as we send it, so that moves can be compared as text."""


class Bot(HomeBot):
    """The bot of one test, and what `crabstick up` records of its cluster."""

    def record(self) -> dict[str, Any]:
        """The record of the local cluster."""
        (path,) = self.folder.glob(".ray/crabstick-*.json")
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return record

    def moves(self, game_id: str) -> set[tuple[int, str]]:
        """Our moves that the server took: ply and UCI."""
        games = self.sandbox.ledger(game_id)["games"]
        moves = [move for game in games for move in game["moves"] if move["by"] == BOT]
        return {(move["ply"] - 1, move["uci"]) for move in moves}  # the ledger counts from 1

    async def wait_moves(self, game_id: str, more: int) -> None:
        """Waits for that many more moves of bot, in a game that lasts for as long."""
        until = len(self.moves(game_id)) + more

        def are_there() -> bool:
            for game in self.sandbox.ledger(game_id)["games"]:
                assert game["ended_ms"] is None, f"the game is over: {game['status']}"
            return len(self.moves(game_id)) >= until

        await asyncio.to_thread(wait, are_there, self.folder)


@contextmanager
def running_bot(folder: Path) -> Iterator[Bot]:
    """Whatever a test leaves running ends with it."""
    with running(options=OPTIONS) as sandbox:
        bot = Bot(folder=folder, sandbox=sandbox, environment=environment(sandbox))
        try:
            yield bot
        finally:
            if left_behind(folder):
                bot.run("end", "down", "--now")


def kill_session(leader: int) -> None:
    """SIGKILL to a `ray start` and everything that it began."""
    for process in psutil.process_iter():
        with suppress(OSError):
            if os.getsid(process.pid) == leader:
                os.kill(process.pid, signal.SIGKILL)


def test_a_game_outlives_a_head_that_is_away_for_longer_than_ray_bears(folder: Path) -> None:
    with running_bot(folder) as bot:
        story = asyncio.run(_head_is_away(bot))
        before, after = story["before"], bot.record()
        assert bot.run("third", "up", "--detach") == 0
        unchanged = bot.record()
        assert bot.run("down", "down") == 0, output(folder, "down")
        intended = [one for one in bot.logs().intended if one.game == story["game"]]
        moves = bot.moves(story["game"])
    assert story["status"] == 1
    assert "the head of the bot's Ray cluster is away" in output(folder, "status")
    assert len(story["while_away"]) >= 3
    assert "starting it anew" in output(folder, "again")
    for out in ("again", "third"):
        assert "crabstick was up already; nothing changed" in output(folder, out)
    assert "starting it anew" not in output(folder, "third")
    assert before["head"]["pid"] != after["head"]["pid"]
    assert before["worker"] == after["worker"]
    assert after == unchanged
    assert [result.status for result in story["results"]] == ["mate", "mate"]
    assert [result.winner for result in story["results"]] == ["white", "black"]
    assert sorted((one.ply, one.uci) for one in intended) == sorted(moves)
    assert len({one.actor for one in intended}) == 1, "a takeover"
    assert left_behind(folder) == []
    assert [path.name for path in (folder / ".ray").iterdir() if "crab" in path.name] == [
        path.name for path in (folder / ".ray").glob("crabstick-*.lock")
    ]


async def _head_is_away(bot: Bot) -> dict[str, Any]:
    command = ("up", "--gcs-fault-tolerance", "--detach")
    assert await asyncio.to_thread(bot.run, "first", *command) == 0, output(bot.folder, "first")
    before = bot.record()
    async with bot.opponent(1, think_s=5) as first, bot.opponent(2, think_s=0.1) as second:
        game_id = await first.challenge(BOT, CLOCK, "black")
        await bot.wait_moves(game_id, 3)
        kill_session(before["head"]["pid"])
        at_death, died_s = bot.moves(game_id), time.monotonic()
        status = await asyncio.to_thread(bot.run, "status", "status")
        await asyncio.to_thread(wait, lambda: time.monotonic() > died_s + AWAY_S, bot.folder)
        while_away = bot.moves(game_id) - at_death
        again = await asyncio.to_thread(bot.run, "again", "up", "--detach")
        assert again == 0, output(bot.folder, "again")
        results = [
            await first.wait_result(game_id),
            await second.play(BOT, CLOCK, "white"),
        ]
    return {
        "before": before,
        "game": game_id,
        "status": status,
        "while_away": while_away,
        "results": results,
    }


def test_up_that_follows_starts_anew_what_dies(folder: Path) -> None:
    with running_bot(folder) as bot:
        result = asyncio.run(_heal(bot))
    assert (result.status, result.winner) == ("mate", "white")
    assert output(folder).count("the head of the bot's Ray cluster is gone") == 1
    assert output(folder).count("the node with the games is gone") == 1
    assert output(folder).count("the bot's Ray cluster is whole again") == 2
    assert "Traceback" not in output(folder)
    assert left_behind(folder) == []
    assert list((folder / ".ray").glob("crabstick-*.json")) == []
    assert list((folder / ".ray").glob("crabstick-*.gcs")) == []


async def _heal(bot: Bot) -> Result:
    command = started(bot.folder, "up", "--gcs-fault-tolerance", **bot.environment)
    with command as up:
        await asyncio.to_thread(wait, lambda: "is up" in output(bot.folder), bot.folder)
        async with bot.opponent(1, think_s=12) as opponent:
            game_id = await opponent.challenge(BOT, CLOCK, "black")
            await bot.wait_moves(game_id, 2)
            for number, node in enumerate((bot.record()["head"], bot.record()["worker"]), 1):
                kill_session(node["pid"])
                await asyncio.to_thread(wait, partial(_is_whole, bot, number), bot.folder)
                await bot.wait_moves(game_id, 2)
            os.killpg(up.pid, signal.SIGTERM)
            bot.hurry.set()
            result = await opponent.wait_result(game_id)
        assert await asyncio.to_thread(up.wait, 150) == 0, output(bot.folder)
    return result


def _is_whole(bot: Bot, times: int) -> bool:
    return output(bot.folder).count("the bot's Ray cluster is whole again") == times


def test_a_signal_while_the_head_comes_back_still_lets_the_game_end(folder: Path) -> None:
    with running_bot(folder) as bot:
        result = asyncio.run(_end_in_mid_healing(bot))
    assert (result.status, result.winner) == ("mate", "white")
    assert output(folder).count("starting it anew") == 2
    assert "ending the Ray node that was starting" in output(folder)
    assert "ending Ray …" in output(folder)
    assert "Traceback" not in output(folder)
    assert left_behind(folder) == []


async def _end_in_mid_healing(bot: Bot) -> Result:
    command = started(bot.folder, "up", "--gcs-fault-tolerance", **bot.environment)
    with command as up:
        await asyncio.to_thread(wait, lambda: "is up" in output(bot.folder), bot.folder)
        async with bot.opponent(1, think_s=2) as opponent:
            game_id = await opponent.challenge(BOT, CLOCK, "black")
            await bot.wait_moves(game_id, 2)
            lost = bot.record()["head"]["pid"]
            kill_session(lost)
            await asyncio.to_thread(wait, lambda: bot.record()["head"]["pid"] != lost, bot.folder)
            os.killpg(up.pid, signal.SIGTERM)
            result = await opponent.wait_result(game_id)
        assert await asyncio.to_thread(up.wait, 150) == 0, output(bot.folder)
    return result
