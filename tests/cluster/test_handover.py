"""Nodes drain one after the other, by command and by SIGTERM, and the games on them notice nothing.

A cluster of its own: a head without slots, and nodes that come and go on this machine.
"""

import asyncio
import json
import os
import random
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
import unittest.mock
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest
import requests

from actors.local_ray.head import start_local_cluster
from actors.local_ray.ports import free_port
from benchmarks.nodes import worker_node
from crabstick.sandbox.accounts import Accounts, SandboxAccount
from crabstick.sandbox.move_policies import random_mover
from crabstick.sandbox.opponent import Opponent, OpponentSpec, Result
from crabstick.sandbox.testing import RunningSandbox, running
from crabstick.settings import Settings
from tests.cluster.stage import BOT, OPPONENTS, OPTIONS, SCOPES, Stage

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
GAMES = 4
SLOTS = 6
CLOCK = (timedelta(seconds=300), timedelta(seconds=2))
PATIENCE_S = 90
USAGE = 2
T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class Fleet:
    """The bot on its nodes, its Lichess, and its opponents, who play as slowly as they are told."""

    stage: Stage
    folder: Path
    stack: ExitStack
    nodes: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)
    think_s: float = 4.0

    def join(self, name: str) -> None:
        """A node comes; it gives games a minute when it is told to end."""
        drains = timedelta(seconds=60)
        node = worker_node(self.stage.ray.address, slots=SLOTS, name=name, drains=drains)
        self.nodes[name] = self.stack.enter_context(node)

    def living(self) -> list[str]:
        """The nodes whose raylet runs."""
        return [name for name, node in self.nodes.items() if _has_raylet(node.pid)]

    def crabstick(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command that somebody types."""
        return subprocess.run(
            [sys.executable, "-m", "crabstick", *arguments],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def command(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The same, about this cluster."""
        return self.crabstick(name, *arguments, "--address", self.stage.ray.address)

    def games(self) -> dict[str, dict[str, Any]]:
        """What `/games` shows."""
        answer = requests.get(f"{self.stage.http}/games", timeout=10)
        return {game["id"]: game for game in answer.json().get("games", ())}

    def metric(self, name: str) -> float:
        """One sample of `/metrics`."""
        text = requests.get(f"{self.stage.http}/metrics", timeout=10).text
        found = [line.rpartition(" ")[2] for line in text.splitlines() if line.startswith(name)]
        return float(found[0]) if found else 0.0

    def opponent(self, number: int) -> Opponent:
        """A sparring partner that moves at random."""
        rng = random.Random(number)
        name = OPPONENTS[number]
        player = OpponentSpec(
            name=name,
            token=self.stage.sandbox.token(name),
            policy=random_mover(rng),
            delay=lambda: timedelta(seconds=self.think_s * rng.uniform(0.2, 1.8)),
        )
        return Opponent(self.stage.sandbox.url, player)


def _has_raylet(pid: int) -> bool:
    try:
        children = psutil.Process(pid).children()
    except psutil.NoSuchProcess:
        return False
    return any(child.name() == "raylet" for child in children)


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    token = f"lip_{secrets.token_hex(12)}"
    accounts = [SandboxAccount(name=BOT, title="BOT", tokens={token: SCOPES})] + [
        SandboxAccount(name=name, title="BOT", tokens={f"{name}_token": SCOPES})
        for name in OPPONENTS
    ]
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="crab-", ignore_cleanup_errors=True)
            )
        )
        sandbox = stack.enter_context(running(Accounts(accounts), OPTIONS))
        settings = _settings(sandbox, folder)
        stack.enter_context(unittest.mock.patch.dict(os.environ, {"LICHESS_BOT_TOKEN": token}))
        for name in ("RAY_gcs_storage", "RAY_gcs_storage_path", "RAY_ADDRESS"):
            os.environ.pop(name, None)  # another test's Ray keeps its store there
        head = start_local_cluster(cpus=0, temp_dir=str(folder))
        stack.callback(head.end)
        stage = Stage(sandbox=sandbox, ray=head, settings=settings, token=token, temp_dir=folder)
        fleet = Fleet(stage=stage, folder=folder, stack=stack)
        for name in ("first", "second"):
            fleet.join(name)
        up = fleet.command("up", "--detach")
        assert up.returncode == 0, up.stderr
        yield fleet


def _settings(sandbox: RunningSandbox, folder: Path) -> Settings:
    sections = {
        "lichess": {"url": sandbox.url},
        "challenges": {"max_games": GAMES, "max_initial_s": 300},
        "engine": {"limits": {"move_time_ms": 100}},
        "cluster": {"namespace": "crabstick-fleet", "standby": 2},
        "http": {"port": free_port()},
    }
    (folder / "crabstick.yaml").write_text(json.dumps(sections), encoding="utf-8")
    return Settings.model_validate(sections)


async def until(look: Callable[[], T], is_right: Callable[[T], bool]) -> T:
    deadline_s = time.monotonic() + PATIENCE_S
    while not is_right(seen := await asyncio.to_thread(look)):
        assert time.monotonic() < deadline_s, f"still {seen}"
        await asyncio.sleep(0.5)
    return seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath:
    """What was seen on the way, and what the server says when all is over."""

    refused: subprocess.CompletedProcess[str]
    living_after_refusal: list[str]
    drained: subprocess.CompletedProcess[str]
    living_after_drain: list[str]
    living_after_sigterm: list[str]
    exit_status: int | None
    results: list[Result]
    games: dict[str, dict[str, Any]]
    handovers: float
    takeovers: float


@pytest.fixture(scope="module")
def aftermath(fleet: Fleet) -> Aftermath:
    """Four games, whose nodes are drained under them: one by command, the next by SIGTERM."""
    return asyncio.run(_story(fleet))


async def _story(fleet: Fleet) -> Aftermath:
    async with AsyncExitStack() as stack:
        opponents = [await stack.enter_async_context(fleet.opponent(n)) for n in range(GAMES)]
        ids = [await opponent.challenge(BOT, CLOCK, "random") for opponent in opponents]
        games = await _all_played(fleet, ids)
        refused = await asyncio.to_thread(fleet.command, "drain", "nowhere")
        living_after_refusal = fleet.living()
        busiest = _busiest(games)
        drained = await asyncio.to_thread(fleet.command, "drain", busiest[:16])
        living_after_drain = fleet.living()
        await _all_played(fleet, ids)
        await asyncio.to_thread(fleet.join, "third")
        node = fleet.nodes[living_after_drain[0]]
        node.send_signal(signal.SIGTERM)
        exit_status = await until(node.poll, lambda status: status is not None)
        living_after_sigterm = fleet.living()
        await _all_played(fleet, ids)
        fleet.think_s = 0.05
        results = await asyncio.gather(
            *(o.wait_result(i) for o, i in zip(opponents, ids, strict=True))
        )
        await until(fleet.games, lambda games: not games)
        return Aftermath(
            refused=refused,
            living_after_refusal=living_after_refusal,
            drained=drained,
            living_after_drain=living_after_drain,
            living_after_sigterm=living_after_sigterm,
            exit_status=exit_status,
            results=list(results),
            games={game["id"]: game for game in fleet.stage.sandbox.ledger()["games"]},
            handovers=fleet.metric("crabstick_handovers_total"),
            takeovers=fleet.metric("crabstick_takeovers_total"),
        )


async def _all_played(fleet: Fleet, ids: list[str]) -> dict[str, dict[str, Any]]:
    """Waits until every game that still runs has an actor and goes on."""

    def plies() -> dict[str, int]:
        return {game["id"]: len(game["moves"]) for game in fleet.stage.sandbox.ledger()["games"]}

    before = await asyncio.to_thread(plies)

    def waiting() -> list[str]:
        games = {game["id"]: game for game in fleet.stage.sandbox.ledger()["games"]}
        running = [i for i in ids if i not in games or games[i]["ended_ms"] is None]
        rows = fleet.games()
        return [
            i
            for i in running
            if not rows.get(i, {}).get("actor") or plies().get(i, 0) < before.get(i, 0) + 2
        ]

    await until(waiting, lambda still: not still)
    return await asyncio.to_thread(fleet.games)


def _busiest(games: dict[str, dict[str, Any]]) -> str:
    nodes = [game["node"] for game in games.values()]
    return str(max(sorted(set(nodes)), key=nodes.count))


def test_every_game_is_won_on_the_board(aftermath: Aftermath) -> None:
    ends = {(r.status, aftermath.games[r.game_id][r.winner or "white"]) for r in aftermath.results}
    assert ends == {("mate", BOT)}


def test_games_were_handed_over_and_none_was_taken_over(aftermath: Aftermath) -> None:
    assert aftermath.handovers >= GAMES - 1  # one may have been won before
    assert aftermath.takeovers == 0


def test_every_move_that_was_taken_was_chosen_for_that_ply(
    fleet: Fleet, aftermath: Aftermath
) -> None:
    assert aftermath.results
    assert fleet.stage.moves_taken() - fleet.stage.moves_meant() == set()


def test_no_ply_was_decided_twice(fleet: Fleet, aftermath: Aftermath) -> None:
    """Two actors that both believed to own a game would show here."""
    assert aftermath.results
    meant = fleet.stage.moves_meant()
    assert len({(game, ply) for game, ply, _ in meant}) == len(meant)


def test_the_drained_node_leaves_as_soon_as_it_is_empty(aftermath: Aftermath) -> None:
    drained = aftermath.drained
    assert drained.returncode == 0, drained.stderr
    said = drained.stdout.splitlines()
    assert "drains within 120 s" in said[0]
    assert "to hand over" in said[1]
    assert said[-1].endswith("has left the cluster")
    assert len(aftermath.living_after_drain) == 1


def test_a_node_that_is_told_to_end_does_so_by_itself_when_it_is_empty(
    aftermath: Aftermath,
) -> None:
    assert aftermath.exit_status is not None
    assert aftermath.living_after_sigterm == ["third"]


def test_draining_an_unknown_node_is_refused_with_those_that_there_are(
    aftermath: Aftermath,
) -> None:
    refused = aftermath.refused
    said = refused.stderr.splitlines()[-1]  # Ray itself may have something to say before
    assert refused.returncode == USAGE, refused.stderr
    assert "no node of this cluster is called 'nowhere'" in said
    assert len(re.findall(r"\(\d+\.\d+\.\d+\.\d+", said)) == 2
    assert aftermath.living_after_refusal == ["first", "second"]
