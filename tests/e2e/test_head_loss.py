"""The head of a local Ray cluster dies in mid-game: the game goes on, and the head comes back."""

import asyncio
import json
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import psutil
import pytest

from crabstick.sandbox.move_policies import random_mover
from crabstick.sandbox.opponent import Opponent, OpponentSpec, Result, think_time
from crabstick.sandbox.options import Options
from crabstick.sandbox.testing import RunningSandbox, running
from crabstick.telemetry import names
from tests.e2e.stage import left_behind, said, started, wait, wishes

pytestmark = [pytest.mark.e2e, pytest.mark.long, pytest.mark.timeout(900)]

BOT = "crabstick"
AWAY_S = 65
"""Longer than Ray's processes outlive their head by default."""
CLOCK = (timedelta(seconds=300), timedelta(seconds=3))
OPTIONS = Options(rate_limits=False, king_to_rook=False)
"""Castling as we send it, so that moves can be compared as text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bot:
    """The bot of one test: its Lichess, and what `crabstick up` records of its cluster."""

    folder: Path
    sandbox: RunningSandbox
    wishes: dict[str, str]
    hurry: Event = field(default_factory=Event)
    """Once it is set, opponents think no more: the story is told."""

    def run(self, out: str, *arguments: str) -> int:
        """One command from its beginning to its end; what it says is in `out`."""
        with started(self.folder, *arguments, out=out, **self.wishes) as command:
            return command.wait(300)

    def record(self) -> dict[str, Any]:
        """The record of the local cluster."""
        (path,) = self.folder.glob(".ray/crabstick-*.json")
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return record

    def opponent(self, number: int, think_s: float) -> Opponent:
        """A sparring partner that moves at random."""
        name, rng = f"sparring{number}", random.Random(number)
        slow = think_time(timedelta(seconds=think_s), 0.2, rng)

        def delay() -> timedelta:
            return timedelta() if self.hurry.is_set() else slow()

        token = self.sandbox.token(name)
        player = OpponentSpec(name=name, token=token, policy=random_mover(rng), delay=delay)
        return Opponent(self.sandbox.url, player)

    def moves(self, game_id: str) -> set[tuple[int, str]]:
        """Our moves that the server took: ply and UCI."""
        games = self.sandbox.ledger(game_id)["games"]
        moves = [move for game in games for move in game["moves"] if move["by"] == BOT]
        return {(move["ply"] - 1, move["uci"]) for move in moves}  # the ledger counts from 1

    def meant(self, game_id: str) -> list[tuple[str, int, str]]:
        """Each time an actor of ours was about to send a move: its log, ply and UCI."""
        found = []
        for path in self.folder.glob("ray/session_2*/logs/worker-*"):
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
                if names.MOVE_POSTING in line and line[0] == "{":
                    entry = json.loads(line)
                    if entry["game_id"] == game_id:
                        found.append((path.name, int(entry["ply"]), str(entry["move"])))
        return found

    async def wait_moves(self, game_id: str, more: int) -> None:
        """Waits for that many more moves of ours, in a game that lasts for as long."""
        until = len(self.moves(game_id)) + more

        def are_there() -> bool:
            for game in self.sandbox.ledger(game_id)["games"]:
                assert game["ended_ms"] is None, f"the game is over: {game['status']}"
            return len(self.moves(game_id)) >= until

        await asyncio.to_thread(wait, are_there, self.folder)


@contextmanager
def bot(folder: Path) -> Iterator[Bot]:
    """Whatever a test leaves running ends with it."""
    with running(options=OPTIONS) as sandbox:
        bot = Bot(folder=folder, sandbox=sandbox, wishes=wishes(sandbox))
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
    with bot(folder) as ours:
        story = asyncio.run(_head_is_away(ours))
        before, after = story["before"], ours.record()
        assert ours.run("third", "up", "--detach") == 0
        unchanged = ours.record()
        assert ours.run("down", "down") == 0, said(folder, "down")
        meant = ours.meant(story["game"])
        moves = ours.moves(story["game"])
    assert story["status"] == 1
    assert "the head of the bot's Ray cluster is away" in said(folder, "status")
    assert len(story["while_away"]) >= 3
    assert "starting it anew" in said(folder, "again")
    for out in ("again", "third"):
        assert "crabstick was up already; nothing changed" in said(folder, out)
    assert "starting it anew" not in said(folder, "third")
    assert before["head"]["pid"] != after["head"]["pid"]
    assert before["worker"] == after["worker"]
    assert after == unchanged
    assert [result.status for result in story["results"]] == ["mate", "mate"]
    assert [result.winner for result in story["results"]] == ["white", "black"]
    assert sorted((ply, move) for _, ply, move in meant) == sorted(moves)
    assert len({log for log, _, _ in meant}) == 1, "a takeover"
    assert left_behind(folder) == []
    assert [path.name for path in (folder / ".ray").iterdir() if "crab" in path.name] == [
        path.name for path in (folder / ".ray").glob("crabstick-*.lock")
    ]


async def _head_is_away(ours: Bot) -> dict[str, Any]:
    command = ("up", "--gcs-fault-tolerance", "--detach")
    assert await asyncio.to_thread(ours.run, "first", *command) == 0, said(ours.folder, "first")
    before = ours.record()
    async with ours.opponent(1, think_s=5) as first, ours.opponent(2, think_s=0.1) as second:
        game_id = await first.challenge(BOT, CLOCK, "black")
        await ours.wait_moves(game_id, 3)
        kill_session(before["head"]["pid"])
        at_death, died_s = ours.moves(game_id), time.monotonic()
        status = await asyncio.to_thread(ours.run, "status", "status")
        await asyncio.to_thread(wait, lambda: time.monotonic() > died_s + AWAY_S, ours.folder)
        while_away = ours.moves(game_id) - at_death
        again = await asyncio.to_thread(ours.run, "again", "up", "--detach")
        assert again == 0, said(ours.folder, "again")
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
    with bot(folder) as ours:
        result = asyncio.run(_heal(ours))
    assert (result.status, result.winner) == ("mate", "white")
    assert said(folder).count("the head of the bot's Ray cluster is gone") == 1
    assert said(folder).count("the node with the games is gone") == 1
    assert said(folder).count("the bot's Ray cluster is whole again") == 2
    assert "Traceback" not in said(folder)
    assert left_behind(folder) == []
    assert list((folder / ".ray").glob("crabstick-*.json")) == []
    assert list((folder / ".ray").glob("crabstick-*.gcs")) == []


async def _heal(ours: Bot) -> Result:
    command = started(ours.folder, "up", "--gcs-fault-tolerance", **ours.wishes)
    with command as up:
        await asyncio.to_thread(wait, lambda: "is up" in said(ours.folder), ours.folder)
        async with ours.opponent(1, think_s=12) as opponent:
            game_id = await opponent.challenge(BOT, CLOCK, "black")
            await ours.wait_moves(game_id, 2)
            for number, node in enumerate((ours.record()["head"], ours.record()["worker"]), 1):
                kill_session(node["pid"])
                await asyncio.to_thread(wait, partial(_is_whole, ours, number), ours.folder)
                await ours.wait_moves(game_id, 2)
            os.killpg(up.pid, signal.SIGTERM)
            ours.hurry.set()
            result = await opponent.wait_result(game_id)
        assert await asyncio.to_thread(up.wait, 150) == 0, said(ours.folder)
    return result


def _is_whole(ours: Bot, times: int) -> bool:
    return said(ours.folder).count("the bot's Ray cluster is whole again") == times


def test_a_signal_while_the_head_comes_back_still_lets_the_game_end(folder: Path) -> None:
    with bot(folder) as ours:
        result = asyncio.run(_end_in_mid_healing(ours))
    assert (result.status, result.winner) == ("mate", "white")
    assert said(folder).count("starting it anew") == 2
    assert "ending the Ray node that was starting" in said(folder)
    assert "ending Ray …" in said(folder)
    assert "Traceback" not in said(folder)
    assert left_behind(folder) == []


async def _end_in_mid_healing(ours: Bot) -> Result:
    command = started(ours.folder, "up", "--gcs-fault-tolerance", **ours.wishes)
    with command as up:
        await asyncio.to_thread(wait, lambda: "is up" in said(ours.folder), ours.folder)
        async with ours.opponent(1, think_s=2) as opponent:
            game_id = await opponent.challenge(BOT, CLOCK, "black")
            await ours.wait_moves(game_id, 2)
            lost = ours.record()["head"]["pid"]
            kill_session(lost)
            await asyncio.to_thread(wait, lambda: ours.record()["head"]["pid"] != lost, ours.folder)
            os.killpg(up.pid, signal.SIGTERM)
            result = await opponent.wait_result(game_id)
        assert await asyncio.to_thread(up.wait, 150) == 0, said(ours.folder)
    return result
