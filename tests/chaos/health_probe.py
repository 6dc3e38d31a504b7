"""Whether the bot is well: games have actors and go on, a standby waits, Lichess is heard."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp

from crabstick.errors import EnvironmentProblem
from tests.chaos.chaos_cluster import BOT, ChaosCluster

HTTP_LIMIT: Final = aiohttp.ClientTimeout(total=3)
OK: Final = 200
STANDBYS: Final = re.compile(r'^crabstick_actors\{state="standby"\} (\d+)', re.MULTILINE)
NODES: Final = re.compile(r'^crabstick_nodes\{state="alive"\} (\d+)', re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class GameNow:
    """A running game as Lichess has it at this moment."""

    id: str
    ply: int
    is_our_turn: bool


@dataclass(slots=True)
class HealthProbe:
    """Checks the bot from outside: its HTTP endpoints, and the sandbox's running games."""

    cluster: ChaosCluster
    http: aiohttp.ClientSession
    _owed: dict[str, int] = field(default_factory=dict)
    """The ply that each running game must reach to count as going on."""

    async def running(self) -> list[GameNow]:
        """The bot's games that run."""
        games = await asyncio.to_thread(self.cluster.lichess.games)
        return [
            GameNow(
                id=game["id"],
                ply=game["ply"],
                is_our_turn=game[game["turn"]] == BOT,
            )
            for game in games
            if BOT in {game["white"], game["black"]}
        ]

    async def expect_moves(self) -> None:
        """From now on a game without a new move of ours is a problem."""
        self._owed = {game.id: game.ply + 2 for game in await self.running()}

    async def problem(self) -> str:
        """What is wrong; empty when the bot is well."""
        try:
            return await self._problem()
        except (aiohttp.ClientError, TimeoutError, OSError, EnvironmentProblem) as error:
            return f"{type(error).__name__}: {error}"

    async def _problem(self) -> str:
        running = {game.id: game for game in await self.running()}
        for game_id, ply in self._owed.items():
            if game_id in running and running[game_id].ply < ply:
                return f"the game {game_id} stands still"
        return await self._managers_problem(running)

    async def _managers_problem(self, running: Mapping[str, GameNow]) -> str:
        for page in ("/livez", "/readyz"):
            async with self.http.get(self.cluster.http + page) as answer:
                if answer.status != OK:
                    return f"{page} says {answer.status}"
        if missing := await asyncio.to_thread(self.cluster.missing):
            return f"no {missing[0]} runs"
        rows = {row["id"]: row for row in await self.games()}
        for game_id in running:
            if not rows.get(game_id, {}).get("actor"):
                return f"no actor plays {game_id}"
        metrics = await self._text("/metrics")
        if not _figure(STANDBYS, metrics):
            return "no actor is on standby"
        expected = len(self.cluster.workers) or 1
        if (nodes := _figure(NODES, metrics)) != expected:
            return f"{nodes} of {expected} nodes are there"
        return ""

    async def games(self) -> list[Mapping[str, Any]]:
        """The rows of `/games`."""
        async with self.http.get(f"{self.cluster.http}/games") as answer:
            rows: list[Mapping[str, Any]] = (await answer.json()).get("games", [])
            return rows

    async def standbys(self) -> int:
        """How many actors are on standby."""
        return _figure(STANDBYS, await self._text("/metrics"))

    async def _text(self, page: str) -> str:
        async with self.http.get(self.cluster.http + page) as answer:
            return await answer.text()


def _figure(pattern: re.Pattern[str], text: str) -> int:
    match = pattern.search(text)
    return int(float(match[1])) if match else 0
