"""The target of a fault: an actor, and the phase of its game (waiting, searching or posting)."""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, TypeAlias

import psutil

from crabstick.telemetry import log_events
from tests.chaos.chaos_cluster import ChaosCluster
from tests.chaos.health_probe import GameNow, HealthProbe
from tests.chaos.schedule import Injection, chosen

ENGINE_ACTORS: Final = ("ray::EngineActor", "ray::standby", "ray::game ")
"""Titles of their processes: Ray shows the class, or a call that is pending there."""
PHASE_LIMIT_S: Final = 20.0
"""How long to wait for the right phase."""
POLL_S: Final = 0.005
FAST_POLL_S: Final = 0.001
Phase: TypeAlias = Literal["searching", "waiting", "posting"]


class NotNow(Exception):
    """There is no target at this moment."""


class NotPossible(Exception):
    """This machine does not allow it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The cluster, and what the schedule says of the fault."""

    cluster: ChaosCluster
    health: HealthProbe
    injection: Injection

    @property
    def span_s(self) -> float:
        """How long it lasts."""
        return self.injection.span_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """An actor that plays: its game and its process."""

    game: str
    pid: int


async def find_actor(target: Target, is_fit: Callable[[GameNow], bool] = lambda _: True) -> Actor:
    cluster = target.cluster
    rows = {row["id"]: row["actor"] for row in await target.health.games()}
    await asyncio.to_thread(cluster.logs.read)
    actors = [
        Actor(game=game.id, pid=pid)
        for game in await target.health.running()
        if is_fit(game)
        and (pid := cluster.logs.pids.get(rows.get(game.id) or "")) is not None
        and is_engine_actor(pid)
    ]
    if not actors:
        raise NotNow("no game fits")
    return chosen(target.injection.pick, sorted(actors, key=lambda actor: actor.game))


async def wait_phase(target: Target, phase: Phase) -> Actor:
    """Waits until a game is in that phase; posting shows in the actor's log."""
    actor = await find_actor(target)
    until_s = time.monotonic() + PHASE_LIMIT_S
    output = _size(target.cluster, actor.pid)
    while time.monotonic() < until_s:
        if phase == "posting":
            if _posts(target.cluster, actor.pid, output):
                return actor
            await asyncio.sleep(FAST_POLL_S)
            continue
        games = {game.id: game for game in await target.health.running()}
        if actor.game not in games:
            break
        if games[actor.game].is_our_turn is (phase == "searching"):
            return actor
        await asyncio.sleep(POLL_S)
    raise NotNow(f"the phase of {phase} did not come")


def is_engine_actor(pid: int) -> bool:
    """Whether that process lives and is an EngineActor."""
    with suppress(psutil.Error):
        return " ".join(psutil.Process(pid).cmdline()).startswith(ENGINE_ACTORS)
    return False


def _log_of(cluster: ChaosCluster, pid: int) -> Path:
    found = cluster.logs.path_of(pid)
    if found is None:
        raise NotNow(f"the process {pid} has no log")
    return found


def _size(cluster: ChaosCluster, pid: int) -> int:
    return _log_of(cluster, pid).stat().st_size


def _posts(cluster: ChaosCluster, pid: int, offset: int) -> bool:
    with _log_of(cluster, pid).open("rb") as file:
        file.seek(offset)
        return f'"{log_events.MOVE_POSTING}"'.encode() in file.read()


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    send(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):  # it was replaced meanwhile
            os.kill(pid, signal.SIGCONT)


def send(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        raise NotNow(f"the process {pid} is gone") from None
