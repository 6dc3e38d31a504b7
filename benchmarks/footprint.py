"""`python -m benchmarks.footprint`: what an idle bot takes on one machine, whole and small.

A local Lichess, and `crabstick up` as a person starts it, once without and once with `--small`.
When its standby is warm, the memory of each of its processes is read: USS is the memory of that
process alone; PSS adds its share of shared memory, so that the PSS of all adds up to the whole.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil
from rich.table import Table

from actors.local_ray.low_memory_launcher import STAYS
from actors.local_ray.ports import free_port
from benchmarks.bot_settings import BOT
from benchmarks.process_usage import MIB
from benchmarks.results import run_benchmark
from crabstick.errors import EnvironmentProblem
from crabstick.sandbox.testing import RunningSandbox
from crabstick.settings import TOKEN_VARIABLE
from crabstick.terminal.local_stack import local_lichess

START_LIMIT = timedelta(seconds=300)
END_LIMIT = timedelta(seconds=60)
SETTLE_S = 45
"""Until processes have released the memory that they need only to start."""
WINDOW_S = 10
POLL_S = 0.25
OTHER = "other"
FOLLOWER = "crabstick up"
GAMES = ("engine actor", "its engine")
KINDS: Mapping[str, str] = {
    FOLLOWER: r"-m crabstick up",
    "supervisor": r"actors\.local_ray\.supervisor",
    "leader of Ray": rf"{STAYS}|sleep 86400",
    "GCS": r"gcs/gcs_server ",
    "raylet": r"raylet/raylet ",
    "dashboard": r"dashboard/dashboard\.py|^ray-dashboard-|multiprocessing\.(fork|resource)",
    "its agent": r"^ray::DashboardAgent|dashboard/agent\.py",
    "runtime environments": r"^ray::RuntimeEnvAgent|runtime_env/agent/main\.py",
    "idle workers": r"^ray::IDLE|workers/default_worker\.py",
    "Serve": r"^ray::(ServeController|ProxyActor|ServeReplica)",
    "WorkerSet": r"^ray::WorkerSet",
    "EventListener": r"^ray::EventListener",
    GAMES[0]: r"^ray::(EngineActor|standby|game )",
    GAMES[1]: r"-m engine\.fairy",
}
"""Kind of process -> pattern of its command line; Ray rewrites those of its workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Processes of one kind, or several together: memory in MiB, CPU milliseconds a second."""

    kind: str
    processes: int
    uss_mib: float
    pss_mib: float
    cpu_ms: float


def kind_of(command: str) -> str:
    """Which of `KINDS` a process is, by its command line."""
    return next((kind for kind, pattern in KINDS.items() if re.search(pattern, command)), OTHER)


def summed(kind: str, readings: Sequence[Reading]) -> Reading:
    """The sum of the readings, as one reading."""
    return Reading(
        kind=kind,
        processes=sum(one.processes for one in readings),
        uss_mib=sum(one.uss_mib for one in readings),
        pss_mib=sum(one.pss_mib for one in readings),
        cpu_ms=sum(one.cpu_ms for one in readings),
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures; returns the exit status."""
    settle_s: float = _parse(arguments).settle
    return run_benchmark("footprint", lambda _: _measure_both(settle_s), _table)


def _measure_both(settle_s: float) -> dict[str, list[Reading]]:
    with local_lichess([BOT]) as lichess:
        return {
            "whole": _measure(lichess, [], settle_s),
            "small": _measure(lichess, ["--small"], settle_s),
        }


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.footprint", description=__doc__)
    parser.add_argument("--settle", type=float, default=SETTLE_S, help="seconds before reading")
    return parser.parse_args(arguments)


def _measure(lichess: RunningSandbox, switches: Sequence[str], settle_s: float) -> list[Reading]:
    with up(lichess, switches) as bot:
        _wait_warm(bot)
        time.sleep(settle_s)
        processes = _processes(bot.child)
        before_s, began_s = [_cpu_s(one) for one in processes], time.monotonic()
        time.sleep(WINDOW_S)
        passed_s = time.monotonic() - began_s
        readings = []
        for process, cpu_s in zip(processes, before_s, strict=True):
            with suppress(psutil.Error):  # it has ended
                readings.append(_read(process, 1000 * (_cpu_s(process) - cpu_s) / passed_s))
    kinds = dict.fromkeys([*KINDS, OTHER])
    found = {kind: [one for one in readings if one.kind == kind] for kind in kinds}
    return [summed(kind, ones) for kind, ones in found.items() if ones]


def _read(process: psutil.Process, cpu_ms: float) -> Reading:
    used = process.memory_full_info()
    return Reading(
        kind=kind_of(" ".join(process.cmdline())),
        processes=1,
        uss_mib=used.uss / MIB,
        pss_mib=used.pss / MIB,
        cpu_ms=cpu_ms,
    )


@dataclass(frozen=True, slots=True)
class RunningUp:
    """A `crabstick up`, the file with what it prints, and the port of its endpoints."""

    child: "subprocess.Popen[bytes]"
    output: Path
    port: int


@contextmanager
def up(lichess: RunningSandbox, switches: Sequence[str]) -> Iterator[RunningUp]:
    """Runs `crabstick up` with its own home folder."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="crab-", ignore_cleanup_errors=True) as home:
        output = Path(home) / "output"
        with output.open("wb") as file:
            child = subprocess.Popen(
                [sys.executable, "-m", "crabstick", "up", *switches],
                cwd=home,
                env=_environment(lichess, home, port),
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is ours to act on
            )
        try:
            yield RunningUp(child, output, port)
        finally:
            child.terminate()
            child.wait(END_LIMIT.total_seconds())


def _environment(lichess: RunningSandbox, home: str, port: int) -> dict[str, str]:
    foreign = ("RAY_", "CRABSTICK", "LICHESS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    root = str(Path(__file__).parent.parent)
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")])),
        "HOME": home,
        "TMPDIR": home,
        TOKEN_VARIABLE: lichess.token(BOT),
        "CRABSTICK__LICHESS__URL": lichess.url,
        "CRABSTICK__HTTP__PORT": str(port),
        "CRABSTICK__ENGINE__LIMITS__MOVE_TIME_MS": "20",  # a first move is not to be a long thought
    }


def _wait_warm(bot: RunningUp) -> None:
    until_s = time.monotonic() + START_LIMIT.total_seconds()
    while 'crabstick_actors{state="standby"} 1.0' not in _metrics(bot.port):
        if bot.child.poll() is not None or time.monotonic() > until_s:
            last = bot.output.read_text("utf-8", errors="replace")[-300:]
            raise EnvironmentProblem(f"`crabstick up` did not get a standby warm: {last}")
        time.sleep(POLL_S)


def _metrics(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return str(answer.read().decode())
    except OSError:
        return ""


def _processes(child: "subprocess.Popen[bytes]") -> list[psutil.Process]:
    """`crabstick up`, its children, and all of the session that its Ray's leader leads."""
    this = psutil.Process(child.pid)
    ours = [this, *this.children(recursive=True)]
    leaders = {one.pid for one in ours if os.getsid(one.pid) == one.pid}
    return [one for one in psutil.process_iter() if os.getsid(one.pid) in leaders]


def _cpu_s(process: psutil.Process) -> float:
    with suppress(psutil.Error):
        used = process.cpu_times()
        return float(used.user + used.system)
    return 0.0


def _table(forms: Mapping[str, Sequence[Reading]]) -> Table:
    table = Table(title="a bot that idles, in MiB", title_justify="left", box=None)
    table.add_column("")
    for form in forms:
        for head in (form, "USS", "PSS", "CPU ms/s"):
            table.add_column(head, justify="right")
    present = {one.kind for readings in forms.values() for one in readings}
    for kind in [*KINDS, OTHER]:
        if kind in present:
            table.add_row(kind, *_cells(forms, {kind}))
    table.add_row()
    table.add_row("fixed cost", *_cells(forms, present - {FOLLOWER, *GAMES}))
    table.add_row("all", *_cells(forms, present))
    return table


def _cells(forms: Mapping[str, Sequence[Reading]], kinds: Collection[str]) -> list[str]:
    cells = []
    for readings in forms.values():
        total = summed("", [one for one in readings if one.kind in kinds])
        figures = (total.uss_mib, total.pss_mib, total.cpu_ms)
        cells += [str(total.processes), *(f"{figure:.0f}" for figure in figures)]
    return cells


if __name__ == "__main__":
    sys.exit(main())
