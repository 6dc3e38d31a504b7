"""Where a fault strikes, whom, and at which moment: the opponent's time, a search, or a post."""

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

from crabstick.telemetry import names
from tests.chaos.arena import Arena
from tests.chaos.health import Doctor, GameNow
from tests.chaos.schedule import Injection, chosen

__all__ = [
    "MOMENT_LIMIT_S",
    "Moment",
    "NotNow",
    "NotPossible",
    "Scene",
    "Victim",
    "at_moment",
    "find_victim",
    "frozen",
    "is_engine_actor",
    "send",
]

MOMENT_LIMIT_S: Final = 20.0
"""How long the right moment is waited for."""
LOOK_S: Final = 0.005
LOOK_CLOSELY_S: Final = 0.001
Moment: TypeAlias = Literal["searching", "waiting", "posting"]


class NotNow(Exception):
    """Nobody is there whom it could strike."""


class NotPossible(Exception):
    """This machine does not allow it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Where a fault strikes."""

    arena: Arena
    doctor: Doctor
    injection: Injection

    @property
    def span_s(self) -> float:
        """How long it lasts."""
        return self.injection.span_s


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """A game and the process of its actor."""

    game: str
    pid: int


async def find_victim(scene: Scene, is_fit: Callable[[GameNow], bool] = lambda _: True) -> Victim:
    arena = scene.arena
    rows = {row["id"]: row["actor"] for row in await scene.doctor.games()}
    await asyncio.to_thread(arena.logs.read)
    victims = [
        Victim(game=game.id, pid=pid)
        for game in await scene.doctor.running()
        if is_fit(game)
        and (pid := arena.logs.pids.get(rows.get(game.id) or "")) is not None
        and is_engine_actor(pid)
    ]
    if not victims:
        raise NotNow("no game fits")
    return chosen(scene.injection.pick, sorted(victims, key=lambda victim: victim.game))


async def at_moment(scene: Scene, moment: Moment) -> Victim:
    """Waits for a game to come into that phase; the actor's own log tells of a move it posts."""
    victim = await find_victim(scene)
    until_s = time.monotonic() + MOMENT_LIMIT_S
    said = _size(scene.arena, victim.pid)
    while time.monotonic() < until_s:
        if moment == "posting":
            if _posts(scene.arena, victim.pid, said):
                return victim
            await asyncio.sleep(LOOK_CLOSELY_S)
            continue
        games = {game.id: game for game in await scene.doctor.running()}
        if victim.game not in games:
            break
        if games[victim.game].is_our_turn is (moment == "searching"):
            return victim
        await asyncio.sleep(LOOK_S)
    raise NotNow(f"the moment of {moment} did not come")


def is_engine_actor(pid: int) -> bool:
    """Whether that process lives and is what we take it for."""
    with suppress(psutil.Error):
        return " ".join(psutil.Process(pid).cmdline()).startswith("ray::EngineActor")
    return False


def _log_of(arena: Arena, pid: int) -> Path:
    found = arena.logs.path_of(pid)
    if found is None:
        raise NotNow(f"the process {pid} has no log")
    return found


def _size(arena: Arena, pid: int) -> int:
    return _log_of(arena, pid).stat().st_size


def _posts(arena: Arena, pid: int, offset: int) -> bool:
    with _log_of(arena, pid).open("rb") as file:
        file.seek(offset)
        return f'"{names.MOVE_POSTING}"'.encode() in file.read()


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
