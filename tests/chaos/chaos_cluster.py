"""The bot on a cluster whose every part can fail, with a local Lichess and opponents."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml

from actors.local_ray.ports import free_port
from actors.local_ray.start_hooks import authenticate
from crabstick.errors import EnvironmentProblem
from crabstick.settings import TOKEN_VARIABLE
from tests.chaos.faulty_engine import program
from tests.chaos.lichess import Lichess, lichess
from tests.chaos.networks import make_networks
from tests.chaos.opponents import CLOCK
from tests.chaos.ray_nodes import ROOT, RayNode, RayProcess, head, worker
from tests.chaos.worker_logs import WorkerLogs

BOT: Final = "crabstick"
NAMESPACE: Final = "crabstick-chaos"
STANDBY: Final = 3
UP_LIMIT_S: Final = 240
WORKERS: Final = 3


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
    head: RayNode
    workers: list[RayNode]
    orders: Path
    """The folder of the orders to faulty engines."""
    logs: WorkerLogs

    def process(self, title: str) -> RayProcess | None:
        """The process with that title on the head; None while there is none."""
        wanted = f"ray::{title}"
        return next((p for p in self.head.processes() if p.title.startswith(wanted)), None)

    def missing(self) -> list[str]:
        """The processes of `ON_THE_HEAD` that do not run."""
        titles = [process.title for process in self.head.processes()]
        return [one for one in ON_THE_HEAD if not any(t.startswith(f"ray::{one}") for t in titles)]

    def replace(self, node: RayNode) -> None:
        """Starts a fresh node in place of one that has ended."""
        node.kill()
        node.start()


@contextmanager
def cluster(games: int) -> Iterator[ChaosCluster]:
    """Starts everything for that many games at once, and ends it.

    Raises:
        EnvironmentProblem: something does not start.
    """
    players = [BOT, *(f"rival{number}" for number in range(1, games + 1))]
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(TemporaryDirectory(prefix="crab-", ignore_cleanup_errors=True))
        )
        where = make_networks(stack, WORKERS)
        server = stack.enter_context(lichess(players, where.lichess, free_port(), folder))
        os.environ[TOKEN_VARIABLE] = server.tokens[BOT]
        os.environ.pop("RAY_ADDRESS", None)
        authenticate()
        http_port, ray_port = free_port(), free_port()
        _write_config(folder, server.url, http_port, games)
        address = f"{where.head.address}:{ray_port}"
        slots = -(-(games + STANDBY) // (WORKERS - 1))
        store = folder / "ray"
        store.mkdir()
        nodes = [head(where.head, store, ray_port)]
        nodes += [worker(network, store, address, slots) for network in where.workers]
        for node in nodes:
            stack.callback(node.kill)
            node.start()
        _bring_up(folder, address)
        yield ChaosCluster(
            lichess=server,
            opponents={name: server.tokens[name] for name in players[1:]},
            http=f"http://127.0.0.1:{http_port}",
            head=nodes[0],
            workers=nodes[1:],
            orders=folder,
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
