"""The online sources of one actor, in a game."""

import asyncio
from datetime import timedelta
from typing import Any

import chess

from crabstick.game.context import GameContext, Lease, PlaySettings
from crabstick.game.game_telemetry import GameTelemetry
from crabstick.game.move_sources import MoveSources
from crabstick.game.online_sources import OnlineSources
from crabstick.game.rate_limits import RateLimits
from crabstick.rules.time_management import EngineLimits
from crabstick.settings import Settings
from tests.fakes.lichess import FakeGame, FakeMatch


class Asker:
    """Needs LICHESS_BOT_TOKEN; `online` is that section of the settings, `games` their number."""

    def __init__(self, lichess_url: str = "http://127.0.0.1:9", **online: Any) -> None:
        sections = {"lichess": {"url": lichess_url}, "online": online}
        games = {"challenges": {"max_games": online.pop("games", 1)}}
        opened = MoveSources.open(Settings.model_validate({**sections, **games}), bot="crabby")
        assert opened is not None
        assert opened.online is not None
        self.online: OnlineSources = opened.online
        self.telemetry = GameTelemetry()
        self.limits = RateLimits()
        settings = PlaySettings(
            bot="crabby",
            limits=EngineLimits(),
            overhead=timedelta(0),
            abort_after=timedelta(0),
            draw=lambda: 0.5,
        )

        async def ask_owner() -> bool:
            return True

        lease = Lease(ask_owner, asyncio.get_running_loop().time)
        link = FakeGame(FakeMatch())
        self.context = GameContext(link, lease, settings, self.limits, self.telemetry)

    async def ask(
        self,
        board: chess.Board | None = None,
        left: timedelta | None = None,
        variant: str = "standard",
    ) -> str:
        """The source and the move; empty without one."""
        found = await self.online.find(self.context, variant, board or chess.Board(), left)
        return "" if found is None else f"{found.result.source} {found.result.move.uci()}"

    def failures(self) -> int:
        counts = {name: by for name, _, by in self.telemetry.drain().counts}
        return counts.get("crabstick_source_failures_total", 0)

    async def close(self) -> None:
        """Closes the connections, which an actor keeps to its end."""
        for session in self.online._sessions.values():
            await session.close()
