"""`python -m benchmarks.baseline_bot URL`: the leanest bot one would write, as a baseline for ours.

One process and one event loop for all games, aiohttp, python-chess, one engine process per game.
The bot accepts every challenge, and survives no failure. Milliseconds of two machines cannot be
compared, but the ratio to this bot in the same run can. The token is in LICHESS_BOT_TOKEN.
"""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import aiohttp
import chess
import chess.engine

from crabstick.sandbox.testing import RunningSandbox
from crabstick.settings import TOKEN_VARIABLE
from crabstick.terminal.local_stack import local_lichess

ENGINE = [sys.executable, "-m", "engine.fake", "--mode", "instant"]
Line = dict[str, Any]


@contextmanager
def baseline_bot(bot: str, opponents: int) -> Iterator[RunningSandbox]:
    """A local Lichess on which the bare bot plays under the name `bot`."""
    names = [bot, *(f"sparring{number}" for number in range(1, opponents + 1))]
    with local_lichess(names) as lichess:
        child = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.baseline_bot", lichess.url],
            env={**os.environ, TOKEN_VARIABLE: lichess.token(bot)},
            stdin=subprocess.DEVNULL,
        )
        try:
            yield lichess
        finally:
            child.terminate()  # its engines leave at the end of their input
            child.wait()


async def main(url: str) -> None:
    """Plays until it is ended."""
    headers = {"Authorization": f"Bearer {os.environ[TOKEN_VARIABLE]}"}
    no_limit = aiohttp.ClientTimeout(total=None)
    async with (
        aiohttp.ClientSession(
            url, headers=headers, timeout=no_limit, connector=aiohttp.TCPConnector(limit=0)
        ) as http,
        asyncio.TaskGroup() as games,
    ):
        me = (await _json(http.get("/api/account")))["id"]
        async for event in _lines(http, "/api/stream/event"):
            if event["type"] == "challenge" and event["challenge"]["challenger"]["id"] != me:
                await _json(http.post(f"/api/challenge/{event['challenge']['id']}/accept"))
            elif event["type"] == "gameStart":
                games.create_task(_play(http, event["game"]["gameId"], me))


async def _play(http: aiohttp.ClientSession, game_id: str, me: str) -> None:
    _, engine = await chess.engine.popen_uci(ENGINE)
    board, ours = chess.Board(), chess.WHITE
    async for line in _lines(http, f"/api/bot/game/stream/{game_id}"):
        if line["type"] == "gameFull":
            ours = line["white"].get("id") == me
        state = line.get("state", line)
        if state["type"] != "gameState":
            continue
        if state["status"] != "started":
            break
        for move in state["moves"].split()[len(board.move_stack) :]:
            board.push_uci(move)
        if board.turn == ours:
            found = await engine.play(board, _limit(state))
            await _json(http.post(f"/api/bot/game/{game_id}/move/{found.move}"))
    await engine.quit()


def _limit(state: Line) -> chess.engine.Limit:
    return chess.engine.Limit(
        white_clock=state["wtime"] / 1000,
        black_clock=state["btime"] / 1000,
        white_inc=state["winc"] / 1000,
        black_inc=state["binc"] / 1000,
    )


async def _lines(http: aiohttp.ClientSession, path: str) -> AsyncIterator[Line]:
    async with http.get(path) as response:
        async for line in response.content:
            if line.strip():
                yield json.loads(line)


async def _json(request: "aiohttp.client._RequestContextManager") -> Line:
    async with request as response:
        answer: Line = await response.json()
        return answer


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(main(sys.argv[1]))
