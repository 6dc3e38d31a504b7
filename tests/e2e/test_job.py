"""The whole path of docs/deploying.md: two `ray start` lines, token authentication, one job."""

import asyncio
import json
import os
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from actors.local_ray.ports import free_port
from crabstick.sandbox.accounts import BOT_SCOPES, Accounts, SandboxAccount
from crabstick.sandbox.move_policies import random_mover
from crabstick.sandbox.opponent import Opponent, OpponentSpec, Result, think_time
from crabstick.sandbox.options import Options
from crabstick.sandbox.testing import RunningSandbox, running
from tests.chaos.networks import NodeNetwork
from tests.chaos.ray_nodes import RayNode
from tests.e2e.commands import copy_checkout

pytestmark = pytest.mark.e2e

RAY = [sys.executable, "-m", "ray.scripts.scripts"]
CLOCK = (timedelta(seconds=60), timedelta(seconds=1))
NODE_ADDRESS = "--node-ip-address=127.0.0.1"
PATIENCE_S = 120
VERSION = "0.1.0+submitted"
"""What the code calls itself that comes with the job; the installed one has another name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """A head without CPUs and one worker; `variables` are those of a person at the head."""

    address: str
    dashboard: str
    http: str
    sandbox: RunningSandbox
    variables: dict[str, str]
    head: RayNode
    worker: RayNode
    checkout: Path

    def run(self, *command: str, **more: str) -> subprocess.CompletedProcess[str]:
        """A command, typed at the head in the checkout; `more` replaces variables."""
        return subprocess.run(
            command,
            cwd=self.checkout,
            env={**self.variables, **more},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def submit(self) -> subprocess.CompletedProcess[str]:
        """Submits `crabstick up` as the documentation says."""
        return self.run(
            *(*RAY, "job", "submit", "--address", self.dashboard, "--working-dir", "."),
            *("--", sys.executable, "-m", "crabstick", "up", "--detach"),
        )

    def status(self) -> dict[str, Any]:
        """What `crabstick status --json` says."""
        done = self.run(
            *(sys.executable, "-m", "crabstick", "status", "--json", "--address", self.address)
        )
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer

    def worker_set(self) -> psutil.Process:
        """The process of the WorkerSet on this cluster's head."""
        processes = self.head.processes()
        return next(
            psutil.Process(p.pid) for p in processes if p.title.startswith("ray::WorkerSet")
        )

    def user_agents(self, game_id: str) -> set[str]:
        """The user agents that sent our moves in that game."""
        (game,) = self.sandbox.ledger(game_id)["games"]
        ours = [move for move in game["moves"] if move["by"] == "crabstick"]
        return {move["user_agent"].split()[0] for move in ours}


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    token = f"lip_{secrets.token_hex(8)}"
    accounts = [
        SandboxAccount(name=name, title="BOT", tokens={secret: BOT_SCOPES})
        for name, secret in (("crabstick", token), ("sparring", "sparring_token"))
    ]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="crab-")))
        sandbox = stack.enter_context(running(Accounts(accounts), Options(rate_limits=False)))
        checkout = folder / "checkout"
        copy_checkout(checkout, VERSION)
        (folder / ".ray").mkdir()
        (folder / ".ray/auth_token").write_text(secrets.token_hex(32), encoding="utf-8")
        gcs, dashboard, http = free_port(), free_port(), free_port()
        variables = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "CRABSTICK"))},
            "HOME": str(folder),
            "TMPDIR": str(folder),
            "RAY_AUTH_MODE": "token",
            "RAY_worker_niceness": "0",
            "RAY_memory_monitor_refresh_ms": "0",
            "RAY_gcs_rpc_server_reconnect_timeout_s": "600",
            "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
            "LICHESS_BOT_TOKEN": token,
            "CRABSTICK__LICHESS__URL": sandbox.url,
            "CRABSTICK__HTTP__PORT": str(http),
            "CRABSTICK__ENGINE__LIMITS__MOVE_TIME_MS": "50",
        }
        head = ray_node(
            *(folder, "head", variables, "--head", f"--port={gcs}", "--num-cpus=0"),
            *(f"--dashboard-port={dashboard}", f"--temp-dir={folder}"),
        )
        worker = ray_node(
            *(folder, "worker", variables, f"--address=127.0.0.1:{gcs}", "--num-cpus=4")
        )
        for node in (head, worker):
            stack.callback(node.kill)
            node.start()
        yield Cluster(
            address=f"127.0.0.1:{gcs}",
            dashboard=f"http://127.0.0.1:{dashboard}",
            http=f"http://127.0.0.1:{http}",
            sandbox=sandbox,
            variables=variables,
            head=head,
            worker=worker,
            checkout=checkout,
        )


def ray_node(folder: Path, name: str, variables: dict[str, str], *arguments: str) -> RayNode:
    """`ray start --block` with these arguments; not started yet."""
    return RayNode(
        name=name,
        command=[*RAY, "start", "--block", "--disable-usage-stats", NODE_ADDRESS, *arguments],
        environment=variables,
        log=folder / f"{name}.log",
        network=NodeNetwork(name=name, address="127.0.0.1"),
    )


def wait(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.2)


@pytest.fixture(scope="module")
def submitted(cluster: Cluster) -> subprocess.CompletedProcess[str]:
    return cluster.submit()


def play(cluster: Cluster) -> Result:
    async def game() -> Result:
        player = OpponentSpec(
            name="sparring",
            token="sparring_token",
            policy=random_mover(random.Random(1)),
            delay=think_time(timedelta(milliseconds=20), 0.4, random.Random(2)),
        )
        async with Opponent(cluster.sandbox.url, player) as opponent:
            return await opponent.play("crabstick", CLOCK, "random")

    return asyncio.run(game())


def test_the_job_succeeds(submitted: subprocess.CompletedProcess[str]) -> None:
    assert submitted.returncode == 0, submitted.stdout + submitted.stderr
    assert "succeeded" in submitted.stdout


def test_without_the_cluster_token_no_job_is_taken(cluster: Cluster) -> None:
    assert requests.get(f"{cluster.dashboard}/api/jobs/", timeout=10).status_code == 401


def test_the_bot_plays_on_after_the_job_has_ended(
    cluster: Cluster, submitted: subprocess.CompletedProcess[str]
) -> None:
    assert submitted.returncode == 0
    result = play(cluster)
    assert result.status == "mate"
    assert cluster.user_agents(result.game_id) == {f"crabstick/{VERSION}"}


def test_a_worker_set_that_is_killed_finds_its_code_again(
    cluster: Cluster, submitted: subprocess.CompletedProcess[str]
) -> None:
    assert submitted.returncode == 0
    before = cluster.worker_set()
    before.kill()
    wait(lambda: requests.get(f"{cluster.http}/livez", timeout=10).status_code == 200)
    after = cluster.worker_set()
    assert after.pid != before.pid
    assert "working_dir_files" in after.cwd()
    assert play(cluster).status == "mate"


def test_submitting_again_changes_nothing(
    cluster: Cluster, submitted: subprocess.CompletedProcess[str]
) -> None:
    assert submitted.returncode == 0
    pid = cluster.worker_set().pid
    again = cluster.submit()
    assert "nothing changed" in again.stdout
    assert cluster.worker_set().pid == pid
    assert cluster.status()["bot"] == "crabstick"


@pytest.mark.long
def test_without_the_cluster_token_no_node_joins(cluster: Cluster) -> None:
    start = (*RAY, "start", "--block", "--disable-usage-stats", f"--address={cluster.address}")
    done = cluster.run(*start, RAY_AUTH_MODE="disabled")
    assert done.returncode != 0
    assert "InvalidAuthToken" in done.stdout + done.stderr


def test_a_node_that_comes_after_the_job_finds_the_code(
    cluster: Cluster, submitted: subprocess.CompletedProcess[str]
) -> None:
    """The last one here: the node with the actors of before goes."""
    assert submitted.returncode == 0
    with tempfile.TemporaryDirectory(prefix="crab-", ignore_cleanup_errors=True) as folder:
        arguments = [f"--address={cluster.address}", "--num-cpus=4", f"--temp-dir={folder}"]
        late = ray_node(Path(folder), "late", cluster.variables, *arguments)
        try:
            late.start()
            cluster.worker.kill()
            result = play(cluster)
        finally:
            late.kill()
    assert result.status == "mate"
    assert cluster.user_agents(result.game_id) == {f"crabstick/{VERSION}"}
