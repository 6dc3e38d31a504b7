"""A plain HTTP client for the sandbox's tests, independent of crabstick's own client."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

import aiohttp

from crabstick.sandbox.testing import RunningSandbox

DEADLINE_S = 5.0
CLOCK = {"clock.limit": "60", "clock.increment": "1"}


class Lines:
    """One open stream."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self._response = response

    async def raw(self) -> bytes:
        """Read a line, or b"" at the end."""
        async with asyncio.timeout(DEADLINE_S):
            return await self._response.content.readline()

    async def next(self) -> dict[str, Any]:
        """Read the next line that is not blank."""
        while not (line := await self.raw()).strip():
            assert line, "the stream ended"
        shown: dict[str, Any] = json.loads(line)
        return shown

    async def next_of(self, kind: str) -> dict[str, Any]:
        """Read on to a line of this type."""
        while (line := await self.next())["type"] != kind:
            pass
        return line

    async def rest(self) -> list[dict[str, Any]]:
        """Read to the end of the body."""
        async with asyncio.timeout(DEADLINE_S):
            body = await self._response.content.read()
        return [json.loads(line) for line in body.splitlines() if line]

    def close(self) -> None:
        """Disconnect."""
        self._response.close()


class Client:
    """A client with the token of one user."""

    def __init__(self, sandbox: RunningSandbox, name: str, *, user_agent: str = "test/1") -> None:
        self.name = name
        self._session = aiohttp.ClientSession(
            sandbox.url,
            headers={
                "Authorization": f"Bearer {sandbox.token(name)}",
                "User-Agent": user_agent,
            },
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def get(self, path: str, **headers: str) -> tuple[int, Any]:
        """Get JSON (or text)."""
        async with self._session.get(path, headers=headers) as response:
            return response.status, _read(await response.text())

    async def post(self, path: str, **options: Any) -> tuple[int, Any]:
        """Post a form or JSON."""
        async with self._session.post(path, **options) as response:
            return response.status, _read(await response.text())

    async def delete(self, path: str) -> int:
        """Delete something."""
        async with self._session.delete(path) as response:
            return response.status

    async def open(self, path: str, *, user_agent: str | None = None) -> Lines:
        """Open a stream."""
        headers = {} if user_agent is None else {"User-Agent": user_agent}
        return Lines(await self._session.get(path, headers=headers))

    async def open_events(self) -> Lines:
        """Open the event stream."""
        return await self.open("/api/stream/event")

    async def open_game(self, game_id: str, *, user_agent: str | None = None) -> Lines:
        """Open the stream of a game."""
        return await self.open(f"/api/bot/game/stream/{game_id}", user_agent=user_agent)

    async def challenge(self, target: str, **form: str) -> str:
        """Challenge a player and return the id."""
        status, shown = await self.post(f"/api/challenge/{target}", data={**CLOCK, **form})
        assert status == 200, shown
        return str(shown["id"])

    async def command(self, game_id: str, command: str, **options: Any) -> tuple[int, Any]:
        """Send a command of a game."""
        return await self.post(f"/api/bot/game/{game_id}/{command}", **options)


@asynccontextmanager
async def two_players(sandbox: RunningSandbox) -> AsyncIterator[tuple[Client, Client, str]]:
    """Start a game: crabstick has Black, sparring1 has White."""
    async with Client(sandbox, "crabstick") as mine, Client(sandbox, "sparring1") as other:
        game_id = await other.challenge("crabstick", color="white")
        assert await mine.post(f"/api/challenge/{game_id}/accept") == (200, {"ok": True})
        yield mine, other, game_id


async def wait_until(condition: Any, limit: timedelta = timedelta(seconds=5)) -> None:
    """Poll a condition, with a deadline."""
    async with asyncio.timeout(limit.total_seconds()):
        while not condition():  # noqa: ASYNC110  (it is another thread's world)
            await asyncio.sleep(0.01)


def seeded(name: str) -> random.Random:
    """A repeatable random generator."""
    return random.Random(name)


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
