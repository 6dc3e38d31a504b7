"""Has Ray restart an actor that lives and does not answer: Ray itself has no such check.

The WorkerSet and the EventListener watch each other. Ray restarts dead actors by itself. An actor
that has not answered yet gets time to start. A missing answer proves nothing when the watcher's own
loop stood still meanwhile.
"""

import asyncio
from datetime import timedelta

from actors.clients import ActorClient
from actors.cluster import (
    ActorAway,
    ActorError,
    ActorFailed,
    ActorGone,
    ActorSilent,
    find_actor,
    in_gcs_thread,
    restart_actor,
)
from crabstick.asyncio_tools import StallDetector, repeat
from crabstick.telemetry import log_events
from crabstick.telemetry.logs import get_logger

PING_EVERY = timedelta(seconds=2)
SILENCE_LIMIT = timedelta(seconds=10)
START_LIMIT = timedelta(minutes=1)
"""The silence limit for an actor that was just made or restarted."""


class WatchedActor:
    """The actor that is watched: one of our named actors."""

    def __init__(self, name: str, namespace: str) -> None:
        self._name = name
        self._namespace = namespace
        self._client: ActorClient | None = None

    async def ping(self, patience: timedelta) -> None:
        """Returns when the actor answers at all.

        Raises:
            ActorGone, ActorAway: the actor does not run now, or Ray's GCS is away.
            ActorSilent: no answer within `patience`.
            ActorFailed: the actor answered with an error.
        """
        if self._client is None:
            try:
                handle = await find_actor(self._name, self._namespace)
            except ActorFailed as error:  # Ray's refusal is no answer of the actor
                raise ActorAway(str(error)) from None
            if handle is None:
                raise ActorGone(f"no actor is called {self._name}")
            self._client = ActorClient(handle)
        try:
            await self._client.ping(patience)
        except ActorGone:
            self._client = None  # the next actor of that name has another handle
            raise

    async def restart(self) -> None:
        """Has Ray end the actor's process and start another.

        Raises:
            ActorSilent, ActorFailed: Ray's GCS does not answer, or refuses; nothing happened.
        """
        if self._client is not None:
            handle = self._client.handle
            await in_gcs_thread(lambda: restart_actor(handle, self._name, self._namespace))


class Watchdog:
    """Watches one actor; `stall` watches our own loop."""

    def __init__(self, name: str, watched: WatchedActor, stall: StallDetector) -> None:
        self._watched = watched
        self._stall = stall
        self._has_answered = False
        self._log = get_logger(actor=name)
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Watches until cancelled."""
        await repeat(
            self._check,
            PING_EVERY,
            lambda error: self._log.error(log_events.TASK_FAILED, exc_info=error),
        )

    async def _check(self) -> None:
        began_s = self._loop.time()
        patience = SILENCE_LIMIT if self._has_answered else START_LIMIT
        try:
            await self._watched.ping(patience)
        except (ActorGone, ActorAway):
            self._has_answered = False
            return
        except ActorSilent:
            self._stall.check()
            if (self._stall.last_stall_s or 0) < began_s:
                await self._restart(patience)
            return
        except ActorFailed:
            pass  # an error is an answer, too
        self._has_answered = True

    async def _restart(self, silent_for: timedelta) -> None:
        self._log.error(log_events.ACTOR_HUNG, silent_s=silent_for.total_seconds())
        try:
            await self._watched.restart()
        except ActorError as error:
            self._log.warning(log_events.RAY_SILENT, why=str(error))
        else:
            self._has_answered = False
