"""`python -m benchmarks.files_per_move`: how many of our files run for one game, and one move.

A local Lichess, a local Ray cluster and one game with an instant engine. From before the challenge
until after the result, each actor records which functions run in it. Not counted: the start of an
actor, an engine, which is a program of its own, and functions that run in an idle bot too. A move
is what the EngineActor does from a stream line to the answered POST; its files are those of most
moves.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from actors.clients import ActorClient, engine_actors, find_listener, find_worker_set
from actors.cluster import ask
from benchmarks.bot_settings import BOT, NAMESPACE
from benchmarks.file_trace import Call, files_in_most, functions_of, read_calls, record_calls
from benchmarks.game_round import Round, play_round
from benchmarks.results import run_benchmark
from benchmarks.rig import running_rig, wait_standbys
from crabstick.errors import EnvironmentProblem
from crabstick.sandbox.testing import RunningSandbox

GAME_LIMIT = 40
MOVE_LIMIT = 20
MOVES = 12
OPENING_PLIES = 4
"""These plies do not count: the clock does not run, and the first search has more to do."""
ANSWER_MS = 300.0
"""From our move's arrival until its POST is answered and the stream has repeated the move."""
PATIENCE = timedelta(seconds=10)
IDLE_S = 25.0
"""Longer than any period of the background work."""
SETTLE_S = 3.0
"""From the result until the actor has left and the WorkerSet has recorded that."""
ENGINE_ACTOR = "EngineActor"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesPassed:
    """The files of one game by actor, and those of one move."""

    actors: Mapping[str, Sequence[str]]
    move: Sequence[str]

    @property
    def game(self) -> list[str]:
        """The files of all actors together."""
        return sorted({file for files in self.actors.values() for file in files})


def main(arguments: Sequence[str] | None = None) -> int:
    """Counts; returns the exit status."""
    options = _parse(arguments)
    return run_benchmark("files_per_move", lambda console: _measure(options.moves, console), _table)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.files_per_move", description=__doc__
    )
    parser.add_argument("--moves", type=int, default=MOVES, help="of ours in the game")
    return parser.parse_args(arguments)


def _measure(moves: int, console: Console) -> FilesPassed:
    console.print("starting Ray and the bot …")
    with running_rig(1) as rig, tempfile.TemporaryDirectory(prefix="crabstick-files-") as folder:
        return asyncio.run(_play(rig.lichess, Path(folder), moves))


async def _play(lichess: RunningSandbox, folder: Path, moves: int) -> FilesPassed:
    await wait_standbys(1)
    await play_round(lichess, Round(games=1, moves=1, gap=timedelta(0)))  # a bot's first is special
    await asyncio.sleep(SETTLE_S)
    await wait_standbys(1)
    actors = await _actors()
    for name, actor in actors.items():
        await ask(actor.handle.__ray_call__.remote(record_calls, str(folder / name)), PATIENCE)
    await asyncio.sleep(IDLE_S)
    idle = {name: functions_of(read_calls(folder / name)) for name in actors}
    (game_id,) = await play_round(lichess, Round(games=1, moves=moves, gap=timedelta(0)))
    await asyncio.sleep(SETTLE_S)
    calls = {name: read_calls(folder / name) for name in actors}
    game = next(game for game in lichess.ledger()["games"] if game["id"] == game_id)
    return files_passed(calls, game, idle)


async def _actors() -> dict[str, ActorClient]:
    listener, worker_set = await find_listener(NAMESPACE), await find_worker_set(NAMESPACE)
    (engine_actor,) = await engine_actors(NAMESPACE)
    if listener is None or worker_set is None:
        raise EnvironmentProblem("the bot is gone")
    return {"EventListener": listener, "WorkerSet": worker_set, ENGINE_ACTOR: engine_actor}


def files_passed(
    calls: Mapping[str, Sequence[Call]],
    game: Mapping[str, Any],
    idle: Mapping[str, Collection[tuple[str, str]]],
) -> FilesPassed:
    """Counts from the calls in each actor, the game in the ledger, and the idle functions."""
    windows = [
        (move["received_ms"] - move["overhead_ms"], move["received_ms"] + ANSWER_MS)
        for move in game["moves"]
        if move["by"] == BOT and move["ply"] > OPENING_PLIES
    ]
    return FilesPassed(
        actors={
            name: sorted({file for file, _ in functions_of(some) - set(idle[name])})
            for name, some in calls.items()
        },
        move=sorted(files_in_most(calls[ENGINE_ACTOR], windows)),
    )


def _table(passed: FilesPassed) -> Table:
    table = Table(title="source files that run", title_justify="left", box=None)
    for head in ("one game", *passed.actors, "one move"):
        table.add_column(head, no_wrap=True)
    columns = [*passed.actors.values(), passed.move]
    for file in passed.game:
        table.add_row(file, *("x" if file in files else "" for files in columns))
    table.add_row()
    counts = (str(len(files)) for files in passed.actors.values())
    table.add_row(_of(passed.game, GAME_LIMIT), *counts, _of(passed.move, MOVE_LIMIT))
    return table


def _of(files: Sequence[str], limit: int) -> str:
    return f"{len(files)} (at most {limit})"


if __name__ == "__main__":
    sys.exit(main())
