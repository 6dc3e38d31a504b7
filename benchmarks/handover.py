"""`python -m benchmarks.handover`: what a drain, and what a kill -9, costs a game's clock.

A local Lichess, a local Ray cluster with nodes that come and go, an engine that answers after
exactly 100 ms, and opponents that never stop challenging. Nodes are drained at random times while
all games run; what a move lost is the time from the arrival of the opponent's move to that of ours,
less the 100 ms. Then actors are killed at random times.
"""

import argparse
import asyncio
import os
import random
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from rich.console import Console
from rich.table import Table

from actors.clients import EngineActorClient
from actors.cluster import drain_node, find_actor, read_nodes
from actors.ops.find_node import is_alive
from benchmarks.bot_settings import BOT, NAMESPACE
from benchmarks.elastic_rig import (
    THINK_MS,
    ElasticRig,
    Opponents,
    running_elastic_rig,
    until,
    until_all_play,
)
from benchmarks.results import run_benchmark
from benchmarks.summaries import SPREAD_COLUMNS, Spread, spread, spread_cells
from benchmarks.takeover_timing import plain_losses_ms, reopened_ms, takeovers_of
from crabstick.errors import EnvironmentProblem
from crabstick.rules.cluster_view import ClusterNode

DEADLINE = timedelta(seconds=120)
SETTLE_S = 3.0
NODE_SETTLE_S = 10.0
"""Two agents of Ray start with a node; in production they have a machine of their own."""
ASK_LIMIT = timedelta(seconds=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table."""

    label: str
    figures: Spread | None


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures; returns the exit status."""
    options = _parse(arguments)
    return run_benchmark(
        "handover", lambda console: _measure_all(options, console), _table, vars(options)
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.handover", description=__doc__)
    parser.add_argument("--games", type=int, default=4, help="at once")
    parser.add_argument("--standby", type=int, default=1, help="actors that wait")
    parser.add_argument("--drains", type=int, default=25, help="of the node that all games are on")
    parser.add_argument("--kills", type=int, default=30, help="of a playing actor")
    parser.add_argument("--think-ms", type=int, default=500, help="of opponents, on average")
    return parser.parse_args(arguments)


def _measure_all(options: argparse.Namespace, console: Console) -> list[Row]:
    with running_elastic_rig(options.games, options.standby) as rig:
        return asyncio.run(_measure(rig, options, console))


async def _measure(rig: ElasticRig, options: argparse.Namespace, console: Console) -> list[Row]:
    think = timedelta(milliseconds=options.think_ms)
    rng = random.Random(1)  # noqa: S311 -- times, not secrets
    async with Opponents(rig.lichess, options.games, think) as opponents:
        await until_all_play(rig, options.games)
        for number in range(options.drains):
            console.print(f"drain {number + 1} of {options.drains} …")
            await _drain_all(rig, rng, options.games)
        rows = _of_drains(rig)
        opponents.think = timedelta(milliseconds=THINK_MS)
        killed = [await _kill_one(rig, rng) for _ in range(options.kills)]
        await asyncio.sleep(SETTLE_S)
    return rows + _of_kills(rig, killed)


async def _drain_all(rig: ElasticRig, rng: random.Random, games: int) -> None:
    """Starts a fresh node, and drains the one that all games are on."""
    old = [node for node in read_nodes() if not node.is_head]
    await asyncio.to_thread(rig.join)
    await until_all_play(rig, games)
    await asyncio.sleep(NODE_SETTLE_S + rng.random())
    for node in old:
        await asyncio.to_thread(drain_node, node.id, DEADLINE)
    for node in old:
        await _until_gone(node)
        await asyncio.to_thread(rig.retire, node)
    await asyncio.sleep(SETTLE_S)


async def _until_gone(node: ClusterNode) -> None:
    async def is_gone() -> bool:
        return not await asyncio.to_thread(is_alive, node)

    await until("the node is empty", is_gone)


async def _kill_one(rig: ElasticRig, rng: random.Random) -> tuple[str, float]:
    """Kills an actor in its game; returns the game and when, in Unix ms."""
    await asyncio.sleep(SETTLE_S + rng.random())
    await until("an actor is warm", rig.has_standby)  # a new game may have taken the last one
    game, actor = rng.choice(sorted((await rig.playing()).items()))
    handle = await find_actor(actor, NAMESPACE)
    if handle is None:
        raise EnvironmentProblem(f"{actor} is gone")
    pid = (await EngineActorClient(handle).describe(ASK_LIMIT)).pid
    killed_ms = time.time() * 1000
    os.kill(pid, signal.SIGKILL)
    return game, killed_ms


def _of_drains(rig: ElasticRig) -> list[Row]:
    ledger = rig.lichess.ledger()
    takeovers = takeovers_of(ledger, BOT)
    lost = [takeover.lost_ms(THINK_MS) for takeover in takeovers]
    hit = [takeover.lost_ms(THINK_MS) for takeover in takeovers if takeover.is_hit]
    plain = plain_losses_ms(ledger["games"], BOT, takeovers, THINK_MS)
    return [
        Row(label="clock lost, any move", figures=spread(plain)),
        Row(label="clock lost, hand-overs", figures=spread(lost)),
        Row(label="… the opponent moved meanwhile", figures=spread(hit)),
    ]


def _of_kills(rig: ElasticRig, killed: Sequence[tuple[str, float]]) -> list[Row]:
    ledger = rig.lichess.ledger()
    opened = [(reopened_ms(ledger, game, BOT, at_ms), at_ms) for game, at_ms in killed]
    takeovers = {(one.game, one.opened_ms): one for one in takeovers_of(ledger, BOT)}
    hit = [
        takeover.moved_ms - at_ms
        for (game, at_ms), (opened_ms, _) in zip(killed, opened, strict=True)
        if (takeover := takeovers.get((game, opened_ms or 0))) and takeover.turn_ms < at_ms
    ]
    back = [opened_ms - at_ms for opened_ms, at_ms in opened if opened_ms is not None]
    return [
        Row(label="death → game stream again", figures=spread(back)),
        Row(label="death in our turn → move", figures=spread(hit)),
    ]


def _table(rows: Sequence[Row]) -> Table:
    table = Table(title="what a change of actors costs, ms", title_justify="left", box=None)
    for head in ("", *SPREAD_COLUMNS):
        table.add_column(head, justify="right" if head else "left")
    for row in rows:
        table.add_row(row.label, *spread_cells(row.figures))
    return table


if __name__ == "__main__":
    sys.exit(main())
