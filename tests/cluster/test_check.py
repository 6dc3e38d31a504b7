"""`crabstick check --cluster` on a real Ray cluster: names each node that differs."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
import ray
from ray._raylet import GcsClient  # type: ignore[attr-defined]  # no stub
from ray.core.generated.autoscaler_pb2 import GetClusterStatusReply
from ray.core.generated.gcs_service_pb2 import CheckAliveReply
from ray.core.generated.gcs_service_pb2_grpc import (
    NodeInfoGcsServiceServicer,
    add_NodeInfoGcsServiceServicer_to_server,
)

from actors.local_ray.ray_node import ENVIRONMENT
from benchmarks import nodes
from tests.cluster.local_bot import LocalBot, statistics, until

ROOT = Path(__file__).parents[2]
PROBLEM = 1
PATIENCE_S = 120
LONG_MS = 1000
WITHOUT_OUR_CODE = """
import os, sys
sys.path[:] = [each for each in sys.path if not os.path.isdir(os.path.join(each, "crabstick"))]
"""
"""Python runs this at its start, after it has found what is installed."""


def check(address: str, folder: Path) -> tuple[dict[str, str], str]:
    """The findings by subject, and the sentence of the error; run in a folder without code.

    Ray itself warns, with its time in brackets, when there is no network but loopback.
    """
    done = subprocess.run(
        [sys.executable, "-m", "crabstick", "check", "--cluster", "--address", address],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    ours = [line for line in done.stderr.splitlines() if not line.startswith("[")]
    assert (done.returncode, len(ours)) == (PROBLEM, 1), done.stderr
    findings: dict[str, str] = {}
    for line in done.stdout.splitlines():
        subject, _, words = line.partition(": ")
        findings[subject] = f"{findings.get(subject, '')}{words}\n"
    return findings, ours[0]


@contextmanager
def bare_node(bot: LocalBot, name: str, variables: dict[str, str]) -> Iterator[None]:
    """A node that has only these variables of ours."""
    inherited = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("LICHESS", "CRABSTICK", "RAY_gcs"))
    }
    child = nodes._start(nodes._command(bot.ray.address, 1, name), {**inherited, **variables})
    try:
        yield
    finally:
        nodes._end(child)


def a_folder_with_other_code(folder: Path) -> Path:
    for package in ("actors", "crabstick", "engine"):
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").write_text("", encoding="utf-8")
    text = '__version__ = "0.0.7"\n'
    (folder / "crabstick" / "__init__.py").write_text(text, encoding="utf-8")
    return folder


def a_folder_without_code(folder: Path) -> Path:
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(WITHOUT_OUR_CODE, encoding="utf-8")
    return folder


class OtherRay(NodeInfoGcsServiceServicer):  # type: ignore[misc]  # made by protoc
    """The head of a cluster of another Ray version."""

    def CheckAlive(self, _request: object, _context: object) -> CheckAliveReply:  # noqa: N802
        return CheckAliveReply(ray_version="2.59.1")


def test_a_cluster_of_another_ray_is_named_with_both_versions(tmp_path: Path) -> None:
    server = grpc.server(ThreadPoolExecutor(max_workers=1))
    add_NodeInfoGcsServiceServicer_to_server(OtherRay(), server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        findings, problem = check(address, tmp_path)
    finally:
        server.stop(grace=None)
    assert findings.keys() == {"settings"}
    assert f"the cluster at {address} runs Ray 2.59.1, this is Ray {ray.__version__}" in problem
    assert "both sides need the same Ray" in problem


def test_the_one_problem_of_a_single_machine_is_games_on_the_head(
    bot: LocalBot, tmp_path: Path
) -> None:
    findings, problem = check(bot.ray.address, tmp_path)
    assert "offers 12 CPUs for games, which would disturb the bot and each other" in problem
    assert findings["cluster"].startswith(f"Ray {ray.__version__} with Python ")
    assert findings["autoscaler"] == "none, so the cluster does not grow\n"
    assert findings["code"] == "the same on every node, and here\n"
    assert findings["Lichess token"] == "on every node\n"
    assert findings["variables"] == "Ray's own are alike on every node\n"
    assert findings["clocks"] == "within a second of each other\n"
    assert findings["nodes"] == "all were looked at\n"
    assert bot.token not in f"{findings}{problem}"


@pytest.mark.timeout(400)
async def test_a_node_that_differs_is_named_and_not_kept_alive(
    bot: LocalBot, tmp_path: Path
) -> None:
    before = await statistics()
    stranger = {
        "PYTHONPATH": str(a_folder_without_code(tmp_path / "stranger")),
        "RAY_NODE_TYPE_NAME": "game",
        "RAY_worker_niceness": "7",
    }
    with bare_node(bot, "stranger", stranger):
        findings, _ = check(bot.ray.address, tmp_path)
        assert "stranger) has no code of crabstick" in findings["code"]
        assert "stranger) has no Lichess token" in findings["Lichess token"]
        assert "stranger) has RAY_worker_niceness=7, and the head has" in findings["variables"]
        assert "stranger) has no RAY_gcs_rpc_server_reconnect" in findings["variables"]
        assert "no autoscaler runs, so no node comes" in findings["autoscaler"]
        await until(lambda: idle_ms("stranger"), lambda idle: idle > LONG_MS)
    assert (await statistics())["games"] == before["games"]


@pytest.mark.long
@pytest.mark.timeout(400)
async def test_a_node_with_other_code_is_named(bot: LocalBot, tmp_path: Path) -> None:
    old = {
        **ENVIRONMENT,
        "PYTHONPATH": str(a_folder_with_other_code(tmp_path / "old")),
        "LICHESS_BOT_TOKEN": bot.token,
    }
    with bare_node(bot, "old", old):
        findings, _ = check(bot.ray.address, tmp_path)
    assert "old) has crabstick 0.0.7 with other code than this" in findings["code"]
    assert findings["Lichess token"] == "on every node\n"
    assert findings["variables"] == "Ray's own are alike on every node\n"


async def idle_ms(name: str) -> int:
    """How long the node has been idle, for the autoscaler."""
    every = ray.nodes()  # type: ignore[no-untyped-call]  # Ray's
    (node,) = [each["NodeID"] for each in every if each["Alive"] and each["NodeName"] == name]
    reply = GetClusterStatusReply()
    gcs = GcsClient(address=ray.get_runtime_context().gcs_address)
    reply.ParseFromString(gcs.get_cluster_status(timeout_s=5))
    states = {each.node_id.hex(): each for each in reply.cluster_resource_state.node_states}
    return int(states[node].idle_duration_ms)
