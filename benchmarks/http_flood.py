"""`python -m benchmarks.http_flood`: whether moves are slowed while the HTTP endpoints are flooded.

As in `handover`: a local Lichess, an engine that answers after exactly 100 ms, and opponents
that never stop challenging. Calm and flood take turns, so that other work on the machine
slows both alike. What a move lost is the time from the server's writing of the opponent's move to
the arrival of ours, less the 100 ms.
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import fmean

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.bot_settings import BOT
from benchmarks.elastic_rig import (
    THINK_MS,
    ElasticRig,
    Opponents,
    running_elastic_rig,
    until_all_play,
)
from benchmarks.results import run_benchmark
from benchmarks.summaries import (
    SPREAD_COLUMNS,
    Game,
    Spread,
    moves_of,
    overheads_ms,
    spread,
    spread_cells,
)

THINK = timedelta(milliseconds=500)
SETTLE_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    label: str
    loss: Spread | None
    busy: float
    """The share of all cores that was in use, by any process."""
    answers_a_second: Mapping[str, float]
    """By status."""


@dataclass(slots=True, kw_only=True)
class Period:
    """Some seconds of calm, or of flood."""

    label: str
    began_ms: float = 0.0
    ended_ms: float = 0.0
    busy: float = 0.0
    rates: dict[str, float] = field(default_factory=dict)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures; returns the exit status."""
    options = _parse(arguments)
    return run_benchmark(
        "flood", lambda console: _measure_all(options, console), _table, vars(options)
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.http_flood", description=__doc__)
    parser.add_argument("--games", type=int, default=4, help="at once")
    parser.add_argument("--standby", type=int, default=1, help="actors that wait")
    parser.add_argument("--rounds", type=int, default=5, help="of calm and flood")
    parser.add_argument("--seconds", type=float, default=20, help="of each")
    parser.add_argument("--connections", type=int, default=32, help="of the flood")
    return parser.parse_args(arguments)


def _measure_all(options: argparse.Namespace, console: Console) -> list[Row]:
    with running_elastic_rig(options.games, options.standby) as rig:
        return asyncio.run(_measure(rig, options, console))


async def _measure(rig: ElasticRig, options: argparse.Namespace, console: Console) -> list[Row]:
    periods = []
    async with Opponents(rig.lichess, options.games, THINK):
        await until_all_play(rig, options.games)
        for number in range(options.rounds):
            console.print(f"round {number + 1} of {options.rounds} …")
            calm, flood = Period(label="calm"), Period(label="flood")
            await _measure_busy(calm, options.seconds)
            async with _flood(rig.settings.http.port, options.connections, flood):
                await _measure_busy(flood, options.seconds)
            periods += [calm, flood]
    games = rig.lichess.ledger()["games"]
    return [_row(label, periods, games) for label in ("calm", "flood")]


async def _measure_busy(period: Period, seconds: float) -> None:
    await asyncio.sleep(SETTLE_S)
    psutil.cpu_percent()
    period.began_ms = time.time() * 1000
    await asyncio.sleep(seconds)
    period.ended_ms = time.time() * 1000
    period.busy = psutil.cpu_percent() / 100


def _row(label: str, periods: Sequence[Period], games: Collection[Game]) -> Row:
    ours = [period for period in periods if period.label == label]
    losses = [loss_ms for period in ours for loss_ms in _losses_ms(period, games)]
    statuses = sorted({status for period in ours for status in period.rates})
    return Row(
        label=label,
        loss=spread(losses),
        busy=fmean(period.busy for period in ours),
        answers_a_second={
            status: fmean(period.rates.get(status, 0.0) for period in ours) for status in statuses
        },
    )


def _losses_ms(period: Period, games: Collection[Game]) -> list[float]:
    moves = moves_of(games, BOT, before_ms=period.ended_ms)
    within = [move for move in moves if move["received_ms"] >= period.began_ms]
    return [overhead_ms - THINK_MS for overhead_ms in overheads_ms(within)]


def _table(rows: Sequence[Row]) -> Table:
    table = Table(title="clock lost by a move, ms", title_justify="left", box=None)
    for head in ("", *SPREAD_COLUMNS, "machine busy", "answers a second"):
        table.add_column(head, justify="right" if head else "left")
    for row in rows:
        rates = [f"{rate:.0f} of {status}" for status, rate in row.answers_a_second.items()]
        table.add_row(
            row.label, *spread_cells(row.loss), f"{row.busy:.0%}", ", ".join(rates) or "-"
        )
    return table


@asynccontextmanager
async def _flood(port: int, connections: int, period: Period) -> AsyncIterator[None]:
    """Floods the endpoints in the block; afterwards the period holds the rate of each status."""
    command = ("-m", "benchmarks.http_flood_client", str(port), f"--connections={connections}")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, stdout=asyncio.subprocess.PIPE
    )
    try:
        if process.stdout is not None:
            await process.stdout.readline()  # the flood has begun
        yield
    finally:
        process.terminate()
        line, _ = await process.communicate()
    result = json.loads(line)
    period.rates = {
        status: n / result["seconds"] for status, n in sorted(result["answers"].items())
    }


if __name__ == "__main__":
    sys.exit(main())
