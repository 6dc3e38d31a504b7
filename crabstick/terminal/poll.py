"""Looks at a bot that is up, over the connected cluster, and waits for what it does."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import Protocol

from actors.cluster import ActorFailed, ActorGone, ActorSilent, ask
from actors.messages import EMPTY
from actors.names import EVENT_LISTENER, WORKER_SET
from actors.ops.shutdown import end_manager, engine_actors, find
from crabstick.terminal.live_table import Statistics
from crabstick.terminal.plural import counted

__all__ = [
    "LOST_BY_CTRL_C",
    "Printer",
    "fetch_statistics",
    "show",
    "wait_for_games",
    "wait_restored",
]

PICTURE_PATIENCE = timedelta(seconds=5)
RESTORE_PATIENCE = timedelta(seconds=60)
REFRESH_S = 0.5
LOST_BY_CTRL_C = "Ctrl-C ends Ray, and they run out of time"


class Printer(Protocol):
    """Of a console, what is needed here."""

    def print(self, text: str, /) -> None:
        """One line for a person."""


async def fetch_statistics(namespace: str) -> Statistics | None:
    """What the WorkerSet shows of itself; None when there is none or it says nothing."""
    handle = await find(WORKER_SET, namespace)
    if handle is None:
        return None
    with suppress(ActorGone, ActorSilent, ActorFailed):
        return await ask(handle.statistics.remote(EMPTY), PICTURE_PATIENCE)
    return None


async def show(namespace: str, draw: Callable[[Statistics], None]) -> None:
    """Gives a picture now and then until the bot is gone."""
    while (seen := await fetch_statistics(namespace)) is not None or await find(
        WORKER_SET, namespace
    ):
        if seen is not None:
            draw(seen)
        await asyncio.sleep(REFRESH_S)


async def wait_for_games(namespace: str, console: Printer, ctrl_c: str = LOST_BY_CTRL_C) -> None:
    """Ends the manager and returns when the last game is over; `ctrl_c` says what that would do."""
    games = await end_manager(namespace)
    if games:
        console.print(f"no more challenges; waiting for {counted(games, 'game')} ({ctrl_c})")
    while await engine_actors(namespace):  # noqa: ASYNC110 -- other processes tell no event
        await asyncio.sleep(REFRESH_S)


async def wait_restored(namespace: str) -> None:
    """Waits until Ray has started again what ran on the head; for a minute, then others must."""
    until_s = time.monotonic() + RESTORE_PATIENCE.total_seconds()
    for name in (WORKER_SET, EVENT_LISTENER):
        while time.monotonic() < until_s:
            if await _is_restored(name, namespace):
                break
            await asyncio.sleep(REFRESH_S)


async def _is_restored(name: str, namespace: str) -> bool:
    handle = await find(name, namespace)
    if handle is None:
        return True
    try:
        await ask(handle.describe.remote(EMPTY), PICTURE_PATIENCE)
    except (ActorGone, ActorSilent):
        return False
    except ActorFailed:
        return True
    return True
