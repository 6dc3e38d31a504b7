"""A bot on a real local Ray cluster against a sandbox, and what a test does with it."""

import asyncio
import json
import os
import random
import secrets
import signal
import time
import unittest.mock
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import requests
from ray._raylet import AuthenticationTokenLoader  # type: ignore[attr-defined]  # no stub

from actors.cluster import ask, find_actor
from actors.local_ray.local_cluster import LocalCluster, start_local_cluster
from actors.local_ray.ports import free_port
from actors.ops.connect import connect, dashboard_url, disconnect
from actors.ops.deploy import deploy, wait_listening
from actors.ops.fingerprint import actor_config
from crabstick.sandbox.accounts import BOT_SCOPES, Accounts, SandboxAccount
from crabstick.sandbox.move_policies import MovePolicy, random_mover
from crabstick.sandbox.opponent import Opponent, OpponentSpec
from crabstick.sandbox.options import Options
from crabstick.sandbox.testing import RunningSandbox, running
from crabstick.settings import Settings
from crabstick.telemetry import log_events
from crabstick.terminal.running_bot import fetch_statistics

BOT = "crabstick"
NAMESPACE = "crabstick-test"
ADMIN_TOKEN = secrets.token_hex(8)
OPPONENTS = tuple(f"sparring{number}" for number in range(1, 9))
PATIENCE = timedelta(seconds=60)
OPTIONS = Options(rate_limits=False, king_to_rook=False, seed=1)
"""Castling as we send it, so that moves can be compared as text."""
CLOCK = (timedelta(seconds=60), timedelta(seconds=1))

Statistics = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalBot:
    """The bot, its Lichess, its Ray cluster, and the token that must not leak."""

    sandbox: RunningSandbox
    ray: LocalCluster
    settings: Settings
    token: str
    temp_dir: Path

    @property
    def http(self) -> str:
        """Where the bot's endpoints are."""
        return f"http://127.0.0.1:{self.settings.http.port}"

    @property
    def logs(self) -> Path:
        """Where Ray keeps the logs of this session."""
        return self.temp_dir / "session_latest" / "logs"

    @property
    def gcs_pid(self) -> int:
        """The process of Ray's GCS."""

        def is_ours(process: psutil.Process) -> bool:
            program, *words = process.info["cmdline"] or [""]
            return program.endswith("gcs_server") and str(self.temp_dir) in " ".join(words)

        return next(p.pid for p in psutil.process_iter(["cmdline"]) if is_ours(p))

    def opponent(
        self,
        number: int,
        *,
        think_ms: float | Callable[[], float] = 500,
        policy: MovePolicy | None = None,
    ) -> Opponent:
        """An opponent that moves at random; its think time may change while it plays."""
        name = OPPONENTS[number]
        rng = random.Random(number)
        current_ms = think_ms if callable(think_ms) else lambda: think_ms
        player = OpponentSpec(
            name=name,
            token=self.sandbox.token(name),
            policy=policy or random_mover(rng),
            delay=lambda: timedelta(milliseconds=current_ms() * rng.uniform(0.6, 1.4)),
        )
        return Opponent(self.sandbox.url, player)

    def resign(self, game_id: str, number: int) -> bool:
        """An opponent gives up; False while Lichess does not let it: both have to move first."""
        address = f"{self.sandbox.url}/api/bot/game/{game_id}/resign"
        headers = {"Authorization": f"Bearer {self.sandbox.token(OPPONENTS[number])}"}
        return requests.post(address, headers=headers, timeout=10).ok

    def events(self, name: str) -> list[dict[str, Any]]:
        """All log events of that name, of all processes."""
        lines = (
            line
            for path in self.logs.rglob("worker-*")  # Ray puts those of long ago into old/
            for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
        )
        return [json.loads(line) for line in lines if f'"{name}"' in line and line[0] == "{"]

    def moves_intended(self) -> set[tuple[str, int, str]]:
        """Every move that an actor was about to post: game, ply, UCI."""
        return {
            (entry["game_id"], entry["ply"], entry["move"])
            for entry in self.events(log_events.MOVE_POSTING)
        }

    def moves_taken(self) -> set[tuple[str, int, str]]:
        """Every move of ours that the server took: game, ply, UCI."""
        return {
            (game["id"], move["ply"] - 1, move["uci"])  # the ledger counts from 1
            for game in self.sandbox.ledger()["games"]
            for move in game["moves"]
            if move["by"] == BOT
        }


async def statistics() -> Statistics:
    """The statistics of the WorkerSet, as soon as it answers."""
    found = await until(lambda: fetch_statistics(NAMESPACE), lambda found: found is not None)
    shown: Statistics = found.shown()
    return shown


async def until(
    fetch: Callable[[], Awaitable[Any]],
    is_right: Callable[[Any], bool],
    patience: timedelta = PATIENCE,
) -> Any:
    """Fetches again and again until the value is right; fails with the last value."""
    deadline_s = time.monotonic() + patience.total_seconds()
    while True:
        value = await fetch()
        if is_right(value):
            return value
        assert time.monotonic() < deadline_s, f"after {patience} still {value}"
        await asyncio.sleep(0.1)


async def wait_standbys(count: int) -> Statistics:
    """Waits for that many warm actors."""
    found: Statistics = await until(
        statistics,
        lambda found: sum(actor["phase"] == "standby" for actor in found["actors"]) >= count,
    )
    return found


async def wait_no_game() -> None:
    """Waits until no game is played, so that there is room for as many as there may be."""
    await until(statistics, lambda now: not now["games"])


async def wait_ply(game_id: str, ply: int) -> dict[str, Any]:
    """Waits until the game has that many plies, and returns its row."""

    async def row() -> dict[str, Any]:
        games = (await statistics())["games"]
        return next((game for game in games if game["id"] == game_id), {})

    found: dict[str, Any] = await until(row, lambda game: game.get("ply", 0) >= ply)
    return found


async def describe(name: str) -> dict[str, Any]:
    """The description of an actor."""
    handle = await find_actor(name, NAMESPACE)
    assert handle is not None
    return await ask(handle.describe.remote({"v": 1}), PATIENCE)


async def pid_of(name: str) -> int:
    """The process of a manager actor."""
    return int((await describe(name))["pid"])


def engine_pid_of(actor_pid: int) -> int:
    """The engine process of an EngineActor."""
    children = psutil.Process(actor_pid).children(recursive=True)
    return next(c.pid for c in children if "engine.fairy" in " ".join(c.cmdline()))


def dashboard(page: str) -> requests.Response:
    """A page of the Ray dashboard, requested with Ray's token."""
    token = AuthenticationTokenLoader.instance().get_raw_token(ignore_auth_mode=True)
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(dashboard_url() + page, headers=headers, timeout=30)


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """Stops the process for the duration of the block."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):  # it was replaced meanwhile
            os.kill(pid, signal.SIGCONT)


@contextmanager
def running_bot(temp_dir: Path, **sections: dict[str, Any]) -> Iterator[LocalBot]:
    """Starts everything, and ends it."""
    token = f"lip_canary{secrets.token_hex(12)}"
    accounts = Accounts(
        [
            SandboxAccount(name=BOT, title="BOT", tokens={token: BOT_SCOPES}),
            *(
                SandboxAccount(name=name, title="BOT", tokens={f"{name}_token": BOT_SCOPES})
                for name in OPPONENTS
            ),
        ]
    )
    with ExitStack() as stack:
        sandbox = stack.enter_context(running(accounts, OPTIONS))
        settings = Settings.model_validate(
            {
                "lichess": {"url": sandbox.url},
                "challenges": {"max_games": 8},
                "engine": {"limits": {"move_time_ms": 100}},
                "cluster": {"namespace": NAMESPACE, "standby": 3},
                "http": {"port": free_port()},
                **sections,
            }
        )
        variables = {
            "LICHESS_BOT_TOKEN": token,
            "CRABSTICK_ADMIN_TOKEN": ADMIN_TOKEN,
            "RAY_gcs_storage": "rocksdb",  # so that a test can read what Ray stores
            "RAY_gcs_storage_path": str(temp_dir / "gcs"),
        }
        stack.enter_context(unittest.mock.patch.dict(os.environ, variables))
        local = start_local_cluster(cpus=12, temp_dir=str(temp_dir))
        stack.callback(local.end)
        connect(local.address, NAMESPACE)
        stack.callback(disconnect)
        asyncio.run(deploy(actor_config(settings, BOT)))
        assert asyncio.run(wait_listening(NAMESPACE, PATIENCE)) == ""
        yield LocalBot(
            sandbox=sandbox, ray=local, settings=settings, token=token, temp_dir=temp_dir
        )
