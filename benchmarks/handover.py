"""`python -m benchmarks.handover`: what a drain, and what a kill -9, costs a game's clock.

A local Lichess, a Ray of its own with nodes that come and go, an engine that answers after exactly
100 ms, and opponents that never stop challenging. Nodes are drained at random moments while all
games run; what a move lost is the time from the arrival of the opponent's move to that of ours,
less the 100 ms. Then actors are killed at random moments.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta

from ray import serve
from rich.console import Console
from rich.table import Table

from actors.clients import EngineActorClient
from actors.cluster import find_actor, read_nodes
from actors.ops.drain import drain_node, is_alive
from benchmarks.bots import BOT, NAMESPACE
from benchmarks.fleet import THINK_MS, Fleet, Opponents, fleet, until
from benchmarks.processes import machine
from benchmarks.results import write_result
from benchmarks.summaries import Spread, spread
from benchmarks.takeover_timing import changes_of, plain_losses_ms, reopened_ms
from crabstick.errors import CrabstickError, EnvironmentProblem
from crabstick.rules.cluster_view import ClusterNode

__all__ = ["main"]

DEADLINE = timedelta(seconds=120)
SETTLE_S = 3.0
NODE_SETTLE_S = 10.0
"""Two agents of Ray start with a node; in life they have a machine of their own."""
ASK_LIMIT = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    label: str
    figures: Spread | None


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
    path = write_result("handover", machine=facts, options=vars(options), rows=told)
    console.print(f"also in {path}", soft_wrap=True)
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.handover", description=__doc__)
    parser.add_argument("--games", type=int, default=4, help="at once")
    parser.add_argument("--standby", type=int, default=1, help="actors that wait")
    parser.add_argument("--drains", type=int, default=25, help="of the node that all play on")
    parser.add_argument("--kills", type=int, default=30, help="of an actor that plays")
    parser.add_argument("--think-ms", type=int, default=500, help="of opponents, on average")
    return parser.parse_args(arguments)


async def _measure(ready: Fleet, options: argparse.Namespace, console: Console) -> list[Row]:
    think = timedelta(milliseconds=options.think_ms)
    rng = random.Random(1)  # noqa: S311 -- moments, not secrets
    async with Opponents(ready.lichess, options.games, think) as opponents:
        await _until_all_play(ready, options.games)
        for number in range(options.drains):
            console.print(f"drain {number + 1} of {options.drains} …")
            await _drain_all(ready, rng, options.games)
        rows = _of_drains(ready)
        opponents.think = timedelta(milliseconds=THINK_MS)
        killed = [await _kill_one(ready, rng) for _ in range(options.kills)]
        await asyncio.sleep(SETTLE_S)
    return rows + _of_kills(ready, killed)


async def _until_all_play(ready: Fleet, games: int) -> None:
    async def play() -> bool:
        return len(await ready.playing()) >= games

    await until("all games run", play)


async def _drain_all(ready: Fleet, rng: random.Random, games: int) -> None:
    """A fresh node comes, and the one that all games are on is drained."""
    old = [node for node in read_nodes(ready.settings.cluster) if not node.is_head]
    await asyncio.to_thread(ready.join)
    await _until_all_play(ready, games)
    await asyncio.sleep(NODE_SETTLE_S + rng.random())
    for node in old:
        await asyncio.to_thread(drain_node, node, DEADLINE)
    for node in old:
        await _until_gone(ready, node)
        await asyncio.to_thread(ready.retire, node)
    await asyncio.sleep(SETTLE_S)


async def _until_gone(ready: Fleet, node: ClusterNode) -> None:
    async def is_gone() -> bool:
        return not await asyncio.to_thread(is_alive, node, ready.settings.cluster)

    await until("the node is empty", is_gone)


async def _kill_one(ready: Fleet, rng: random.Random) -> tuple[str, float]:
    """Kills an actor in its game; returns the game and when, in Unix ms."""
    await asyncio.sleep(SETTLE_S + rng.random())
    await until("an actor is warm", ready.has_standby)  # a new game may have taken the last one
    game, actor = rng.choice(sorted((await ready.playing()).items()))
    handle = await find_actor(actor, NAMESPACE)
    if handle is None:
        raise EnvironmentProblem(f"{actor} is gone")
    pid = (await EngineActorClient(handle).describe(ASK_LIMIT)).pid
    killed_ms = time.time() * 1000
    os.kill(pid, signal.SIGKILL)
    return game, killed_ms


def _of_drains(ready: Fleet) -> list[Row]:
    ledger = ready.lichess.ledger()
    changes = changes_of(ledger, BOT)
    lost = [change.lost_ms(THINK_MS) for change in changes]
    hit = [change.lost_ms(THINK_MS) for change in changes if change.is_hit]
    plain = plain_losses_ms(ledger["games"], BOT, changes, THINK_MS)
    return [
        Row(label="clock lost, any move", figures=spread(plain)),
        Row(label="clock lost, hand-overs", figures=spread(lost)),
        Row(label="… the opponent moved meanwhile", figures=spread(hit)),
    ]


def _of_kills(ready: Fleet, killed: Sequence[tuple[str, float]]) -> list[Row]:
    ledger = ready.lichess.ledger()
    opened = [(reopened_ms(ledger, game, BOT, at_ms), at_ms) for game, at_ms in killed]
    changes = {(change.game, change.opened_ms): change for change in changes_of(ledger, BOT)}
    hit = [
        change.moved_ms - at_ms
        for (game, at_ms), (opened_ms, _) in zip(killed, opened, strict=True)
        if (change := changes.get((game, opened_ms or 0))) and change.turn_ms < at_ms
    ]
    back = [opened_ms - at_ms for opened_ms, at_ms in opened if opened_ms is not None]
    return [
        Row(label="death → game stream again", figures=spread(back)),
        Row(label="death in our turn → move", figures=spread(hit)),
    ]


def _table(rows: Sequence[Row]) -> Table:
    table = Table(title="what a change of actors costs, ms", title_justify="left", box=None)
    for head in ("", "of", "p50", "p95", "p99", "max"):
        table.add_column(head, justify="right" if head else "left")
    for row in rows:
        seen = row.figures
        table.add_row(row.label, *(_cells(seen) if seen else ("0", "-", "-", "-", "-")))
    return table


def _cells(seen: Spread) -> tuple[str, ...]:
    figures = (seen.p50_ms, seen.p95_ms, seen.p99_ms, seen.max_ms)
    return (str(seen.count), *(f"{figure:.1f}" for figure in figures))


if __name__ == "__main__":
    sys.exit(main())
