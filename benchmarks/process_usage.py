"""What our processes use of this machine, and which machine that is."""

import os
import platform
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import fmean

import psutil

MIB = 2**20
Readings = dict[int, float]
"""By pid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActorProcesses:
    """The EngineActors of a round; `of` finds the engine that each has as its child."""

    actors: tuple[psutil.Process, ...]
    engines: tuple[psutil.Process, ...]

    @classmethod
    def of(cls, actor_pids: Collection[int]) -> "ActorProcesses":
        """The actors with these pids, and their engines."""
        actors = tuple(psutil.Process(pid) for pid in actor_pids)
        return cls(
            actors=actors, engines=tuple(child for actor in actors for child in actor.children())
        )

    def cpu_s(self) -> tuple[Readings, Readings]:
        """CPU seconds used so far, by each actor and by each engine that lives."""
        return _cpu_s(self.actors), _cpu_s(self.engines)

    def uss_mb(self) -> tuple[float, float]:
        """The mean USS of an actor, and of an engine, in MiB."""
        return _uss_mb(self.actors), _uss_mb(self.engines)

    @property
    def size(self) -> int:
        """How many actors there are."""
        return len(self.actors)

    def rest_of_ray(self) -> tuple[float, int]:
        """USS in MiB and number of Ray's processes, without these actors and engines."""
        ours = {process.pid for process in (*self.actors, *self.engines)}
        session = os.getsid(self.actors[0].pid)
        everything = [one for one in psutil.process_iter() if os.getsid(one.pid) == session]
        others = [one for one in everything if one.pid not in ours]
        return _uss_mb(others) * len(others), len(others)


def growth(before: Readings, after: Readings) -> float:
    """The total growth of all processes that are in both readings."""
    return sum(after[pid] - before[pid] for pid in after if pid in before)


def machine() -> dict[str, object]:
    """The facts about this machine that a reader of the figures needs."""
    return {
        "cores": os.cpu_count(),
        "cpu": _cpu_model(),
        "memory_mb": psutil.virtual_memory().total // MIB,
        "system": platform.platform(),
        "python": platform.python_version(),
        "ray": version("ray"),
        "load_before": os.getloadavg()[0],
    }


def _cpu_s(processes: Sequence[psutil.Process]) -> Readings:
    readings = {}
    for process in processes:
        with suppress(psutil.NoSuchProcess):  # a game that ended by itself
            readings[process.pid] = _threads_s(process) or _times_s(process)
    return readings


def _threads_s(process: psutil.Process) -> float:
    """In seconds, which Linux counts in ns; `cpu_times` counts in 10 ms, as long as 50 searches."""
    used_ns = 0
    for schedstat in Path(f"/proc/{process.pid}/task").glob("*/schedstat"):
        with suppress(OSError):  # the thread ended meanwhile
            used_ns += int(schedstat.read_text(encoding="ascii").split()[0])
    return used_ns / 1e9


def _times_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _uss_mb(processes: Sequence[psutil.Process]) -> float:
    sizes = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            sizes.append(process.memory_full_info().uss / MIB)
    return fmean(sizes) if sizes else 0.0


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor()
