"""Faults of Lichess and of the way to it."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from typing import Final

import aiohttp

from tests.chaos.chaos_cluster import BOT
from tests.chaos.target import PHASE_LIMIT_S, NotNow, Target, find_actor, frozen

NO_MORE: Final[Mapping[str, int]] = {}
POLL_S: Final = 0.1


async def strike_streams(target: Target, kind: str, endpoint: str, **more: str) -> str | None:
    game = (await find_actor(target)).game if endpoint == "game-stream" else None
    where = {"endpoint": endpoint, "user": BOT, **({"game": game} if game else {}), **more}
    span = {"seconds": target.span_s} if kind == "silence" else {}
    armed = await asyncio.to_thread(partial(target.cluster.lichess.arm, kind, **where, **span))
    if not armed["streams"]:
        raise NotNow("no such stream is open")
    await asyncio.sleep(target.span_s)
    return game


async def fail_calls(
    target: Target, kind: str, endpoint: str, how: Mapping[str, int] = NO_MORE
) -> str | None:
    """Fails the next call of that kind, and waits until it has."""
    lichess = target.cluster.lichess
    game = (await find_actor(target)).game if endpoint in {"move", "game-stream"} else None
    where: dict[str, str | int] = {
        "endpoint": endpoint,
        "user": BOT,
        **({"game": game} if game else {}),
        **how,
    }
    await asyncio.to_thread(partial(lichess.arm, kind, **where))
    if endpoint.endswith("-stream"):
        await _strike_streams_of(target, endpoint, game)
    until_s = time.monotonic() + PHASE_LIMIT_S * 2
    while await asyncio.to_thread(lichess.armed):
        if time.monotonic() > until_s:
            await asyncio.to_thread(lichess.heal)
            raise NotNow(f"no call of {endpoint} came")
        await asyncio.sleep(0.1)
    return game


async def _strike_streams_of(target: Target, endpoint: str, game: str | None) -> None:
    """Makes the bot open them anew."""
    where = {"endpoint": endpoint, "user": BOT, **({"game": game} if game else {})}
    await asyncio.to_thread(partial(target.cluster.lichess.arm, "cut", **where))


async def freeze_lichess(target: Target) -> None:
    with frozen(target.cluster.lichess.pid):
        await asyncio.sleep(target.span_s)


async def fail_everything(target: Target) -> None:
    lichess = target.cluster.lichess
    await asyncio.to_thread(
        partial(lichess.arm, "server-error", status=503, user=BOT, times=1_000_000)
    )
    await asyncio.to_thread(partial(lichess.arm, "cut", user=BOT))
    try:
        await asyncio.sleep(target.span_s)
    finally:
        await asyncio.to_thread(lichess.heal)


async def open_second_stream(target: Target) -> None:
    """Opens the event stream with the bot's token, and again whenever it ends."""
    headers = {
        "Authorization": f"Bearer {target.cluster.lichess.tokens[BOT]}",
        "User-Agent": "another bot",
    }
    until_s = time.monotonic() + target.span_s
    async with aiohttp.ClientSession(headers=headers) as session:
        while time.monotonic() < until_s:
            with suppress(aiohttp.ClientError, TimeoutError):
                async with (
                    asyncio.timeout(target.span_s),
                    session.get(f"{target.cluster.lichess.url}/api/stream/event") as stream,
                ):
                    await stream.read()
            await asyncio.sleep(1)
