"""The bot on Ray nodes whose every part can fail, with a local Lichess and opponents."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import psutil
import yaml

from actors.local_ray.ports import LOOPBACK, free_port
from actors.local_ray.start_hooks import authenticate
from crabstick.errors import EnvironmentProblem
from crabstick.settings import TOKEN_VARIABLE
from tests.chaos.faulty_engine import program
from tests.chaos.lichess import Lichess, lichess
from tests.chaos.networks import make_networks
from tests.chaos.opponents import CLOCK
from tests.chaos.ray_nodes import ROOT, RayNode, RayProcess, head, processes, worker
from tests.chaos.worker_logs import WorkerLogs
from tests.e2e.commands import output, record, started, wait

BOT: Final = "crabstick"
NAMESPACE: Final = "crabstick-chaos"
STANDBY: Final = 3
UP_LIMIT_S: Final = 240
WORKERS: Final = 3
LEFT_PERCENT: Final = 10
"""Of the machine's memory, before a Ray on one machine would be told that it is short."""

ON_THE_HEAD: Final = (
    "WorkerSet",
    "EventListener",
    "ServeController",
    "ServeReplica",
    "ProxyActor",
)
"""The processes that must run on the head, by the titles that Ray gives them."""


@dataclass(slots=True, kw_only=True)
class ChaosCluster:
    """Everything that can fail, and where its state shows."""

    lichess: Lichess
    opponents: dict[str, str]
    """The tokens of the opponents."""
    http: str
    folder: Path
    """With the orders to faulty engines; on one machine the bot's home."""
    logs: WorkerLogs
    nodes: list[RayNode] = field(default_factory=list)
    """The head is the first; empty when `crabstick up` keeps the only node."""
    full_percent: float = 100
    """From this much used memory on, Ray's memory monitor would kill."""

    @property
    def head(self) -> RayNode:
        """The node of the managers."""
        return self.nodes[0]

    @property
    def workers(self) -> list[RayNode]:
        """The nodes of the games."""
        return self.nodes[1:]

    @property
    def leader(self) -> int:
        """The `ray start` of the node where the managers run."""
        return self.head.leader if self.nodes else int(record(self.folder)["node"]["pid"])

    def process(self, title: str) -> RayProcess | None:
        """The process with that title beside the managers; None while there is none."""
        wanted = f"ray::{title}"
        return next((p for p in processes(self.leader) if p.title.startswith(wanted)), None)

    def missing(self) -> list[str]:
        """The processes of `ON_THE_HEAD` that do not run."""
        titles = [process.title for process in processes(self.leader)]
        return [one for one in ON_THE_HEAD if not any(t.startswith(f"ray::{one}") for t in titles)]

    def replace(self, node: RayNode) -> None:
        """Starts a fresh node in place of one that has ended."""
        node.kill()
        node.start()


@contextmanager
def cluster(games: int) -> Iterator[ChaosCluster]:
    """Starts everything for that many games at once on several nodes, and ends it.

    Raises:
        EnvironmentProblem: something does not start.
    """
    with ExitStack() as stack:
        where = make_networks(stack, WORKERS)
        ready = _prepared(stack, games, where.lichess)
        os.environ[TOKEN_VARIABLE] = ready.lichess.tokens[BOT]
        os.environ.pop("RAY_ADDRESS", None)
        authenticate()
        ray_port = free_port()
        address = f"{where.head.address}:{ray_port}"
        slots = -(-(games + STANDBY) // (WORKERS - 1))
        store = ready.logs.folder
        ready.nodes = [head(where.head, store, ray_port)]
        ready.nodes += [worker(network, store, address, slots) for network in where.workers]
        for node in ready.nodes:
            stack.callback(node.kill)
            node.start()
        _bring_up(ready.folder, address)
        yield ready


@contextmanager
def one_machine(games: int) -> Iterator[ChaosCluster]:
    """The same with a plain `crabstick up`, whose Ray would find the machine short of memory.

    Raises:
        AssertionError: the bot does not start.
    """
    with ExitStack() as stack:
        ready = _prepared(stack, games, LOOPBACK)
        ready.full_percent = psutil.virtual_memory().percent + LEFT_PERCENT
        variables = {
            TOKEN_VARIABLE: ready.lichess.tokens[BOT],
            "RAY_memory_usage_threshold": str(ready.full_percent / 100),
        }
        stack.enter_context(started(ready.folder, "up", **variables))
        wait(lambda: "is up" in output(ready.folder), ready.folder)
        yield ready


def _prepared(stack: ExitStack, games: int, host: str) -> ChaosCluster:
    """Everything but Ray and the bot."""
    players = [BOT, *(f"rival{number}" for number in range(1, games + 1))]
    folder = Path(
        stack.enter_context(TemporaryDirectory(prefix="crab-", ignore_cleanup_errors=True))
    )
    server = stack.enter_context(lichess(players, host, free_port(), folder))
    http_port = free_port()
    _write_config(folder, server.url, http_port, games)
    store = folder / "ray"
    store.mkdir()
    return ChaosCluster(
        lichess=server,
        opponents={name: server.tokens[name] for name in players[1:]},
        http=f"http://{LOOPBACK}:{http_port}",
        folder=folder,
        logs=WorkerLogs(store),
    )


def _write_config(folder: Path, url: str, http_port: int, games: int) -> None:
    initial, increment = CLOCK
    sections: dict[str, dict[str, Any]] = {
        "lichess": {"url": url},
        "engine": {
            "kind": "uci",
            "path": str(program(folder)),
            "limits": {"move_time_ms": 1000},
        },
        "challenges": {
            "max_games": games,
            "max_initial_s": int(initial.total_seconds()),
            "max_increment_s": int(increment.total_seconds()),
        },
        "cluster": {"namespace": NAMESPACE, "standby": STANDBY, "max_takeovers": 1000},
        "http": {"port": http_port},
    }
    (folder / "crabstick.yaml").write_text(yaml.safe_dump(sections), encoding="utf-8")


def _bring_up(folder: Path, address: str) -> None:
    """Runs `crabstick up` in its own process: a driver dies with the head it is connected to."""
    up = subprocess.run(
        [sys.executable, "-m", "crabstick", "up", "--detach", "--address", address],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=UP_LIMIT_S,
        check=False,
    )
    if up.returncode:
        raise EnvironmentProblem(f"crabstick up: {up.stderr[-1000:]}{up.stdout[-1000:]}")
