"""Faults of Lichess and of the way to it."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Final

import aiohttp

from tests.chaos.arena import BOT
from tests.chaos.scene import MOMENT_LIMIT_S, NotNow, Scene, find_victim, frozen

__all__ = ["fail_calls", "fail_everything", "freeze_lichess", "listen_too", "strike_streams"]

NO_MORE: Final[Mapping[str, int]] = {}
LOOK_S: Final = 0.1


async def strike_streams(scene: Scene, kind: str, endpoint: str, **more: str) -> str | None:
    game = (await find_victim(scene)).game if endpoint == "game-stream" else None
    where = {"endpoint": endpoint, "user": BOT, **({"game": game} if game else {}), **more}
    span = {"seconds": scene.span_s} if kind == "silence" else {}
    armed = await asyncio.to_thread(partial(scene.arena.lichess.arm, kind, **where, **span))
    if not armed["streams"]:
        raise NotNow("no such stream is open")
    await asyncio.sleep(scene.span_s)
    return game


async def fail_calls(
    scene: Scene, kind: str, endpoint: str, how: Mapping[str, int] = NO_MORE
) -> str | None:
    """Fails the next call of that kind, and waits until it has."""
    lichess = scene.arena.lichess
    game = (await find_victim(scene)).game if endpoint in {"move", "game-stream"} else None
    where: dict[str, str | int] = {
        "endpoint": endpoint,
        "user": BOT,
        **({"game": game} if game else {}),
        **how,
    }
    await asyncio.to_thread(partial(lichess.arm, kind, **where))
    if endpoint.endswith("-stream"):
        await _strike_streams_of(scene, endpoint, game)
    until_s = time.monotonic() + MOMENT_LIMIT_S * 2
    while await asyncio.to_thread(lichess.armed):
        if time.monotonic() > until_s:
            await asyncio.to_thread(lichess.heal)
            raise NotNow(f"nobody called {endpoint}")
        await asyncio.sleep(0.1)
    return game


async def _strike_streams_of(scene: Scene, endpoint: str, game: str | None) -> None:
    """Has the bot open them anew."""
    where = {"endpoint": endpoint, "user": BOT, **({"game": game} if game else {})}
    await asyncio.to_thread(partial(scene.arena.lichess.arm, "cut", **where))


async def freeze_lichess(scene: Scene) -> None:
    with frozen(scene.arena.lichess.pid):
        await asyncio.sleep(scene.span_s)


async def fail_everything(scene: Scene) -> None:
    lichess = scene.arena.lichess
    await asyncio.to_thread(
        partial(lichess.arm, "server-error", status=503, user=BOT, times=1_000_000)
    )
    await asyncio.to_thread(partial(lichess.arm, "cut", user=BOT))
    try:
        await asyncio.sleep(scene.span_s)
    finally:
        await asyncio.to_thread(lichess.heal)


async def listen_too(scene: Scene) -> None:
    """Somebody else opens the event stream with the bot's token, and again when it was ended."""
    headers = {
        "Authorization": f"Bearer {scene.arena.lichess.tokens[BOT]}",
        "User-Agent": "another bot",
    }
    until_s = time.monotonic() + scene.span_s
    async with aiohttp.ClientSession(headers=headers) as session:
        while time.monotonic() < until_s:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with (
                    asyncio.timeout(scene.span_s),
                    session.get(f"{scene.arena.lichess.url}/api/stream/event") as stream,
                ):
                    await stream.read()
            await asyncio.sleep(1)
