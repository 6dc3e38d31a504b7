"""A named actor as the HTTP endpoints ask it: it answers within a second, or not at all."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Generic, TypeVar

from actors.clients import ActorClient
from actors.cluster import ActorFailed, ActorGone, ActorSilent, Handle, find_actor
from actors.messages import WrongProtocol

C = TypeVar("C", bound=ActorClient)
T = TypeVar("T")

PATIENCE = timedelta(seconds=1)
"""Covers both the search for the actor and its answer."""


class Peer(Generic[C]):
    """A named actor, which is searched for once and then remembered.

    Args:
        client: makes the stub from the actor's handle.
    """

    def __init__(self, name: str, namespace: str, client: Callable[[Handle], C]) -> None:
        self._name = name
        self._namespace = namespace
        self._client = client
        self._search: asyncio.Task[C] | None = None

    async def ask(self, call: Callable[[C], Awaitable[T]]) -> T | None:
        """The answer; None when the actor does not exist, fails, or does not answer in time."""
        try:
            async with asyncio.timeout(PATIENCE.total_seconds()):
                return await self._ask(call)
        except (ActorGone, ActorFailed):
            self._search = None
        except (ActorSilent, WrongProtocol, TimeoutError):
            self._forget_failed_search()
        return None

    async def _ask(self, call: Callable[[C], Awaitable[T]]) -> T:
        is_known = self._search is not None
        try:
            return await call(await self._found())
        except ActorGone:
            if not is_known:
                raise
        self._search = None  # `crabstick up` may have made a new actor of that name
        return await call(await self._found())

    async def _found(self) -> C:
        if self._search is None:
            self._search = asyncio.create_task(self._find())
        return await asyncio.shield(self._search)  # one search at a time, even while the GCS hangs

    async def _find(self) -> C:
        handle = await find_actor(self._name, self._namespace)
        if handle is None:
            raise ActorGone(f"no actor is called {self._name}")
        return self._client(handle)

    def _forget_failed_search(self) -> None:
        search = self._search
        if search is not None and search.done() and search.exception() is not None:
            self._search = None
