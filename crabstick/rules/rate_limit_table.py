"""Until when Lichess's rate limits make the bot wait: a table that all processes share.

Pure. Lichess limits the account, not the process that met the 429. Of two entries for one endpoint
the later moment wins, so messages may be lost, repeated or reordered: processes that have merged
the same entries have the same table. Moments are Unix time in ms, since processes exchange them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal, get_args

from crabstick.rules.retry import LONGEST_COOL_DOWN

Endpoint = Literal[
    "event_stream", "game_stream", "move", "command", "challenge", "bot_game", "account"
]
"""Lichess's endpoints in classes: a 429 makes the whole class wait.

`command` ends a game (abort, resign, claim victory). `bot_game` accepts another bot's challenge, a
hundred times a day; challenges of people can still be accepted then, and any challenge declined.
"""
ENDPOINTS: Final[tuple[Endpoint, ...]] = get_args(Endpoint)
STREAM_BUDGET: Final = "openings"
"""The entry of `rules.stream_budget`: when all openings of the event stream are forgiven."""
BOT_GAMES_KEY: Final = "bot.vsBot.day"
"""Source: lila, `ratelimit.key` in the response to a challenge between bots."""

_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class RateLimitTable:
    """Until when each endpoint waits; one that is missing, or in the past, is free."""

    until_ms: Mapping[str, int] = field(default_factory=dict)

    def merged(self, other: Mapping[str, int]) -> "RateLimitTable":
        """This table with the entries of another; the later moment wins."""
        known = self.until_ms
        latest = {what: max(known.get(what, ms), ms) for what, ms in other.items()}
        return RateLimitTable({**known, **latest})

    def wait(self, what: str, now_ms: float) -> timedelta:
        """How long `what` still waits: at most a day, even if another node's clock is wrong."""
        left = (self.until_ms.get(what, 0) - now_ms) * _MS
        return max(timedelta(0), min(left, LONGEST_COOL_DOWN))

    def pending(self, now_ms: float) -> dict[str, int]:
        """The entries that still wait."""
        return {what: ms for what, ms in self.until_ms.items() if ms > now_ms}


def endpoint_for(key: str) -> Endpoint:
    """The endpoint that a 429 to a challenge limits, by the `ratelimit.key` in its body."""
    return "bot_game" if key == BOT_GAMES_KEY else "challenge"
