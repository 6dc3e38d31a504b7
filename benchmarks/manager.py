"""`python -m benchmarks.manager`: what the WorkerSet costs per second, by games at once.

A local Lichess, a local Ray cluster, one bot; more and more opponents that think for some seconds.
For each number of games: the CPU time of WorkerSet and EventListener while all of them run.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import psutil
from ray import serve
from rich.console import Console
from rich.table import Table

from actors.clients import find_listener, find_worker_set
from actors.ops.fingerprint import actor_config
from benchmarks.bot_settings import BOT, NAMESPACE, bot_settings, engine_program
from benchmarks.elastic_rig import CLOCK, Opponents, until
from benchmarks.process_usage import MIB
from benchmarks.results import run_benchmark
from crabstick.errors import EnvironmentProblem
from crabstick.sandbox.testing import RunningSandbox
from crabstick.terminal.local_stack import local_cluster, local_lichess
from crabstick.terminal.running_bot import deploy_bot, fetch_statistics

GAMES = (0, 1, 10, 100)
STANDBYS = 2
THINK = timedelta(seconds=4)
"""How long each opponent thinks about a move."""
SETTLE_S = 15
"""Until no actor starts any more."""
WINDOW_S = 30
START_LIMIT = timedelta(seconds=600)
ASK_LIMIT = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one number of games costs: CPU milliseconds a second, and USS in MiB at the end."""

    games: int
    worker_set_cpu_ms: float
    listener_cpu_ms: float
    worker_set_mib: float
    machine_busy: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures; returns the exit status."""
    options = _parse(arguments)
    return run_benchmark("manager", lambda console: _measure_all(options.games, console), _table)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.manager", description=__doc__)
    parser.add_argument("--games", type=int, nargs="+", default=list(GAMES), help="at once")
    return parser.parse_args(arguments)


def _measure_all(numbers: Sequence[int], console: Console) -> list[Row]:
    most = max(numbers)
    players = [BOT, *(f"sparring{number}" for number in range(1, most + 1))]
    with local_lichess(players) as lichess, tempfile.TemporaryDirectory() as folder:
        engine = engine_program(Path(folder), "--mode", "instant")
        settings = bot_settings(lichess.url, engine, CLOCK, games=most, standby=STANDBYS)
        with local_cluster(settings, lichess.token(BOT)):
            deploy_bot(actor_config(settings, BOT), Console(quiet=True))
            rows = asyncio.run(_measure_each(lichess, sorted(numbers), console))
            serve.shutdown()  # type: ignore[no-untyped-call]
    return rows


async def _measure_each(
    lichess: RunningSandbox, numbers: Sequence[int], console: Console
) -> list[Row]:
    rows: list[Row] = []
    async with AsyncExitStack() as stack:
        for before, games in pairwise((0, *numbers)):
            more = Opponents(lichess, games - before, THINK, first=before + 1)
            await stack.enter_async_context(more)
            console.print(f"{games} games …")
            rows.append(await _measure(games))
    return rows


async def _measure(games: int) -> Row:
    async def all_play() -> bool:
        statistics = await fetch_statistics(NAMESPACE)
        running = statistics.games if statistics else ()
        return sum(bool(game.actor) for game in running) >= games

    await until("all games run", all_play, START_LIMIT)
    await asyncio.sleep(SETTLE_S)
    managers = await _managers()
    before_s, began_s = [_cpu_s(process) for process in managers], time.monotonic()
    psutil.cpu_percent()
    await asyncio.sleep(WINDOW_S)
    passed_s = time.monotonic() - began_s
    used = [
        1000 * (_cpu_s(process) - cpu_s) / passed_s
        for process, cpu_s in zip(managers, before_s, strict=True)
    ]
    return Row(
        games=games,
        worker_set_cpu_ms=used[0],
        listener_cpu_ms=used[1],
        worker_set_mib=managers[0].memory_full_info().uss / MIB,
        machine_busy=psutil.cpu_percent() / 100,
    )


async def _managers() -> list[psutil.Process]:
    worker_set, listener = await find_worker_set(NAMESPACE), await find_listener(NAMESPACE)
    if worker_set is None or listener is None:
        raise EnvironmentProblem("a manager of the bot is gone")
    pids = (await worker_set.describe(ASK_LIMIT)).pid, (await listener.describe(ASK_LIMIT)).pid
    return [psutil.Process(pid) for pid in pids]


def _cpu_s(process: psutil.Process) -> float:
    used = process.cpu_times()
    return used.user + used.system


def _table(rows: Sequence[Row]) -> Table:
    table = Table(title="what the managers cost", title_justify="left", box=None)
    for head in ("games", "WorkerSet", "EventListener", "WorkerSet", "machine"):
        table.add_column(head, justify="right")
    table.add_row("", "CPU ms/s", "CPU ms/s", "USS MiB", "busy")
    for row in rows:
        table.add_row(
            str(row.games),
            f"{row.worker_set_cpu_ms:.1f}",
            f"{row.listener_cpu_ms:.1f}",
            f"{row.worker_set_mib:.0f}",
            f"{row.machine_busy:.0%}",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
