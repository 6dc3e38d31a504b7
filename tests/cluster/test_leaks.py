"""After many short games the bot holds what it held after a few: nothing leaks."""

import asyncio
import os
import random
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass

import chess
import psutil
import pytest
from ray._private.state import actors as actor_table

from actors.clients import EVENT_LISTENER, WORKER_SET, is_engine_actor
from crabstick.sandbox.move_policies import random_mover
from tests.cluster.local_bot import BOT, CLOCK, LocalBot, pid_of, statistics, until, wait_no_game

pytestmark = pytest.mark.cluster

WARM_UP = 100
AT_ONCE = 6
MOVES = 3
STANDBYS = 3
FEW_PROCESSES = 2
"""A worker that Ray has just started, or not yet ended."""
FEW_FILES = 4
"""Connections that come and go: a scrape, Ray's own calls."""
FEW_MIB = 1
MOST_ACTORS = AT_ONCE + STANDBYS
"""At once; each plays a hundred games."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holdings:
    """What the bot and its Ray hold while no game is played."""

    processes: int
    zombies: list[str]
    """Ended children of our processes that no parent has reaped."""
    files: dict[str, int]
    """Open files and sockets of our long-lived processes."""
    memory_mib: dict[str, float]
    """Their USS."""
    engine_actors: int
    """Those that Ray has ever started here, by its table."""


@pytest.mark.parametrize(
    "games",
    [
        pytest.param(200, marks=[pytest.mark.long, pytest.mark.timeout(900)]),
        pytest.param(1000, marks=[pytest.mark.soak, pytest.mark.timeout(5400)]),
    ],
)
def test_many_games_leave_no_more_than_a_few(bot: LocalBot, games: int) -> None:
    async def story() -> tuple[Holdings, Holdings]:
        await wait_no_game()
        await play(bot, WARM_UP)
        early = await holdings(bot)
        await play(bot, games - WARM_UP)
        return early, await holdings(bot)

    early, late = asyncio.run(story())
    ledger = bot.sandbox.ledger()
    assert sum(game["status"] in {"resign", "mate"} for game in ledger["games"]) >= games
    assert late.processes <= early.processes + FEW_PROCESSES
    assert late.zombies == []
    assert grown(early.files, late.files, by=FEW_FILES) == {}
    assert grown(early.memory_mib, late.memory_mib, by=FEW_MIB) == {}
    assert late.engine_actors <= MOST_ACTORS + games // 100


def grown(
    early: Mapping[str, float], late: Mapping[str, float], *, by: float
) -> dict[str, tuple[float, float]]:
    """The holders of more than `by` more than before."""
    return {name: (early[name], held) for name, held in late.items() if held > early[name] + by}


async def play(bot: LocalBot, games: int) -> None:
    """Plays that many games, which the opponents resign after some moves."""
    left = iter(range(games))

    async def play_on(number: int) -> None:
        tired = asyncio.Event()
        pick = random_mover(random.Random(number))

        def policy(board: chess.Board) -> chess.Move:
            if board.fullmove_number > MOVES:
                tired.set()
            return pick(board)

        async with bot.opponent(number, think_ms=0, policy=policy) as opponent:
            for _ in left:
                tired.clear()
                game_id = await opponent.challenge(BOT, CLOCK, "random")
                over = asyncio.ensure_future(opponent.wait_result(game_id))
                enough = asyncio.ensure_future(tired.wait())
                await asyncio.wait({over, enough}, return_when=asyncio.FIRST_COMPLETED)
                enough.cancel()
                await asyncio.to_thread(bot.resign, game_id, number)  # unless it was mated
                await over

    await asyncio.gather(*(play_on(number) for number in range(AT_ONCE)))


async def holdings(bot: LocalBot) -> Holdings:
    """What is held when all actors stand by and nothing else goes on."""

    async def is_idle() -> list[str]:
        now = await statistics()
        return sorted(actor["phase"] for actor in now["actors"]) + [g["id"] for g in now["games"]]

    await until(is_idle, lambda phases: len(phases) >= STANDBYS and {*phases} == {"standby"})
    running = _session(bot.ray.node.pid)
    living = [process for process in running if process.status() != psutil.STATUS_ZOMBIE]
    pids = {process.pid for process in living}
    managers = {name: psutil.Process(await pid_of(name)) for name in (WORKER_SET, EVENT_LISTENER)}
    replicas = {p.name(): p for p in running if p.name().startswith("ray::ServeRepl")}
    ours = {**managers, **replicas}
    table = await asyncio.to_thread(actor_table)
    return Holdings(
        processes=len(living),
        zombies=[p.name() for p in running if p not in living and p.ppid() in pids],
        files={name: process.num_fds() for name, process in ours.items()},
        memory_mib={name: process.memory_full_info().uss / 2**20 for name, process in ours.items()},
        engine_actors=sum(is_engine_actor(actor["Name"]) for actor in table.values()),
    )


def _session(leader: int) -> list[psutil.Process]:
    """What Ray started here, and what that started."""
    found = []
    for process in psutil.process_iter():
        with suppress(OSError, psutil.Error):
            if os.getsid(process.pid) == leader:
                found.append(process)
    return found
