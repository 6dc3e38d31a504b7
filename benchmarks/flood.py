"""`python -m benchmarks.flood`: whether moves are slowed while the HTTP endpoints are flooded.

The stage of `handover`: a local Lichess, an engine that answers after exactly 100 ms, and opponents
that never stop challenging. Calm and flood take turns, so that whatever else goes on in the machine
hits both alike. What a move lost is the time from the server's writing of the opponent's move to
the arrival of ours, less the 100 ms.
"""

import argparse
import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from statistics import fmean

import psutil
from ray import serve
from rich.console import Console
from rich.table import Table

from benchmarks.bots import BOT
from benchmarks.fleet import THINK_MS, Fleet, Opponents, fleet, until
from benchmarks.processes import machine
from benchmarks.results import write_result
from benchmarks.summaries import Game, Spread, moves_of, overheads_ms, spread
from crabstick.errors import CrabstickError

__all__ = ["main"]

THINK = timedelta(milliseconds=500)
SETTLE_S = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    label: str
    loss: Spread | None
    busy: float
    """The share of all cores that was in use, by whomever."""
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
    """Measures, shows the table and writes the JSON file; returns the exit status."""
    options = _parse(arguments)
    console = Console()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    facts = machine()
    try:
        with fleet(options.games, options.standby) as ready:
            rows = asyncio.run(_measure(ready, options, console))
            serve.shutdown()  # type: ignore[no-untyped-call]
    except CrabstickError as error:
        console.print(f"bench: {error}", soft_wrap=True)
        return 1
    except KeyboardInterrupt:
        return 130
    console.print(_table(rows))
    told = [asdict(row) for row in rows]
    path = write_result("flood", machine=facts, options=vars(options), rows=told)
    console.print(f"also in {path}", soft_wrap=True)
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.flood", description=__doc__)
    parser.add_argument("--games", type=int, default=4, help="at once")
    parser.add_argument("--standby", type=int, default=1, help="actors that wait")
    parser.add_argument("--rounds", type=int, default=5, help="of calm and flood")
    parser.add_argument("--seconds", type=float, default=20, help="of each")
    parser.add_argument("--connections", type=int, default=32, help="of the flood")
    return parser.parse_args(arguments)


async def _measure(ready: Fleet, options: argparse.Namespace, console: Console) -> list[Row]:
    periods = []
    async with Opponents(ready.lichess, options.games, THINK):
        await until("all games run", lambda: _all_play(ready, options.games))
        for number in range(options.rounds):
            console.print(f"round {number + 1} of {options.rounds} …")
            calm, flood = Period(label="calm"), Period(label="flood")
            await _watch(calm, options.seconds)
            async with _flood(ready.settings.http.port, options.connections, flood):
                await _watch(flood, options.seconds)
            periods += [calm, flood]
    games = ready.lichess.ledger()["games"]
    return [_row(label, periods, games) for label in ("calm", "flood")]


async def _all_play(ready: Fleet, games: int) -> bool:
    return len(await ready.playing()) >= games


async def _watch(period: Period, seconds: float) -> None:
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
    for head in ("", "of", "p50", "p95", "p99", "max", "machine busy", "answers a second"):
        table.add_column(head, justify="right" if head else "left")
    for row in rows:
        seen = row.loss
        figures = (seen.p50_ms, seen.p95_ms, seen.p99_ms, seen.max_ms) if seen else ()
        cells = [f"{figure:.1f}" for figure in figures] or ["-"] * 4
        told = ", ".join(f"{rate:.0f} of {status}" for status, rate in row.answers_a_second.items())
        count = str(seen.count) if seen else "0"
        table.add_row(row.label, count, *cells, f"{row.busy:.0%}", told or "-")
    return table


@asynccontextmanager
async def _flood(port: int, connections: int, period: Period) -> AsyncIterator[None]:
    """Runs in the block; the period learns what was answered."""
    words = ("-m", "benchmarks.http_load", str(port), f"--connections={connections}")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *words, stdout=asyncio.subprocess.PIPE
    )
    try:
        if process.stdout is not None:
            await process.stdout.readline()  # it has begun
        yield
    finally:
        process.terminate()
        told, _ = await process.communicate()
    seen = json.loads(told)
    period.rates = {status: n / seen["seconds"] for status, n in sorted(seen["answers"].items())}


if __name__ == "__main__":
    sys.exit(main())
