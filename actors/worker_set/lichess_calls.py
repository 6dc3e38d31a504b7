"""The WorkerSet's own calls to Lichess: which games run, and resigning a hopeless one.

The calls heed the bot's rate limits, and add the limits that they hit.
"""

import asyncio
from datetime import timedelta

from pydantic import SecretStr

from actors.messages import ActorConfig
from crabstick.errors import CrabstickError, RateLimited
from crabstick.game.rate_limits import RateLimits
from crabstick.lichess.game_client import open_games
from crabstick.lichess.interface import GamesPort, LichessPort
from crabstick.rules.lichess_types import Endpoint, GameId, GameSummary, Limited
from crabstick.rules.retry import cool_down
from crabstick.settings import Settings, read_token
from crabstick.telemetry import log_events
from crabstick.telemetry.bot_metrics import BotMetrics
from crabstick.telemetry.logs import get_logger

RESIGN_TRIES = 3


class LichessCalls:
    """Opens its connections when they are first needed.

    Args:
        config: names the bot and its settings.
        rate_limits: the limits to heed.
        metrics: counts each 429.
        lichess: None is the server in the settings.
        games: None is the same server.
    """

    def __init__(
        self,
        config: ActorConfig,
        rate_limits: RateLimits,
        metrics: BotMetrics,
        *,
        lichess: LichessPort | None,
        games: GamesPort | None,
    ) -> None:
        self._config = config
        self._rate_limits = rate_limits
        self._metrics = metrics
        self._lichess = lichess
        self._games = games

    async def playing(self) -> tuple[GameSummary, ...]:
        """The games that Lichess says are running; none while it limits us.

        Raises:
            CrabstickError: Lichess cannot be asked.
        """
        if self._rate_limits.wait("account"):
            return ()
        try:
            return await self._lichess_port().playing()
        except RateLimited as error:
            self._limited("account", error.retry_after)
            raise

    async def resign(self, game: GameId) -> None:
        """Forfeits a game by resigning; Lichess aborts the game instead while that is possible."""
        self._metrics.inc("crabstick_games_forfeited_total")
        try:
            for _ in range(RESIGN_TRIES):
                await asyncio.sleep(self._rate_limits.wait("command").total_seconds())
                outcome = await self._games_port().game(game).resign()
                get_logger().info(log_events.GAME_RESIGNED, game_id=game, outcome=repr(outcome))
                if not isinstance(outcome, Limited):
                    return
                self._limited("command", outcome.retry_after)
        except CrabstickError as error:
            get_logger().warning(log_events.GAME_RESIGNED, game_id=game, outcome=str(error))

    def _limited(self, endpoint: Endpoint, asked: timedelta | None) -> None:
        self._metrics.inc("crabstick_rate_limited_total", endpoint)
        self._rate_limits.hit(endpoint, cool_down(asked))

    def _lichess_port(self) -> LichessPort:
        if self._lichess is None:
            # A process that gets our handle imports this module: berserk would cost each 4 MB.
            from crabstick.lichess.account_client import open_lichess  # noqa: PLC0415

            self._lichess = open_lichess(*self._server())
        return self._lichess

    def _games_port(self) -> GamesPort:
        if self._games is None:
            self._games = open_games(*self._server())
        return self._games

    def _server(self) -> tuple[str, SecretStr, str]:
        """The server's URL, the token and the bot's name."""
        settings = Settings.from_message(self._config.settings)
        return settings.lichess.url, read_token(settings), self._config.bot
