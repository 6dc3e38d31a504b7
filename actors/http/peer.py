"""A manager actor, as the HTTP endpoints see it: it answers within a second, or not at all."""

import asyncio
from datetime import timedelta

import ray
from ray.exceptions import RayError

from actors.cluster import ActorFailed, ActorGone, ActorSilent, Handle, ask
from actors.messages import EMPTY, Packed

__all__ = ["PATIENCE", "Peer"]

PATIENCE = timedelta(seconds=1)
"""For finding the actor and for its answer together."""


class Peer:
    """One of our named actors."""

    def __init__(self, name: str, namespace: str) -> None:
        self._name = name
        self._namespace = namespace
        self._finding: asyncio.Task[Handle] | None = None

    async def ask(self, method: str) -> Packed | None:
        """What it answers; None when it is not there, fails, or says nothing in time."""
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                return await self._ask(method)
        except (ActorGone, ValueError, RayError):
            self._finding = None
        except (ActorSilent, ActorFailed, TimeoutError):
            pass
        return None

    async def _ask(self, method: str) -> Packed:
        is_known = self._finding is not None
        try:
            return await self._call(method)
        except ActorGone:
            if not is_known:
                raise
        self._finding = None  # `crabstick up` made another of that name
        return await self._call(method)

    async def _call(self, method: str) -> Packed:
        if self._finding is None:
            self._finding = asyncio.create_task(self._find())
        handle = await asyncio.shield(self._finding)  # Ray's GCS may hang: it is asked once
        return await ask(getattr(handle, method).remote(EMPTY), PATIENCE)

    async def _find(self) -> Handle:
        return await asyncio.to_thread(ray.get_actor, self._name, self._namespace)
