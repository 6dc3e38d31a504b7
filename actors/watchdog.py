"""Has Ray restart an actor that lives and says nothing: Ray itself has no such check.

The WorkerSet watches the EventListener so, and the Serve replica the WorkerSet. Who is dead, or
being restarted, is Ray's business; who has not spoken yet is given time to start; and what was not
heard while the watcher itself stood still proves nothing.
"""

import asyncio
import time
from datetime import timedelta
from typing import Any, Protocol, cast

import ray
from ray.actor import ActorHandle

from actors.cluster import (
    GCS_PATIENCE,
    ActorAway,
    ActorFailed,
    ActorGone,
    ActorSilent,
    Handle,
    ask,
)
from actors.messages import EMPTY
from crabstick.game.stall import StallDetector
from crabstick.telemetry import names
from crabstick.telemetry.logs import get_logger

__all__ = ["RayWatchedActor", "Watchdog", "WatchedActor"]

LOOK_EVERY = timedelta(seconds=2)
SILENCE_LIMIT = timedelta(seconds=10)
START_LIMIT = timedelta(minutes=1)
"""How long one may say nothing that was just made, or restarted."""


class WatchedActor(Protocol):
    """The actor that is watched."""

    async def ping(self, patience: timedelta) -> None:
        """Returns as soon as it says anything.

        Raises:
            ActorGone, ActorAway: there is none just now.
            ActorSilent: it says nothing within `patience`.
            ActorFailed: it says that it failed.
        """

    async def restart(self) -> None:
        """Has Ray end its process and start another.

        Raises:
            ActorSilent: Ray's GCS does not answer, and nothing was done.
        """


class Watchdog:
    """Watches one actor; `stall` is the watch over our own loop."""

    def __init__(self, name: str, watched: WatchedActor, stall: StallDetector) -> None:
        self._watched = watched
        self._stall = stall
        self._has_spoken = False
        self._log = get_logger(actor=name)
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Watches until cancelled."""
        while True:
            try:
                await self._look()
            except Exception:  # noqa: BLE001 -- the loop's step: the next one looks afresh
                self._log.exception(names.TASK_FAILED)
            await asyncio.sleep(LOOK_EVERY.total_seconds())

    async def _look(self) -> None:
        began_s = self._loop.time()
        patience = SILENCE_LIMIT if self._has_spoken else START_LIMIT
        try:
            await self._watched.ping(patience)
        except (ActorGone, ActorAway):
            self._has_spoken = False
            return
        except ActorSilent:
            if not self._stood_still_since(began_s):
                await self._restart(patience)
            return
        except ActorFailed:
            pass  # that was a word, too
        self._has_spoken = True

    def _stood_still_since(self, began_s: float) -> bool:
        self._stall.check()
        stalled_s = self._stall.last_stall_s
        return stalled_s is not None and stalled_s >= began_s

    async def _restart(self, silent_for: timedelta) -> None:
        self._log.error(names.ACTOR_HUNG, silent_s=silent_for.total_seconds())
        try:
            await self._watched.restart()
        except ActorSilent as error:
            self._log.warning(names.RAY_SILENT, why=str(error))
        else:
            self._has_spoken = False


class RayWatchedActor:
    """A `WatchedActor` on Ray: one of our named actors."""

    def __init__(self, name: str, namespace: str) -> None:
        self._name = name
        self._namespace = namespace
        self._handle: Handle | None = None

    async def ping(self, patience: timedelta) -> None:
        """See `WatchedActor`."""
        if self._handle is None:
            self._handle = await self._find()
        try:
            await ask(self._handle.describe.remote(EMPTY), patience)
        except ActorGone:
            self._handle = None  # the next of its name is another one
            raise

    async def restart(self) -> None:
        """See `WatchedActor`."""
        try:
            async with asyncio.timeout(GCS_PATIENCE.total_seconds()):
                await asyncio.to_thread(self._kill)
        except TimeoutError:
            raise ActorSilent("Ray's GCS does not answer: nothing is killed") from None

    async def _find(self) -> Handle:
        try:
            async with asyncio.timeout(GCS_PATIENCE.total_seconds()):
                return await asyncio.to_thread(ray.get_actor, self._name, self._namespace)
        except TimeoutError:
            raise ActorAway("Ray's GCS does not answer") from None
        except ValueError:
            raise ActorGone(f"no actor is called {self._name}") from None

    def _kill(self) -> None:
        """Only while the GCS answers: it would carry out an order of now when it is back."""
        began_s = time.monotonic()
        named = ray.util.list_named_actors(all_namespaces=True)
        took_s = time.monotonic() - began_s
        ours = {"name": self._name, "namespace": self._namespace}
        if ours in named and took_s < GCS_PATIENCE.total_seconds():
            ray.kill(cast("ActorHandle[Any]", self._handle), no_restart=False)
