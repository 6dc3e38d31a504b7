"""`python -m benchmarks.moves`: what a move costs, with an instant engine, by games at once.

A local Lichess, a Ray cluster for each number of games, and opponents that think for a second.
Every challenge finds a warm standby, and no actor starts while games run, so the figures measure
only the way from a stream line to our POST. Times are the sandbox's own: from its writing of the
opponent's move to the arrival of ours. A bare bot plays the same round first: the ratio to its
figures says more than the milliseconds of one machine.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from datetime import timedelta

from rich.console import Console
from rich.table import Table

from benchmarks.baseline_bot import baseline_bot
from benchmarks.bot_settings import BOT
from benchmarks.game_round import Round, play_round
from benchmarks.meter import Meter
from benchmarks.process_usage import ActorProcesses
from benchmarks.results import run_benchmark
from benchmarks.rig import Rig, actor_pids, running_rig, wait_standbys
from benchmarks.summaries import (
    COLUMNS,
    Row,
    accepts_ms,
    cells,
    first_moves_ms,
    moves_of,
    overheads_ms,
    spread,
)
from crabstick.sandbox.testing import RunningSandbox

GAMES = (1, 8, 32)
MOVES = 25
GAP = timedelta(milliseconds=300)
BURST_GAMES = 8
BURST_MOVES = 4
SETTLE_S = 3
"""How long the idle actors are measured before the first challenge."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures; returns the exit status."""
    options = _parse(arguments)
    return run_benchmark("moves", lambda console: _measure_all(options, console), _table)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.moves", description=__doc__)
    parser.add_argument("--games", type=int, nargs="+", default=list(GAMES), help="at once")
    parser.add_argument("--moves", type=int, default=MOVES, help="of ours in each game")
    return parser.parse_args(arguments)


def _measure_all(options: argparse.Namespace, console: Console) -> list[Row]:
    rows: list[Row] = []
    for games in options.games:
        console.print(f"{games} at once: the baseline, a bare bot without Ray …")
        with baseline_bot(BOT, games) as lichess:
            rows.append(asyncio.run(_baseline(lichess, games, options.moves)))
        console.print(f"{games} at once: starting Ray, the bot and as many standbys …")
        with running_rig(games) as rig:
            rows += asyncio.run(_measure(rig, games, options.moves))
    return rows


async def _measure(rig: Rig, games: int, moves: int) -> list[Row]:
    """Plays games that begin one after the other; eight games are played in a burst as well."""
    rows = [await _steady(rig, Round(games=games, moves=moves, gap=GAP))]
    if games == BURST_GAMES:
        rows.append(await _burst(rig, Round(games=games, moves=BURST_MOVES, gap=timedelta(0))))
    return rows


async def _baseline(lichess: RunningSandbox, games: int, moves: int) -> Row:
    ids = await play_round(lichess, Round(games=games, moves=moves, gap=GAP))
    ledger = lichess.ledger()
    played = [game for game in ledger["games"] if game["id"] in ids]
    return Row(
        label=f"{games}, baseline bot",
        overhead=spread(overheads_ms(moves_of(played, BOT))),
        accept=spread(accepts_ms(ledger, played)),
        first_move=None,  # this bot starts an engine only then
    )


async def _steady(rig: Rig, plan: Round) -> Row:
    await wait_standbys(plan.games)
    meter = Meter(ActorProcesses.of(await actor_pids()))
    await asyncio.sleep(SETTLE_S)
    meter.note_idle()
    ids = await play_round(rig.lichess, plan, on_all_started=meter.start, on_first_end=meter.stop)
    ledger = rig.lichess.ledger()
    games = [game for game in ledger["games"] if game["id"] in ids]
    measured = moves_of(games, BOT, before_ms=meter.ended_ms)
    in_window = sum(move["received_ms"] >= meter.began_ms for move in measured)
    return Row(
        label=str(plan.games),
        overhead=spread(overheads_ms(measured)),
        accept=spread(accepts_ms(ledger, games)),
        first_move=spread(first_moves_ms(ledger, games, BOT)),
        costs=meter.costs(in_window),
        ray_start_s=rig.ray_start_s,
        bot_start_s=rig.bot_start_s,
    )


async def _burst(rig: Rig, plan: Round) -> Row:
    """Plays a round in which all challenges come at the same moment."""
    await wait_standbys(plan.games)
    ids = await play_round(rig.lichess, plan)
    ledger = rig.lichess.ledger()
    games = [game for game in ledger["games"] if game["id"] in ids]
    return Row(
        label=f"{plan.games}, a burst",
        overhead=spread(overheads_ms(moves_of(games, BOT))),
        accept=spread(accepts_ms(ledger, games)),
        first_move=spread(first_moves_ms(ledger, games, BOT)),
    )


def _table(rows: Sequence[Row]) -> Table:
    table = Table(title="what a move costs", title_justify="left", box=None)
    for head, below in COLUMNS:
        table.add_column(f"{head}\n{below}", justify="right")
    for row in rows:
        table.add_row(*cells(row))
    return table


if __name__ == "__main__":
    sys.exit(main())
