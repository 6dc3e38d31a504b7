"""The head dies while Redis keeps what it knew, and Redis itself fails: games go on.

Head and nodes are started as the KubeRay operator starts them for `gcsFaultToleranceOptions` with
`redisAddress` and `redisPassword`: only the head knows Redis, and a new head finds empty
folders, as a new Pod does. The bot came by `ray job submit` with a working directory.
"""

import asyncio
import os
import random
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest
import requests
import yaml

from actors.local_ray.ports import free_port
from crabstick.sandbox.accounts import BOT_SCOPES, Accounts, SandboxAccount
from crabstick.sandbox.move_policies import random_mover
from crabstick.sandbox.opponent import Opponent, OpponentSpec, Result
from crabstick.sandbox.options import Options
from crabstick.sandbox.testing import RunningSandbox, running
from tests.chaos.networks import NodeNetwork
from tests.chaos.ray_nodes import RayNode, RayProcess
from tests.chaos.worker_logs import WorkerLogs
from tests.e2e.commands import copy_checkout

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        shutil.which("redis-server") is None, reason="no redis-server on this machine"
    ),
]

ROOT = Path(__file__).parents[2]
REDIS = ROOT / "kuberay/components/redis/redis.yaml"
HERE = "127.0.0.1"
BOT = "crabstick"
VERSION = "0.1.0+submitted"
"""What the code calls itself that came with the job; the installed one has another name."""
CLOCK = (timedelta(seconds=1200), timedelta(seconds=5))
OPTIONS = Options(rate_limits=False, king_to_rook=False)
"""Castling as we send it, so that moves can be compared."""
GAMES = 2
SLOW_S = 20.0
LONG_S = 65
"""Longer than Ray's processes outlive their head by default."""
PATIENCE_S = 240
RAY = [sys.executable, "-m", "ray.scripts.scripts"]
T = TypeVar("T")


def wait(fetch: Callable[[], T]) -> T:
    """Fetches until the value is true."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not (value := fetch()):
        assert time.monotonic() < deadline_s, f"still {value}"
        time.sleep(0.2)
    return value


@dataclass(slots=True, kw_only=True)
class Redis:
    """The Redis of our manifests, with a folder, a port and a password of the test's own."""

    folder: Path
    port: int = field(default_factory=free_port)
    password: str = field(default_factory=lambda: secrets.token_hex(16))
    _server: "subprocess.Popen[bytes] | None" = field(default=None)

    def start(self) -> None:
        stateful_set = list(yaml.safe_load_all(REDIS.read_text(encoding="utf-8")))[-1]
        (container,) = stateful_set["spec"]["template"]["spec"]["containers"]
        (script,) = container["args"]
        assert "dir /data\n" in script
        script = script.replace("/data\n", f"{self.folder}\nbind {HERE}\nport {self.port}\n")
        self._server = subprocess.Popen(
            [*container["command"], script],
            env={"REDISCLI_AUTH": self.password, "PATH": "/usr/local/bin:/usr/bin:/bin"},
            stdout=subprocess.DEVNULL,
        )
        wait(self._answers)

    def _answers(self) -> bool:
        try:
            with socket.create_connection((HERE, self.port), timeout=1) as link:
                link.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                lines = link.makefile("rb")
                return [lines.readline(), lines.readline()] == [b"+OK\r\n", b"+PONG\r\n"]
        except OSError:
            return False

    def send(self, number: int) -> None:
        assert self._server is not None
        self._server.send_signal(number)

    def end(self, number: int = signal.SIGKILL) -> None:
        if self._server is not None:
            self._server.send_signal(number)
            self._server.wait()

    def kept(self) -> bytes:
        """Everything that it has written down."""
        return b"".join(path.read_bytes() for path in self.folder.rglob("*") if path.is_file())


@dataclass(slots=True, kw_only=True)
class Cluster:
    """A head, two nodes, a Redis and a Lichess."""

    folder: Path
    redis: Redis
    sandbox: RunningSandbox
    head: RayNode
    workers: list[RayNode]
    http: str
    dashboard: str
    think_s: float = SLOW_S

    def new_head(self) -> None:
        """What the operator does when the head has ended: another one, with empty folders."""
        self.head.kill()
        assert self.head.store is not None
        self.head.store.rename(self.folder / f"head-{time.monotonic_ns()}")
        self.head.store.mkdir()
        self.head.start()

    def submit(self) -> None:
        """Brings the bot up as the documentation says."""
        done = subprocess.run(
            [
                *(*RAY, "job", "submit", "--address", self.dashboard, "--working-dir", "."),
                *("--", sys.executable, "-m", "crabstick", "up", "--detach"),
            ],
            cwd=self.folder / "checkout",
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    def answers(self, path: str) -> bool:
        """Whether one of the bot's endpoints says 200."""
        try:
            return requests.get(self.http + path, timeout=10).ok
        except requests.RequestException:
            return False

    def is_well(self) -> bool:
        return self.answers("/livez") and self.answers("/readyz")

    def actors(self) -> dict[str, tuple[str, int]]:
        """Of each running game: the actor that plays it, and how many it has lost."""
        try:
            games = requests.get(f"{self.http}/games", timeout=10).json().get("games", ())
        except requests.RequestException:
            return {}
        return {game["id"]: (game["actor"], game["takeovers"]) for game in games if game["actor"]}

    def raylets(self) -> set[int]:
        """The processes that are the nodes."""
        return {process.pid for process in self._processes() if "raylet/raylet" in process.title}

    def engine_actors(self) -> set[int]:
        """The processes of the actors on the nodes; Ray titles each by what it does."""
        titles = {process.pid: process.title for process in self._processes()}
        return {
            pid
            for pid, title in titles.items()
            if title.startswith("ray::") and not title.startswith("ray::IDLE")
        }

    def _processes(self) -> list[RayProcess]:
        return [process for node in self.workers for process in node.processes()]

    def worker_set_folder(self) -> str:
        """Where the WorkerSet runs, which is on the head."""
        titles = {process.title.split()[0]: process.pid for process in self.head.processes()}
        (pid,) = (pid for title, pid in titles.items() if title.startswith("ray::WorkerSet"))
        return psutil.Process(pid).cwd()

    def moves(self, game_id: str) -> list[dict[str, Any]]:
        """Our moves that the server took."""
        games = self.sandbox.ledger(game_id)["games"]
        return [move for game in games for move in game["moves"] if move["by"] == BOT]

    def wait_moves(self, ids: list[str], more: int) -> None:
        """Waits for that many more moves of ours in each game."""
        until = {game_id: len(self.moves(game_id)) + more for game_id in ids}
        wait(lambda: all(len(self.moves(game_id)) >= until[game_id] for game_id in ids))

    def intended(self, game_id: str) -> list[int]:
        """The ply of each move that an actor of ours was about to send."""
        logs = [WorkerLogs(self.folder / node.name) for node in self.workers]
        for each in logs:
            each.read()
        return [one.ply for each in logs for one in each.intended if one.game == game_id]

    def opponent(self, number: int, think_s: float | None = None) -> Opponent:
        """A sparring partner that moves at random, in the cluster's time unless it has its own."""
        name, rng = f"sparring{number}", random.Random(number)
        player = OpponentSpec(
            name=name,
            token=self.sandbox.token(name),
            policy=random_mover(rng),
            delay=lambda: timedelta(seconds=(think_s or self.think_s) * rng.uniform(0.8, 1.2)),
        )
        return Opponent(self.sandbox.url, player)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crab-")))
        copy_checkout(folder / "checkout", version=VERSION)
        sandbox = stack.enter_context(running(_accounts(), OPTIONS))
        redis = Redis(folder=folder / "redis")
        redis.folder.mkdir()
        stack.callback(redis.end)
        redis.start()
        gcs, dashboard, http = free_port(), free_port(), free_port()
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in _variables(folder, sandbox, http).items():
            patch.setenv(name, value)
        for name in ("PYTHONPATH", "RAY_ADDRESS"):
            patch.delenv(name, raising=False)
        cluster = Cluster(
            folder=folder,
            redis=redis,
            sandbox=sandbox,
            head=_head(folder, redis, gcs, dashboard),
            workers=[_worker(folder, f"node{number}", gcs) for number in (1, 2)],
            http=f"http://{HERE}:{http}",
            dashboard=f"http://{HERE}:{dashboard}",
        )
        for node in (cluster.head, *cluster.workers):
            stack.callback(node.kill)
            node.start()
        cluster.submit()
        yield cluster


def _accounts() -> Accounts:
    players = [BOT, *(f"sparring{number}" for number in range(1, GAMES + 2))]
    tokens = {name: f"lip_{secrets.token_hex(12)}" for name in players}
    return Accounts(
        [SandboxAccount(name=n, title="BOT", tokens={tokens[n]: BOT_SCOPES}) for n in players]
    )


def _variables(folder: Path, sandbox: RunningSandbox, http: int) -> Mapping[str, str]:
    """What every node and every person has in the environment."""
    return {
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(16),
        "RAY_worker_niceness": "0",
        "RAY_memory_monitor_refresh_ms": "0",
        "RAY_gcs_rpc_server_reconnect_timeout_s": "600",
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
        "LICHESS_BOT_TOKEN": sandbox.token(BOT),
        "CRABSTICK__LICHESS__URL": sandbox.url,
        "CRABSTICK__HTTP__PORT": str(http),
        "CRABSTICK__ENGINE__LIMITS__MOVE_TIME_MS": "50",
    }


def _head(folder: Path, redis: Redis, gcs: int, dashboard: int) -> RayNode:
    arguments = ["--head", f"--port={gcs}", "--num-cpus=0", f"--dashboard-port={dashboard}"]
    environment = {
        "RAY_REDIS_ADDRESS": f"{HERE}:{redis.port}",
        "REDIS_PASSWORD": redis.password,
        "RAY_external_storage_namespace": str(uuid.uuid4()),
    }
    password = f"--redis-password={redis.password}"
    return _node(folder, "head", [*arguments, password], environment)


def _worker(folder: Path, name: str, gcs: int) -> RayNode:
    return _node(folder, name, [f"--address={HERE}:{gcs}", "--num-cpus=3"], {})


def _node(folder: Path, name: str, arguments: list[str], environment: Mapping[str, str]) -> RayNode:
    (folder / name).mkdir()
    command = [
        *(*RAY, "start", "--block", "--disable-usage-stats", *arguments),
        *(f"--node-ip-address={HERE}", f"--temp-dir={folder / name}"),
    ]
    return RayNode(
        name=name,
        command=command,
        environment=environment,
        log=folder / f"{name}.log",
        network=NodeNetwork(name=name, address=HERE),
        store=folder / name if name == "head" else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What ran before and after the failure, and how the games went."""

    moved: list[int]
    """Of each game: our moves while it lasted."""
    nodes: tuple[set[int], set[int]]
    actors: tuple[set[int], set[int]]
    rows: tuple[dict[str, tuple[str, int]], dict[str, tuple[str, int]]]
    results: list[Result]
    agents: set[str]
    ids: list[str]


async def _through(cluster: Cluster, happen: Callable[[], None]) -> Snapshot:
    """Plays games through it, and one more afterwards."""
    cluster.think_s = SLOW_S
    async with AsyncExitStack() as stack:
        players = [cluster.opponent(number) for number in range(1, GAMES + 1)]
        later = await stack.enter_async_context(cluster.opponent(GAMES + 1, think_s=0.05))
        opponents = [await stack.enter_async_context(player) for player in players]
        await asyncio.to_thread(wait, cluster.is_well)
        ids = [await opponent.challenge(BOT, CLOCK, "black") for opponent in opponents]
        await asyncio.to_thread(cluster.wait_moves, ids, 1)
        rows = await asyncio.to_thread(wait, partial(_all_played, cluster, ids))
        nodes, actors = cluster.raylets(), cluster.engine_actors()
        moves = [len(cluster.moves(game_id)) for game_id in ids]
        await asyncio.to_thread(happen)
        moved = [len(cluster.moves(i)) - before for i, before in zip(ids, moves, strict=True)]
        await asyncio.to_thread(wait, cluster.is_well)
        rows_after = await asyncio.to_thread(wait, partial(_all_played, cluster, ids))
        nodes_after, actors_after = cluster.raylets(), cluster.engine_actors()
        await asyncio.to_thread(cluster.wait_moves, ids, 1)
        cluster.think_s = 0.05
        results = [await o.wait_result(i) for o, i in zip(opponents, ids, strict=True)]
        results.append(await later.play(BOT, CLOCK, "white"))
    taken = [move for result in results for move in cluster.moves(result.game_id)]
    return Snapshot(
        moved=moved,
        nodes=(nodes, nodes_after),
        actors=(actors, actors_after),
        rows=(rows, rows_after),
        results=results,
        agents={move["user_agent"].split()[0] for move in taken},
        ids=[result.game_id for result in results],
    )


def _all_played(cluster: Cluster, ids: list[str]) -> dict[str, tuple[str, int]]:
    actors = cluster.actors()
    return actors if set(actors) >= set(ids) else {}


def _assert_nothing_was_lost(cluster: Cluster, facts: Snapshot) -> None:
    assert len(facts.nodes[0]) == 2
    assert facts.nodes[0] == facts.nodes[1]
    assert len(facts.actors[0]) >= GAMES
    assert facts.actors[0] <= facts.actors[1]
    assert facts.rows[0] == facts.rows[1]
    assert [takeovers for _, takeovers in facts.rows[1].values()] == [0] * GAMES
    ends = [(result.status, result.winner) for result in facts.results]
    assert ends == [("mate", "white")] * GAMES + [("mate", "black")]
    assert facts.agents == {f"crabstick/{VERSION}"}, "code that did not come with the job"
    assert "working_dir_files" in cluster.worker_set_folder()
    for game_id in facts.ids:
        intended = cluster.intended(game_id)
        assert sorted(intended) == sorted(move["ply"] - 1 for move in cluster.moves(game_id))


def test_games_outlive_a_head_that_is_replaced(cluster: Cluster) -> None:
    def happen() -> None:
        cluster.head.kill()
        cluster.new_head()

    _assert_nothing_was_lost(cluster, asyncio.run(_through(cluster, happen)))


def test_games_outlive_a_head_that_is_away_for_longer_than_ray_bears(cluster: Cluster) -> None:
    def happen() -> None:
        cluster.head.kill()
        died_s = time.monotonic()
        wait(lambda: time.monotonic() > died_s + LONG_S)
        assert not any(node.has_ended for node in cluster.workers)
        cluster.new_head()

    facts = asyncio.run(_through(cluster, happen))
    _assert_nothing_was_lost(cluster, facts)
    assert min(facts.moved) >= 2


def test_a_redis_that_is_restarted_ends_the_head_and_no_game(cluster: Cluster) -> None:
    """Ray 2.60 does not connect anew; the operator then does what `new_head` does."""

    def happen() -> None:
        cluster.redis.end(signal.SIGTERM)
        cluster.redis.start()
        wait(lambda: cluster.head.has_ended)
        cluster.new_head()

    _assert_nothing_was_lost(cluster, asyncio.run(_through(cluster, happen)))


def test_a_redis_that_is_frozen_for_some_seconds_changes_nothing(cluster: Cluster) -> None:
    def happen() -> None:
        cluster.redis.send(signal.SIGSTOP)
        froze_s = time.monotonic()
        wait(lambda: time.monotonic() > froze_s + 5)
        cluster.redis.send(signal.SIGCONT)

    head = cluster.head.processes()
    _assert_nothing_was_lost(cluster, asyncio.run(_through(cluster, happen)))
    assert not cluster.head.has_ended
    assert {p.pid for p in head if "gcs_server" in p.title} <= {
        process.pid for process in cluster.head.processes()
    }


def test_redis_never_learns_the_tokens(cluster: Cluster) -> None:
    kept = cluster.redis.kept()
    assert b"WorkerSet" in kept
    assert cluster.sandbox.token(BOT).encode() not in kept
    assert os.environ["RAY_AUTH_TOKEN"].encode() not in kept
