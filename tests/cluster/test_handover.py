"""Nodes drain under running games, one by command and one by SIGTERM, and no game is lost."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from actors.cluster import read_nodes
from benchmarks.bot_settings import BOT, NAMESPACE
from benchmarks.elastic_rig import ElasticRig, running_elastic_rig, until, until_all_play
from crabstick.rules.cluster_view import ClusterNode
from crabstick.terminal.running_bot import fetch_statistics
from tests.chaos.opponents import Opponents
from tests.chaos.verdict import judge
from tests.chaos.worker_logs import WorkerLogs

pytestmark = [pytest.mark.cluster, pytest.mark.long, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
GAMES = 4
USAGE = 2
PATIENCE_S = 120
DRAIN_LIMIT = timedelta(seconds=60)
END_LIMIT = timedelta(seconds=120)


@pytest.fixture(scope="module")
def rig() -> Iterator[ElasticRig]:
    for name in ("RAY_gcs_storage", "RAY_gcs_storage_path", "RAY_ADDRESS"):
        os.environ.pop(name, None)  # another test's cluster has its store there
    with running_elastic_rig(GAMES, standby=2, drain_limit=DRAIN_LIMIT) as rig:
        yield rig


def drain(rig: ElasticRig, node: str) -> "subprocess.CompletedProcess[str]":
    """The command as a person types it."""
    command = [sys.executable, "-m", "crabstick", "drain", node, "--address", rig.address]
    more = {"PYTHONPATH": str(ROOT), "CRABSTICK__CLUSTER__NAMESPACE": NAMESPACE}
    return subprocess.run(
        command,
        cwd=rig.folder,
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def workers() -> list[ClusterNode]:
    return [node for node in read_nodes() if not node.is_head]


async def count(name: str) -> float:
    """A counter of the WorkerSet."""
    statistics = await fetch_statistics(NAMESPACE)
    assert statistics is not None
    shown: dict[str, Any] = statistics.shown()
    return float(sum(shown["ledger"]["values"].get(name, {}).values()))


def test_games_outlive_the_drain_of_their_nodes(rig: ElasticRig) -> None:
    handovers, takeovers = asyncio.run(_drain_twice(rig))
    assert handovers >= GAMES  # one may be over before its node drains
    assert takeovers == 0
    logs = WorkerLogs(rig.folder / "ray")
    logs.read()
    assert judge(rig.lichess.ledger(), logs.intended, (), BOT).breaches == ()


async def _drain_twice(rig: ElasticRig) -> tuple[float, float]:
    names = [account.name for account in rig.lichess.accounts if account.name != BOT]
    tokens = {name: rig.lichess.token(name) for name in names}
    async with Opponents(rig.lichess.url, tokens, BOT, seed=1) as opponents:
        await until_all_play(rig, GAMES)
        await _drain_by_command(rig)
        await until_all_play(rig, GAMES)
        await _drain_by_signal(rig)
        await until_all_play(rig, GAMES)
        await opponents.end(END_LIMIT)
        return await count("crabstick_handovers_total"), await count("crabstick_takeovers_total")


async def _drain_by_command(rig: ElasticRig) -> None:
    refused = await asyncio.to_thread(drain, rig, "nowhere")
    assert refused.returncode == USAGE, refused.stderr
    assert re.search(r"no node of this cluster is called 'nowhere'.*\(\d+\.\d+", refused.stderr)
    (node,) = workers()
    await asyncio.to_thread(rig.join)
    drained = await asyncio.to_thread(drain, rig, node.id[:16])
    assert drained.returncode == 0, drained.stderr
    lines = drained.stdout.splitlines()
    assert "drains within 120 s" in lines[0]
    assert lines[-1].endswith("has left the cluster")
    assert node.id not in [each.id for each in workers()]


async def _drain_by_signal(rig: ElasticRig) -> None:
    """`ray start` ends by itself as soon as its node is empty."""
    (node,) = workers()
    await asyncio.to_thread(rig.join)
    process = rig.processes[node.id]
    process.send_signal(signal.SIGTERM)

    async def has_ended() -> bool:
        return process.poll() is not None

    await until("the node has ended", has_ended)
