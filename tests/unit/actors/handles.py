"""Ray's actor handles without Ray: `handle.method.remote(message)` can be awaited."""

import asyncio
from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any


@dataclass
class _Method:
    handle: "FakeHandle"
    name: str

    def remote(self, message: dict[str, Any]) -> Awaitable[Any]:
        self.handle.calls.append((self.name, message))
        return asyncio.ensure_future(self.handle.answer(self.name, message))


class FakeHandle:
    """Calls reach the methods of `actor`."""

    def __init__(self, actor: object) -> None:
        self.actor = actor
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.is_silent = False
        self.errors: deque[Exception] = deque()
        """Raised by the next calls, one each: what Ray raises."""
        self._ray_method_signatures: dict[str, object] = {}

    def __getattr__(self, method: str) -> _Method:
        return _Method(self, method)

    async def answer(self, method: str, message: dict[str, Any]) -> Any:
        if self.is_silent:
            await asyncio.Event().wait()
        if self.errors:
            raise self.errors.popleft()
        return await getattr(self.actor, method)(message)

    def sent(self, method: str) -> list[dict[str, Any]]:
        """The messages of all calls of `method`, answered or not."""
        return [message for name, message in self.calls if name == method]
