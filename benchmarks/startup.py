"""`python -m benchmarks.startup`: how long `crabstick up` takes, in seconds of time and of CPU.

A local Lichess and `crabstick up` as a person starts it, without and with `--small`. An opponent
challenges the bot as soon as its event stream is open. CPU seconds are those of all processes that
`up` has started; unlike the time they hardly depend on what else the machine does.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import Random
from statistics import median

import psutil
from rich.console import Console
from rich.table import Table

from benchmarks.bot_settings import BOT
from benchmarks.footprint import up
from benchmarks.results import run_benchmark
from crabstick.errors import EnvironmentProblem
from crabstick.sandbox.errors import JsonObject
from crabstick.sandbox.move_policies import random_mover
from crabstick.sandbox.opponent import Opponent, OpponentSpec, no_delay
from crabstick.sandbox.testing import RunningSandbox
from crabstick.terminal.local_stack import local_lichess

CHALLENGER = "challenger"
CLOCK = (timedelta(seconds=60), timedelta(seconds=1))
LIMIT_S = 120
POLL_S = 0.05
PROFILES: Mapping[str, Sequence[str]] = {"whole": (), "small": ("--small",)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A phase of one start, and when it was over: seconds since `crabstick up`."""

    profile: str
    name: str
    wall_s: float
    cpu_s: float


class CpuMeter:
    """The CPU seconds of a process and of all that it has started, also of what has ended."""

    def __init__(self, root: int) -> None:
        self._is_ours = {root: True}
        """By POSIX session."""
        self._used_s: dict[int, float] = {}

    def read_s(self) -> float:
        """Reads all processes; returns the sum so far."""
        for pid in psutil.pids():
            with suppress(psutil.Error, OSError):
                session = os.getsid(pid)
                if session not in self._is_ours:
                    parent = psutil.Process(session).ppid()
                    self._is_ours[session] = self._is_ours.get(os.getsid(parent), False)
                if self._is_ours[session]:
                    used = psutil.Process(pid).cpu_times()
                    self._used_s[pid] = used.user + used.system
        return sum(self._used_s.values())


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.startup", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="starts of each profile, in turn")
    runs: int = parser.parse_args(arguments).runs
    return run_benchmark("startup", lambda console: _measure_all(console, runs), _table)


def _measure_all(console: Console, runs: int) -> list[Phase]:
    found: list[Phase] = []
    for number in range(1, runs + 1):
        for profile in PROFILES:
            console.print(f"{profile}, start {number} of {runs} …")
            with local_lichess([BOT, CHALLENGER]) as lichess:
                began_s = time.monotonic()
                with up(lichess, PROFILES[profile]) as bot:
                    found += asyncio.run(_phases(profile, lichess, bot.child, bot.output, began_s))
    return found


async def _phases(
    profile: str,
    lichess: RunningSandbox,
    child: "subprocess.Popen[bytes]",
    output: Path,
    began_s: float,
) -> list[Phase]:
    meter = CpuMeter(child.pid)
    game_id = ""
    awaited: dict[str, Callable[[JsonObject, str], bool]] = {
        "event stream open": lambda ledger, _: any(
            (stream["kind"], stream["user"]) == ("event", BOT) for stream in ledger["streams"]
        ),
        "plays, by its own word": lambda _, said: "plays" in said,
        "first move": lambda ledger, _: any(game["moves"] for game in ledger["games"]),
        "is up": lambda _, said: "is up" in said,
    }
    found = []
    policy = random_mover(Random(1))  # noqa: S311 -- chess, not secrets
    token = lichess.token(CHALLENGER)
    player = OpponentSpec(name=CHALLENGER, token=token, policy=policy, delay=no_delay)
    async with asyncio.timeout(LIMIT_S), Opponent(lichess.url, player) as opponent:
        while awaited.keys() & {"first move", "is up"}:
            cpu_s, ledger = meter.read_s(), await asyncio.to_thread(lichess.ledger)
            said = await asyncio.to_thread(output.read_text, "utf-8", "replace")
            for name in [name for name, is_over in awaited.items() if is_over(ledger, said)]:
                del awaited[name]
                wall_s = time.monotonic() - began_s
                found.append(Phase(profile=profile, name=name, wall_s=wall_s, cpu_s=cpu_s))
            if "event stream open" not in awaited and not game_id:
                game_id = await opponent.challenge(BOT, CLOCK, "black")
            await asyncio.sleep(POLL_S)
        with suppress(EnvironmentProblem):  # Lichess lets nobody resign before the second move
            await opponent.resign(game_id)
    return found


def _table(phases: Sequence[Phase]) -> Table:
    table = Table(title="a start, median (worst), in seconds", title_justify="left", box=None)
    for head in ("", "phase", "time", "CPU"):
        table.add_column(head)
    for profile, name in dict.fromkeys((phase.profile, phase.name) for phase in phases):
        ours = [phase for phase in phases if (phase.profile, phase.name) == (profile, name)]
        cells = [
            f"{median(figures):.1f} ({max(figures):.1f})"
            for figures in ([one.wall_s for one in ours], [one.cpu_s for one in ours])
        ]
        table.add_row(profile, name, *cells)
    return table


if __name__ == "__main__":
    sys.exit(main())
