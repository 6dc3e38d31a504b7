"""A bot on nodes that come and go, and games that never run out."""

import asyncio
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Self

import chess
from ray import serve
from rich.console import Console

from actors.cluster import read_nodes
from actors.local_ray.local_cluster import start_local_cluster
from actors.ops.connect import connect, disconnect
from actors.ops.fingerprint import actor_config
from benchmarks.bot_settings import BOT, NAMESPACE, bot_settings, engine_program
from benchmarks.nodes import worker_node
from crabstick.errors import EnvironmentProblem
from crabstick.rules.cluster_view import ClusterNode
from crabstick.rules.lichess_types import GameId
from crabstick.sandbox.move_policies import MovePolicy, random_mover
from crabstick.sandbox.opponent import Opponent, OpponentSpec
from crabstick.sandbox.testing import RunningSandbox
from crabstick.settings import TOKEN_VARIABLE, Settings
from crabstick.terminal.local_stack import local_lichess
from crabstick.terminal.running_bot import deploy_bot, fetch_statistics

THINK_MS = 100
"""What the engine takes for each move."""
CLOCK = (timedelta(seconds=600), timedelta(seconds=5))
"""No player runs out of time."""
LIMIT = timedelta(seconds=180)
POLL_S = 0.1
SPREAD = (0.2, 1.8)
TRIES = 5


@dataclass(slots=True, kw_only=True)
class ElasticRig:
    """The cluster, whose nodes hold `slots` each, and its Lichess."""

    lichess: RunningSandbox
    settings: Settings
    address: str
    slots: int
    folder: Path
    """Ray's own files are in `ray` below it."""
    stack: ExitStack
    drain_limit: timedelta = timedelta(0)
    """How long games have to leave a node after a SIGTERM."""
    processes: "dict[str, subprocess.Popen[bytes]]" = field(default_factory=dict)
    """The `ray start` of each node, by node id."""
    _places: dict[str, ExitStack] = field(default_factory=dict)
    _serial: int = 0

    def join(self) -> ClusterNode:
        """Starts a fresh node."""
        self._serial += 1
        name = f"node{self._serial}"
        place = ExitStack()
        child = place.enter_context(
            worker_node(self.address, slots=self.slots, name=name, drains=self.drain_limit)
        )
        node = next(node for node in read_nodes() if name in node.names)
        self._places[node.id], self.processes[node.id] = place, child
        self.stack.push(place)
        return node

    def retire(self, node: ClusterNode) -> None:
        """Ends the processes of a drained node: its `ray start` keeps running."""
        self._places.pop(node.id).close()

    async def playing(self) -> dict[GameId, str]:
        """The running games and the actors that play them."""
        statistics = await fetch_statistics(NAMESPACE)
        games = statistics.games if statistics else ()
        return {GameId(game.id): game.actor for game in games if game.actor}

    async def has_standby(self) -> bool:
        """Whether an actor waits for a game."""
        statistics = await fetch_statistics(NAMESPACE)
        return statistics is not None and any(
            actor.phase == "standby" for actor in statistics.actors
        )


async def until_all_play(rig: ElasticRig, games: int) -> None:
    """Returns when that many games run."""

    async def all_play() -> bool:
        return len(await rig.playing()) >= games

    await until("all games run", all_play)


async def until(
    what: str, holds: Callable[[], Awaitable[bool]], patience: timedelta = LIMIT
) -> None:
    """Returns as soon as the condition holds.

    Raises:
        EnvironmentProblem: the condition does not hold in time; `what` says which.
    """
    until_s = time.monotonic() + patience.total_seconds()
    while not await holds():
        if time.monotonic() > until_s:
            raise EnvironmentProblem(f"waited in vain until {what}")
        await asyncio.sleep(POLL_S)


@contextmanager
def running_elastic_rig(
    games: int, standby: int, drain_limit: timedelta = timedelta(0)
) -> Iterator[ElasticRig]:
    """Starts a head without slots, a node with room for everything, and the bot."""
    players = [BOT, *(f"sparring{number}" for number in range(1, games + 1))]
    with ExitStack() as stack:
        lichess = stack.enter_context(local_lichess(players))
        folder = Path(tempfile.mkdtemp(prefix="crabstick-bench-"))
        stack.callback(lambda: shutil.rmtree(folder, ignore_errors=True))
        engine = engine_program(folder, "--mode", "delay", "--delay-ms", str(THINK_MS))
        settings = _bounded(bot_settings(lichess.url, engine, CLOCK, games=games, standby=standby))
        os.environ[TOKEN_VARIABLE] = lichess.token(BOT)
        head = start_local_cluster(cpus=0, temp_dir=str(folder / "ray"))
        stack.callback(head.end)
        connect(head.address, NAMESPACE)
        stack.callback(disconnect)
        rig = ElasticRig(
            lichess=lichess,
            settings=settings,
            address=head.address,
            slots=games + standby + 1,
            folder=folder,
            stack=stack,
            drain_limit=drain_limit,
        )
        rig.join()
        deploy_bot(actor_config(settings, BOT), Console(quiet=True))
        yield rig
        serve.shutdown()  # type: ignore[no-untyped-call]  # otherwise this process keeps the old Serve


def _bounded(settings: Settings) -> Settings:
    """Bounds the think time of the bundled engine, which plays on after two deaths in a game."""
    limits = settings.engine.limits.model_copy(update={"move_time_ms": 2 * THINK_MS})
    engine = settings.engine.model_copy(update={"limits": limits})
    return settings.model_copy(update={"engine": engine})


class Opponents:
    """Accounts that challenge the bot again and again, each to one game at a time, in the block.

    `think` is the mean of their think times, which are spread evenly from a fifth to nine fifths;
    `first` is the number of the first of them.
    """

    def __init__(
        self, lichess: RunningSandbox, games: int, think: timedelta, *, first: int = 1
    ) -> None:
        self.think = think
        self._lichess = lichess
        self._numbers = range(first, first + games)
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        for number in self._numbers:
            self._tasks.append(asyncio.create_task(self._play_on(number)))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _play_on(self, number: int) -> None:
        rng = random.Random(number)  # noqa: S311 -- chess, not secrets
        name = f"sparring{number}"
        pick = random_mover(rng)
        player = OpponentSpec(
            name=name,
            token=self._lichess.token(name),
            policy=lambda board: _spare(board, pick),
            delay=lambda: self.think * rng.uniform(*SPREAD),
        )
        async with Opponent(self._lichess.url, player) as opponent:
            while True:
                try:
                    await opponent.play(BOT, CLOCK, "random")
                except EnvironmentProblem:  # declined: there is no room for a moment
                    await asyncio.sleep(1)


def _spare(board: chess.Board, pick: MovePolicy) -> chess.Move:
    """A move that neither captures nor ends the game, if there is one: games should last."""
    for _ in range(TRIES):
        move = pick(board)
        if not board.is_capture(move) and not board.gives_check(move):
            board.push(move)
            is_over = board.is_game_over()
            board.pop()
            if not is_over:
                return move
    return pick(board)
