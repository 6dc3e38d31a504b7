"""The two set-ups of the contract tests: the fake ports, and the real ports over a sandbox."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta
from itertools import count
from typing import Protocol

import aiohttp
import chess
from pydantic import SecretStr

from crabstick.errors import RateLimited, Unavailable
from crabstick.lichess.account_client import open_lichess
from crabstick.lichess.game_client import open_games
from crabstick.lichess.interface import GamesPort, LichessPort
from crabstick.rules.lichess_types import (
    Challenge,
    Clock,
    GameId,
    GameSummary,
    LichessPlayer,
    Limited,
)
from crabstick.sandbox.options import Options
from crabstick.sandbox.testing import RunningSandbox, running
from tests.fakes.lichess import FakeGames, FakeLichess, FakeMatch


class Stage(Protocol):
    """The bot's ports, and the actions of everyone else."""

    lichess: LichessPort
    games: GamesPort

    async def challenge(self) -> GameId:
        """Another player challenges the bot to 5+3, and wants Black."""

    async def start_game(self) -> GameId:
        """A game begins in which the bot has White."""

    async def opponent_plays(self, game_id: GameId, uci: str) -> None:
        """The opponent moves."""

    async def opponent_offers_draw(self, game_id: GameId) -> None:
        """The opponent offers a draw."""

    async def keep_alive(self) -> None:
        """Each stream soon gets an empty line."""

    async def limit_next(self, endpoint: str, wait: timedelta) -> None:
        """The next call to this endpoint gets a 429."""

    async def lose_next_answer(self) -> None:
        """The next move is played, but its response is lost."""

    async def cut(self, *, cleanly: bool) -> None:
        """All streams end."""


class FakeStage:
    """The fakes."""

    def __init__(self) -> None:
        self.server = FakeLichess()
        self.lichess: LichessPort = self.server
        self.links = FakeGames()
        self.games: GamesPort = self.links
        self._ids = count(1)

    async def challenge(self) -> GameId:
        challenge = Challenge(
            id=GameId(f"game{next(self._ids):04}"),
            challenger=LichessPlayer(name="zeekat"),
            dest_user=LichessPlayer(name="crabby", title="BOT"),
            variant="standard",
            rated=False,
            speed="blitz",
            clock=Clock(initial=timedelta(minutes=5), increment=timedelta(seconds=3)),
            time_control="clock",
        )
        self.server.challenged(challenge)
        return challenge.id

    async def start_game(self) -> GameId:
        match = FakeMatch(GameId(f"game{next(self._ids):04}"))
        self.links.matches[match.id] = match
        self.server.started(
            GameSummary(
                id=match.id,
                color=match.our_color,
                opponent=match.players[chess.BLACK],
                speed="blitz",
                is_my_turn=True,
            )
        )
        return match.id

    async def opponent_plays(self, game_id: GameId, uci: str) -> None:
        self.links.matches[game_id].opponent_plays(uci)

    async def opponent_offers_draw(self, game_id: GameId) -> None:
        self.links.matches[game_id].offer_draw()

    async def keep_alive(self) -> None:
        self.server.send(None)
        for match in self.links.matches.values():
            match.send(None)

    async def limit_next(self, endpoint: str, wait: timedelta) -> None:
        if endpoint == "move":
            for match in self.links.matches.values():
                match.next_outcomes.append(Limited(retry_after=wait))
        else:
            self.server.faults.append(RateLimited("slow down", wait))

    async def lose_next_answer(self) -> None:
        for match in self.links.matches.values():
            match.lost_answers = 1

    async def cut(self, *, cleanly: bool) -> None:
        how = None if cleanly else Unavailable("cut")
        self.server.end_stream(how)
        for match in self.links.matches.values():
            match.end_stream(how)


class SandboxStage:
    """The real ports, over HTTP; other players use the sandbox without our code."""

    def __init__(self, sandbox: RunningSandbox, world: aiohttp.ClientSession) -> None:
        token = SecretStr(sandbox.token("crabstick"))
        self.lichess: LichessPort = open_lichess(sandbox.url, token, "crabstick")
        self.games: GamesPort = open_games(sandbox.url, token, "crabstick")
        self._sandbox = sandbox
        self._world = world

    async def challenge(self) -> GameId:
        form = {"clock.limit": "300", "clock.increment": "3", "color": "black"}
        made = await self._post("sparring1", "/api/challenge/crabstick", form)
        return GameId(str(made["id"]))

    async def start_game(self) -> GameId:
        game_id = await self.challenge()
        await self._post("crabstick", f"/api/challenge/{game_id}/accept")
        return game_id

    async def opponent_plays(self, game_id: GameId, uci: str) -> None:
        await self._post("sparring1", f"/api/bot/game/{game_id}/move/{uci}")

    async def opponent_offers_draw(self, game_id: GameId) -> None:
        await self._post("sparring1", f"/api/bot/game/{game_id}/draw/yes")

    async def keep_alive(self) -> None:
        """Keep-alives come by themselves, see `a_sandbox_stage`."""

    async def limit_next(self, endpoint: str, wait: timedelta) -> None:
        await self._arm("rate-limit", endpoint=endpoint, retry_after_s=int(wait.total_seconds()))

    async def lose_next_answer(self) -> None:
        await self._arm("lose-answer", endpoint="move")

    async def cut(self, *, cleanly: bool) -> None:
        await self._arm("cut", how="end" if cleanly else "reset")

    async def _arm(self, kind: str, **fields: str | float | bool) -> None:
        await asyncio.to_thread(self._sandbox.arm, kind, **fields)

    async def _post(
        self, user: str, path: str, form: dict[str, str] | None = None
    ) -> dict[str, object]:
        headers = {"Authorization": f"Bearer {self._sandbox.token(user)}"}
        async with self._world.post(self._sandbox.url + path, data=form, headers=headers) as reply:
            answer: dict[str, object] = await reply.json()
            assert reply.status == 200, answer
            return answer


@asynccontextmanager
async def a_fake_stage() -> AsyncGenerator[Stage, None]:
    """The fakes."""
    yield FakeStage()


@asynccontextmanager
async def a_sandbox_stage() -> AsyncGenerator[Stage, None]:
    """A fresh sandbox that sends keep-alives often."""
    options = Options(rate_limits=False, keep_alive=timedelta(milliseconds=200))
    with running(options=options) as sandbox:
        async with aiohttp.ClientSession() as world:
            stage = SandboxStage(sandbox, world)
            try:
                yield stage
            finally:
                await stage.games.close()
                await stage.lichess.close()
